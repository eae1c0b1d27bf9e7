"""Sinks that are folders with one JSON file an article, for pages that fetch their own list."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from simrec import files
from simrec.config import SinkConfig
from simrec.errors import ConfigError
from simrec.files import JsonObject
from simrec.manifest import Manifest
from simrec.sinks.file_names import file_name, is_leftover
from simrec.sinks.folder_sink import as_json, record_of
from simrec.sinks.nested_lists import NestedList, check_lists, nested_lists
from simrec.sinks.sink_table import SinkTable

SUFFIX = ".json"
RECORD = "_release.json"  # no file of an id begins so
SIMILAR = "similar"


class FileCounts(NamedTuple):
    """How many files of a folder were written and removed."""

    written: int
    removed: int

    def __str__(self) -> str:
        return f"{self.written:,} files written, {self.removed:,} removed"


def write(sink: SinkConfig, table: SinkTable, manifest: Manifest) -> FileCounts | None:
    """Write the files that differ and remove those of articles that are gone; None if none are.

    Each file is the old one or the new one, whole. While files are changed there is no record of
    a release, so that a run that was killed is gone on with: the next one compares all files.
    ConfigError, before anything is changed, for a file in the way that is not of a list.
    """
    check_lists(table, sink.format)
    folder = Path(sink.path)
    record = record_of(sink, manifest) | {"table": table.name}
    if _holds(folder, record):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    subject = table.column_names[0]
    gone = _find_gone(folder, table, subject)
    files.remove(folder / RECORD)
    changed = []
    for nested in nested_lists(table):
        path = folder / file_name(nested.name, SUFFIX)
        content = content_of(nested)
        if not path.exists() or path.read_bytes() != content:
            files.write_unsynced(path, content)
            changed.append(path)
    for path in gone:
        files.remove(path)
    for path in [*changed, folder]:
        files.sync(path)
    files.write_json(folder / RECORD, record | _sizes(folder))
    return FileCounts(len(changed), len(gone))


def content_of(nested: NestedList) -> bytes:
    """Return what the file of a list holds."""
    return (as_json({**nested.values, SIMILAR: nested.similar}) + "\n").encode()


def _find_gone(folder: Path, table: SinkTable, subject: str) -> list[Path]:
    """Return the files of ids that are gone, and remove what a killed run left.

    Raises ConfigError for a file that is in the way and does not hold the list of its id.
    """
    due = {file_name(name, SUFFIX) for name in table.ids()}
    gone = []
    for path in _files(folder):
        if is_leftover(path.name):
            files.remove(path)
        elif path.name.endswith(SUFFIX) and path.name != RECORD:
            is_ours = _is_list(path, subject)
            if path.name in due and not is_ours:
                raise ConfigError(
                    f"{path}: simrec did not write this file and would replace it; nothing was "
                    "changed. Move it, or name another folder"
                )
            if path.name not in due and is_ours:
                gone.append(path)
    return sorted(gone)


def _is_list(path: Path, subject: str) -> bool:
    """Tell whether a file holds the list of the id that it is named by."""
    try:
        content = json.loads(path.read_bytes())
        return file_name(content[subject], SUFFIX) == path.name and SIMILAR in content
    except (ValueError, LookupError, TypeError, AttributeError):
        return False


def _holds(folder: Path, record: JsonObject) -> bool:
    try:
        found = json.loads((folder / RECORD).read_bytes())
        return bool(found == record | _sizes(folder))
    except (FileNotFoundError, ValueError, TypeError):
        return False


def _sizes(folder: Path) -> JsonObject:
    """Return how many files of ids a folder holds, and how many bytes they have together."""
    sizes = [
        path.stat().st_size
        for path in _files(folder)
        if path.name.endswith(SUFFIX) and path.name != RECORD
    ]
    return {"files": len(sizes), "bytes": sum(sizes)}


def _files(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield folder / entry.name
