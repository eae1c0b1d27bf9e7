"""Sinks that are folders of Markdown files: the list of an article is a field of its front matter.

Other sites are built from such files by Hugo, Jekyll, Eleventy, Pelican and the like.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from simrec import files
from simrec.config import SinkConfig
from simrec.errors import ConfigError
from simrec.sinks.front_matter_edit import Entry, NotEditableError, set_field
from simrec.sinks.nested_lists import NestedList, nested_lists
from simrec.sinks.sink_table import SinkTable

logger = logging.getLogger(__name__)

SUFFIXES = (".md", ".markdown", ".mdown", ".mkd")
LEFTOVER = re.compile(rf"\.(.+)\.[0-9a-f]{{32}}{re.escape(files.TEMPORARY)}", re.DOTALL)
NAMED_FILES = 3  # that could not be edited
TRIES = 3  # of a file that somebody else writes at the same moment


class EditCounts(NamedTuple):
    """How many files there are, and how many of them were changed."""

    files: int
    changed: int

    def __str__(self) -> str:
        return f"front matter of {self.changed:,} of {self.files:,} files written"


def write(sink: SinkConfig, table: SinkTable, origins: Iterable[tuple[str, str]]) -> EditCounts:
    """Write the list of every article into the front matter of the file that it came from.

    `origins` are (id, file) of all articles. A file is replaced whole, and only if its list
    differs; one that has no front matter, or none that can be edited, is named and left alone.
    """
    folder = Path(sink.path).resolve()
    path_of = dict(_files_below(folder, origins))
    if not path_of:
        raise ConfigError(
            f"{sink.path}: no article came from a Markdown file below this folder; "
            "format front_matter needs it as a source"
        )
    _remove_leftovers(path_of.values())
    changed = 0
    left = []
    for nested in nested_lists(table):
        path = path_of.get(nested.name)
        if path is None:
            continue
        try:
            changed += _edit(path, sink.key, _entries(nested, table))
        except (NotEditableError, UnicodeDecodeError) as problem:
            left.append(f"{path}: {problem}")
    if left:
        more = f", and {len(left) - NAMED_FILES:,} others" if len(left) > NAMED_FILES else ""
        logger.warning(
            "export: %d files are left as they are: %s%s",
            len(left),
            "; ".join(left[:NAMED_FILES]),
            more,
        )
    return EditCounts(len(path_of), changed)


def _files_below(folder: Path, origins: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Path]]:
    """Yield the Markdown files below a folder that articles came from, and that are still there."""
    for name, origin in origins:
        if not origin.lower().endswith(SUFFIXES):
            continue
        path = Path(origin).resolve()  # of a link the file that it leads to
        if path.is_relative_to(folder) and path.is_file():
            yield name, path


def _remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove what a killed run left beside files, and no other file."""
    names_of: dict[Path, set[str]] = {}
    for path in paths:
        names_of.setdefault(path.parent, set()).add(path.name)
    for folder, names in names_of.items():
        for leftover in folder.glob(f".*{files.TEMPORARY}"):
            temporary = LEFTOVER.fullmatch(leftover.name)
            if temporary and temporary[1] in names:
                files.remove(leftover)


def _entries(nested: NestedList, table: SinkTable) -> list[Entry]:
    """Return what a template needs: ids, or ids with the columns that were asked for.

    No score: it would change a file where nothing changed on the page.
    """
    entries: list[Entry] = []
    for similar in nested.similar:
        if not table.added:
            entries.append(similar["id"])
            continue
        columns = {name: similar[name] for name in table.added if similar[name] is not None}
        entries.append({"id": similar["id"], **columns})
    return entries


def _edit(path: Path, key: str, entries: list[Entry]) -> bool:
    """Set the field of a file; return whether it had to be changed."""
    for _ in range(TRIES):
        before = path.stat()
        text = path.read_bytes().decode("utf-8")
        edited = set_field(text, key, entries)
        if edited == text:
            return False
        now = path.stat()
        if (now.st_mtime_ns, now.st_size) == (before.st_mtime_ns, before.st_size):
            files.rewrite(path, edited.encode())
            return True
    raise NotEditableError("it is being written by somebody else")
