"""A table as many Parquet files, one for each value of a column, in folders as Hive names them."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pyarrow
from pyarrow import compute, parquet

from simrec import files
from simrec.errors import ConfigError
from simrec.recommend.tables.parquet import TYPES
from simrec.release_folder import PARQUET
from simrec.sinks.sink_table import SinkTable

NULL = "__HIVE_DEFAULT_PARTITION__"  # Hive's name of no value
FILE = f"part-0{PARQUET}"
MOST_FILES = 1_000
PART = re.compile(rf"[a-z_]+/[a-z_]+=[^/]+/{re.escape(FILE)}")


def write_partitions(folder: Path, table: SinkTable, column: str, written: ExitStack) -> list[str]:
    """Write a table below a folder; return the names of its files, relative to the folder.

    `similar_articles/lang=en/part-0.parquet` holds the rows whose column `lang` is en, without that
    column. The files get their names when `written` is left.
    """
    partitions = _Partitions(folder, table, column, written)
    for rows in table.batches():
        partitions.write(rows)
    return sorted(partitions.names)


def is_partition(name: str) -> bool:
    """Tell whether a file may be one of those."""
    return PART.fullmatch(name) is not None


def leftovers(folder: Path, table: SinkTable) -> Iterator[Path]:
    """Yield what a killed run left beside the files."""
    yield from folder.glob(f"{table.name}/*/.{FILE}.*{files.TEMPORARY}")


class _Partitions:
    """The files of a table while they are written."""

    def __init__(self, folder: Path, table: SinkTable, column: str, written: ExitStack) -> None:
        self._folder = folder
        self._table = table
        self._column = column
        self._written = written
        kinds = {each.name: TYPES[each.kind] for each in table.columns if each.name != column}
        self._schema = pyarrow.schema(list(kinds.items()))
        self._writers: dict[str | None, parquet.ParquetWriter] = {}
        self.names: list[str] = []

    def write(self, rows: pyarrow.Table) -> None:
        """Write rows, each into the file of its value."""
        values = rows[self._column]
        for value in compute.unique(values).to_pylist():
            chosen = compute.is_null(values) if value is None else compute.equal(values, value)
            part = rows.filter(chosen).select(self._schema.names)
            self._writer(value).write_table(part.cast(self._schema))

    def _writer(self, value: str | None) -> parquet.ParquetWriter:
        if value not in self._writers:
            if len(self._writers) == MOST_FILES:
                raise ConfigError(
                    f"{self._folder}: partition_by = '{self._column}' makes more than "
                    f"{MOST_FILES:,} files; choose a column of fewer values"
                )
            shown = NULL if value is None else quote(value, safe="")
            name = f"{self._table.name}/{self._column}={shown}/{FILE}"
            target = self._folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            path = self._written.enter_context(files.atomic_path(target))
            writer = self._written.enter_context(parquet.ParquetWriter(path, self._schema))
            self._writers[value] = writer
            self.names.append(name)
        return self._writers[value]
