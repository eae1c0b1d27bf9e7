"""Sinks that are folders: each table a JSONL, JSON, CSV or Parquet file that is replaced whole."""

import csv
import json
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from simrec import files
from simrec.config import SinkConfig
from simrec.files import JsonObject
from simrec.manifest import Manifest
from simrec.recommend.tables.parquet import TYPES
from simrec.recommend.tables.schema import SCORE_DECIMALS
from simrec.sinks.nested_lists import check_lists, nested_lists
from simrec.sinks.partitioned_parquet import is_partition, leftovers, write_partitions
from simrec.sinks.sink_table import SinkTable

RECORD = "release.json"  # written last: the files that it names are there
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs a cell that begins so
SUFFIXES = {"nested": "jsonl", "data": "json"}  # of formats that are not called by theirs


def write(sink: SinkConfig, tables: Sequence[SinkTable], manifest: Manifest) -> bool:
    """Write the tables of a release into a folder; return False if it holds them already.

    All files are written beside their places first, so that a full disk leaves the old ones whole.
    """
    folder = Path(sink.path)
    record = record_of(sink, manifest)
    suffix = SUFFIXES.get(sink.format, sink.format)
    table_of_file = {f"{table.name}.{suffix}": table for table in tables}
    parted = {name for name, table in table_of_file.items() if sink.partition_by in table.added}
    before = _recorded(folder)
    if _holds(folder, record, before, table_of_file.keys() - parted):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder, [*table_of_file, RECORD])
    names: list[str] = []
    with ExitStack() as written:
        for name, table in table_of_file.items():
            if name in parted:
                names += _write_partitions(folder, table, sink.partition_by, written)
                continue
            names.append(name)
            path = written.enter_context(files.atomic_path(folder / name))
            WRITERS[sink.format](table, path)
    _write_record(folder, record, names)
    for name in before.keys() - set(names):
        # Of a value that no article has any more, or of a table that is parted now.
        if is_partition(name) or name in parted:
            files.remove(folder / name)
    return True


def _write_record(folder: Path, record: JsonObject, names: Sequence[str]) -> None:
    facts = {}
    for name in names:
        size = (folder / name).stat().st_size
        facts[name] = {"bytes": size, "sha256": files.sha256(folder / name)}
    files.write_json(folder / RECORD, {**record, "files": facts})


def _write_partitions(folder: Path, table: SinkTable, column: str, written: ExitStack) -> list[str]:
    for leftover in leftovers(folder, table):
        files.remove(leftover)
    return write_partitions(folder, table, column, written)


def record_of(sink: SinkConfig, manifest: Manifest) -> JsonObject:
    """Return what says which release a folder holds, and in what form where that is not plain."""
    record: JsonObject = {
        "release_id": manifest.release_id,
        "released_at": manifest.created_at,
    }
    if sink.format in SUFFIXES:
        record["format"] = sink.format
    if sink.columns:
        record["columns"] = list(sink.columns)
    if sink.places:
        record["places"] = sink.places
    if sink.partition_by:
        record["partition_by"] = sink.partition_by
        record["tables"] = list(sink.table_names)
    return record


def _recorded(folder: Path) -> dict[str, int]:
    """Return the sizes of the files that the record names; nothing where it is none of ours."""
    try:
        found = json.loads((folder / RECORD).read_bytes())
        return {str(name): int(facts["bytes"]) for name, facts in found["files"].items()}
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _holds(
    folder: Path, record: JsonObject, recorded: Mapping[str, int], due: Collection[str]
) -> bool:
    """Tell whether the folder holds the files of this release, by the record and their sizes."""
    try:
        found = json.loads((folder / RECORD).read_bytes())
        del found["files"]
        sizes = {name: (folder / name).stat().st_size for name in recorded}
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return False  # there is none yet, or it is not ours: it is written
    whole = {name for name in recorded if not is_partition(name)}
    return bool(found == record and recorded == sizes and whole == set(due))


def _remove_leftovers(folder: Path, names: Sequence[str]) -> None:
    """Remove what a killed run left beside the files of these names."""
    for name in names:
        for leftover in folder.glob(f".{name}.*{files.TEMPORARY}"):
            files.remove(leftover)


def _write_jsonl(table: SinkTable, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for rows in table.batches(decimals=SCORE_DECIMALS):
            for record in rows.to_pylist():
                file.write(as_json(record) + "\n")


def _write_nested(table: SinkTable, path: Path) -> None:
    """Write one line for each article or account, with its list."""
    check_lists(table, "nested")
    with path.open("w", encoding="utf-8") as file:
        for nested in nested_lists(table, whole=True):
            file.write(as_json({**nested.values, "similar": nested.similar}) + "\n")


def _write_data(table: SinkTable, path: Path) -> None:
    """Write one JSON object of all lists by id, a line each, so that versions compare well."""
    check_lists(table, "data")
    with path.open("w", encoding="utf-8") as file:
        separator = "{\n"
        for nested in nested_lists(table):
            file.write(f"{separator}{as_json(nested.name)}: {as_json(nested.similar)}")
            separator = ",\n"
        file.write("\n}\n" if separator == ",\n" else "{}\n")


def as_json(value: Any) -> str:
    """Return a value on one line."""
    return json.dumps(value, ensure_ascii=False)


def _write_csv(table: SinkTable, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.column_names)
        for rows in table.batches(decimals=SCORE_DECIMALS):
            for record in rows.to_pylist():
                writer.writerow([_cell(value) for value in record.values()])


def _cell(value: Any) -> Any:
    """Return a cell that no spreadsheet runs: a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _write_parquet(table: SinkTable, path: Path) -> None:
    if table.is_as_stored:
        shutil.copyfile(table.parquet.path, path)
        return
    schema = pyarrow.schema([(column.name, TYPES[column.kind]) for column in table.columns])
    with parquet.ParquetWriter(path, schema) as writer:
        for rows in table.batches():
            writer.write_table(rows.cast(schema))


WRITERS: dict[str, Callable[[SinkTable, Path], None]] = {
    "jsonl": _write_jsonl,
    "nested": _write_nested,
    "data": _write_data,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
