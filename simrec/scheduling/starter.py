"""A first configuration file, with comments, for somebody to go on with."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from simrec.config import SINK_FORMATS, Config, Fields, SinkConfig, SourceConfig
from simrec.config_text import toml_value
from simrec.scheduling.schedule import read_template

COMMENTED_FIELDS = ("title", "text", "account", "published_at")
NO_SINK = f"""\
# [[sinks]]
# path = "export"               # a folder
# format = "jsonl"              # {", ".join(SINK_FORMATS)}
# columns = ["title", "url"]    # what a page needs of the articles in a list
# url = "sqlite:///site.db"     # instead of a path: a database
"""


def starter_text(config: Config, folder: Path) -> str:
    """Return the text of a configuration file in a folder; absolute paths below it become short."""
    return read_template("starter.toml").substitute(
        sources="\n".join(_places("sources", config.sources, folder)),
        fields="\n".join(_field_lines(config.fields)),
        sync=toml_value(config.ingest.sync),
        sinks="\n".join(_places("sinks", config.sinks, folder)) or NO_SINK,
    )


def _places(
    name: str, places: tuple[SourceConfig, ...] | tuple[SinkConfig, ...], folder: Path
) -> Iterator[str]:
    for place in places:
        yield f"[[{name}]]"
        for field in msgspec.structs.fields(place):
            value = getattr(place, field.name)
            if value == field.default:
                continue
            if field.name == "path":
                value = _short(value, folder)
            yield f"{field.name} = {toml_value(msgspec.to_builtins(value))}"
        yield ""


def _short(path: str, folder: Path) -> str:
    if Path(path).is_relative_to(folder):
        return str(Path(path).relative_to(folder))
    return path


def _field_lines(fields: Fields) -> Iterator[str]:
    named: Mapping[str, str] = msgspec.to_builtins(fields)
    defaults = msgspec.to_builtins(Fields())
    for name, column in named.items():
        line = f"{name} = {toml_value(column)}"
        if column != defaults[name]:
            yield line
        elif name in COMMENTED_FIELDS:
            yield f"# {line}"
