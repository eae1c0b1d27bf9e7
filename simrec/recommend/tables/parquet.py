"""The Parquet files of a release: its tables by id, for loading in bulk."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow
from pyarrow import compute, parquet

from simrec import files
from simrec.errors import ConfigError
from simrec.recommend.tables.schema import PARQUET_TABLES, Block, Kind, TableSchema
from simrec.release_folder import ReleaseFolder

BATCH_ROWS = 32_768
CODED = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
TYPES: dict[Kind, pyarrow.DataType] = {
    "article": CODED,
    "account": CODED,
    "label": CODED,
    "text": pyarrow.string(),
    "integer": pyarrow.int32(),
    "score": pyarrow.float32(),
    "flag": pyarrow.bool_(),
}

# The ids of articles and of accounts, in order of their rows.
Ids = Mapping[Kind, pyarrow.Array]


def arrow_schema(table: TableSchema) -> pyarrow.Schema:
    """Return the columns of a table as Parquet holds them."""
    return pyarrow.schema([(column.name, TYPES[column.kind]) for column in table.parquet_columns])


@contextmanager
def write_parquet(path: Path, table: TableSchema) -> Iterator[parquet.ParquetWriter]:
    """Write a file, whole or not at all."""
    schema = arrow_schema(table)
    with files.atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        yield writer


def to_arrow(table: TableSchema, block: Block, ids: Ids) -> pyarrow.Table:
    """Return a block with ids in place of rows."""
    columns = []
    for column in table.parquet_columns:
        values = block[column.name]
        if column.kind in ids:
            columns.append(_coded(values, ids[column.kind], bool(table.parquet_key)))
        else:
            columns.append(pyarrow.array(values).cast(TYPES[column.kind]))
    return pyarrow.Table.from_arrays(columns, schema=arrow_schema(table))


def _coded(rows: np.ndarray, ids: pyarrow.Array, uses_most: bool) -> pyarrow.DictionaryArray:
    """Return ids by their rows, with all ids as the dictionary where a table uses most of them."""
    if uses_most:
        return pyarrow.DictionaryArray.from_arrays(rows.astype(np.int32), ids)
    return ids.take(pyarrow.array(rows)).dictionary_encode()


@dataclass(frozen=True)
class ParquetTable:
    """One table of a release, to be read."""

    schema: TableSchema
    path: Path
    rows: int

    @classmethod
    def open(cls, folder: ReleaseFolder, name: str) -> Self:
        """Open a table by its name; ConfigError names the tables that are there."""
        names = folder.table_names()
        if name not in names:
            raise ConfigError(
                f"sinks.tables: the release has no table '{name}'; it has {', '.join(names)}"
            )
        path = folder.table(name)
        return cls(PARQUET_TABLES[name], path, parquet.read_metadata(path).num_rows)

    @property
    def name(self) -> str:
        return self.schema.name

    @property
    def columns(self) -> list[str]:
        return [column.name for column in self.schema.parquet_columns]

    @property
    def key(self) -> tuple[str, ...]:
        return self.schema.parquet_key

    def batches(
        self, columns: Sequence[str] | None = None, decimals: int | None = None
    ) -> Iterator[pyarrow.Table]:
        """Yield all rows in order, BATCH_ROWS at a time, with ids as plain text.

        There is at least one batch, which may be empty. With `decimals`, scores are float64 and
        rounded, else float32 as they are stored.
        """
        names = list(columns or self.columns)
        with parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names):
                yield _plain(pyarrow.table(batch), decimals)
        if not self.rows:
            yield _plain(arrow_schema(self.schema).empty_table().select(names), decimals)


def _plain(table: pyarrow.Table, decimals: int | None) -> pyarrow.Table:
    columns = []
    for values in table.columns:
        if pyarrow.types.is_dictionary(values.type):
            values = values.cast(pyarrow.string())
        elif decimals is not None and pyarrow.types.is_floating(values.type):
            values = compute.round(values.cast(pyarrow.float64()), ndigits=decimals)
        columns.append(values)
    return pyarrow.table(columns, names=table.column_names)
