"""Which formats articles come in: light, since the command line's choices are made of it."""

import codecs
from typing import Literal, get_args

# The formats of files, and the suffixes by which "auto" knows them. A new format is an entry here
# and a module: "csv" is the class `CsvSource` in simrec/articles/sources/csv_source.py.
FORMATS: dict[str, tuple[str, ...]] = {
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "json": (),  # a .json file that is no JSONL
    "csv": (".csv", ".tsv"),
    "parquet": (".parquet",),
    "feed": (".rss", ".atom", ".rdf", ".xml"),
    "folder": (".zip",),
    # Exports of sites, which "auto" knows by what is in a .json or .xml file.
    "wordpress": (),
    "wordpressrest": (),
    "ghost": (),
    "blogger": (),
    "drupal": (),
    "jsonfeed": (),
}
SOURCE_FORMATS = ("auto", *FORMATS)
BodyKind = Literal["auto", "text", "html", "markdown"]
BODY_KINDS: tuple[str, ...] = get_args(BodyKind)


def is_text_encoding(name: str) -> bool:
    """Tell whether Python has an encoding of texts by that name."""
    try:
        return isinstance(codecs.encode("", name), bytes)
    except (LookupError, ValueError, TypeError):
        return False
