"""Sinks that are folders: each table a JSONL, CSV or Parquet file that is replaced whole."""

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from simrec import files
from simrec.sinks.table_diff import ReleaseStamp, Table

RECORD = "release.json"  # written last: what it says is there, is there
FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
)  # a spreadsheet takes a cell that begins so for a formula


def write(folder: Path, form: str, tables: Sequence[Table], release: ReleaseStamp) -> bool:
    """Write the tables of a release into a folder; return False if it holds them already.

    All files are written beside their places first: a full disk leaves the old ones as they are.
    """
    named = {f"{table.name}.{form}": table for table in tables}
    if _holds(folder, release, named):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in [
        path for name in (*named, RECORD) for path in folder.glob(f".{name}.*{files.TEMPORARY}")
    ]:
        files.remove(leftover)  # of a run that was killed
    with ExitStack() as written:
        for name, table in named.items():
            WRITERS[form](table, written.enter_context(files.atomic_path(folder / name)))
    facts = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": files.sha256(folder / name)}
        for name in named
    }
    files.write_json(folder / RECORD, {**release._asdict(), "files": facts})
    return True


def _holds(folder: Path, release: ReleaseStamp, named: dict[str, Table]) -> bool:
    try:
        record = json.loads((folder / RECORD).read_bytes())
        sizes = {name: (folder / name).stat().st_size for name in named}
        said = {name: facts["bytes"] for name, facts in record.pop("files").items()}
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return False  # there is none yet, or it is not ours: it is written
    return bool(record == release._asdict() and said == sizes)


def _write_jsonl(table: Table, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for rows in table.batches():
            records = (dict(zip(table.columns, row, strict=True)) for row in rows)
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _write_csv(table: Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        for rows in table.batches():
            writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Any) -> Any:
    """Return a cell that no spreadsheet runs: text that would be a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _write_parquet(table: Table, path: Path) -> None:
    shutil.copyfile(table.path, path)


WRITERS: dict[str, Callable[[Table, Path], None]] = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
