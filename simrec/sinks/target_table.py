"""What a database sink asks of a database, whatever its driver."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow

from simrec.recommend.tables.schema import Column


class AlteredError(Exception):
    """The database does not hold the rows that were written last, or does not take others."""

    def __init__(self, database: str = "", cause: object = None) -> None:
        super().__init__(database)
        # The first line of what the driver says; SQLAlchemy goes on with all values.
        self.reason = str(cause or "").partition("\n")[0]


@dataclass(frozen=True)
class TargetTable:
    """A table that is written; without a key its first column has an index."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def index(self) -> str:
        """The name of the index of a table without a key."""
        return f"{self.columns[0].name}_of_{self.name}"


# What a database says of each table that simrec wrote.
RECORD = TargetTable(
    "simrec_release",
    (
        Column("table_name", "account"),
        Column("release_id", "label"),
        Column("released_at", "label"),
        Column("exported_at", "label"),
        Column("columns", "text"),
        Column("row_count", "integer"),
    ),
    key=("table_name",),
)


class OpenDatabase(Protocol):
    """A database in one transaction, which an exception undoes."""

    name: str  # its kind and place, for messages

    def column_names(self, table: str) -> set[str] | None:
        """Return the columns of a table, None if there is none."""

    def create(self, table: TargetTable) -> None:
        """Make a table unless it is there."""

    def count(self, table: TargetTable) -> int:
        """Return how many rows a table has."""

    def find(self, table: TargetTable, key: Sequence[Any]) -> tuple[Any, ...] | None:
        """Return the row of a key, None if there is none."""

    def clear(self, table: TargetTable) -> int:
        """Delete all rows; return how many."""

    def insert(self, table: TargetTable, rows: pyarrow.Table) -> None:
        """Insert rows; AlteredError where one is in the way."""

    def update(self, table: TargetTable, rows: pyarrow.Table) -> int:
        """Change rows by their key; return how many were there."""

    def delete(self, table: TargetTable, rows: pyarrow.Table) -> int:
        """Delete rows by their key, of which `rows` has the columns; return how many were there."""
