"""Sinks that are folders: each table a JSONL, CSV or Parquet file that is replaced whole."""

import csv
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from simrec import files
from simrec.manifest import Manifest
from simrec.recommend.tables.parquet import ParquetTable
from simrec.recommend.tables.schema import SCORE_DECIMALS

RECORD = "release.json"  # written last: the files that it names are there
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs a cell that begins so


def write(
    folder: Path, file_format: str, tables: Sequence[ParquetTable], manifest: Manifest
) -> bool:
    """Write the tables of a release into a folder; return False if it holds them already.

    All files are written beside their places first, so that a full disk leaves the old ones whole.
    """
    table_of_file = {f"{table.name}.{file_format}": table for table in tables}
    record = {"release_id": manifest.release_id, "released_at": manifest.created_at}
    if _holds(folder, record, table_of_file):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder, [*table_of_file, RECORD])
    with ExitStack() as written:
        for name, table in table_of_file.items():
            path = written.enter_context(files.atomic_path(folder / name))
            WRITERS[file_format](table, path)
    facts = {}
    for name in table_of_file:
        size = (folder / name).stat().st_size
        facts[name] = {"bytes": size, "sha256": files.sha256(folder / name)}
    files.write_json(folder / RECORD, {**record, "files": facts})
    return True


def _holds(
    folder: Path, record: Mapping[str, str], table_of_file: Mapping[str, ParquetTable]
) -> bool:
    """Tell whether the folder holds these files of this release, by the record and their sizes."""
    try:
        found = json.loads((folder / RECORD).read_bytes())
        recorded = {name: facts["bytes"] for name, facts in found.pop("files").items()}
        sizes = {name: (folder / name).stat().st_size for name in table_of_file}
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return False  # there is none yet, or it is not ours: it is written
    return bool(found == record and recorded == sizes)


def _remove_leftovers(folder: Path, names: Sequence[str]) -> None:
    """Remove what a killed run left beside the files of these names."""
    for name in names:
        for leftover in folder.glob(f".{name}.*{files.TEMPORARY}"):
            files.remove(leftover)


def _write_jsonl(table: ParquetTable, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for rows in table.batches(decimals=SCORE_DECIMALS):
            for record in rows.to_pylist():
                file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _write_csv(table: ParquetTable, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        for rows in table.batches(decimals=SCORE_DECIMALS):
            for record in rows.to_pylist():
                writer.writerow([_cell(value) for value in record.values()])


def _cell(value: Any) -> Any:
    """Return a cell that no spreadsheet runs: a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _write_parquet(table: ParquetTable, path: Path) -> None:
    shutil.copyfile(table.path, path)


WRITERS: dict[str, Callable[[ParquetTable, Path], None]] = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
