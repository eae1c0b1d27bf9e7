"""Queries: the rows of a database, all of them or those since a watermark."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Result, text

from simrec import database
from simrec.articles.sources.source import Cursor, Record, Row, Split, check_columns
from simrec.config import Fields
from simrec.errors import ConfigError

logger = logging.getLogger(__name__)

FETCHED_ROWS = 1_000  # at most, that are in memory at once
SHOWN_CHARS = 60  # of a query, where it is named
# How a watermark that was stored as text becomes what it was.
TYPES: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "Decimal": Decimal,
    "int": int,
    "float": float,
    "str": str,
}


@dataclass(frozen=True)
class SqlSource:
    """A query to a database. With a watermark, a column that grows, only new rows are read."""

    url: str = field(repr=False)  # may hold a password
    query: str
    watermark: str
    fields: Fields

    @property
    def address(self) -> str:
        return database.name_of(database.resolve(self.url))

    @property
    def name(self) -> str:
        line = " ".join(self.query.split())
        shown = line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]}..."
        return f"{self.address}, {shown}"

    @property
    def identity(self) -> Record:
        return {"database": self.address, "query": self.query, "watermark": self.watermark}

    def fingerprint(self) -> str | None:
        return None

    def splits(self, max_bytes: int) -> Iterator[Split]:
        yield Split(0)

    def cursor(self, previous: str | None) -> Cursor:
        """Return the watermark to read from, and the newest there is before any row is read.

        Rows at the watermark are read again, so that rows of the same moment are not lost.
        """
        if not self.watermark:
            return Cursor()
        with self._result() as query:
            columns = query.columns()
            if self.watermark not in columns:
                raise ConfigError(
                    f"{self.name}: no column '{self.watermark}' for a watermark among "
                    f"{', '.join(columns)}"
                )
            newest = query.newest()
        since = None if previous is None else _restored(previous)
        if since is not None and _is_before(newest, since):
            logger.warning(
                "ingest: %s: '%s' went back from %s to %s, so every row is read again; "
                "was something deleted, or the database restored?",
                self.name,
                self.watermark,
                since,
                newest,
            )
            previous = None
        return Cursor(previous, self._stored(newest))

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        """Yield rows in the order of the database, those without a watermark always."""
        with self._result() as query:
            result = query.all_rows() if since is None else query.rows_since(_restored(since))
            columns = list(result.keys())
            check_columns(self.name, columns, self.fields.id)
            for number, values in enumerate(result, start=1):
                record = dict(zip(columns, values, strict=True))
                yield Row(self.name, number, record, numbered=False)

    def ids(self) -> Iterator[Record]:
        with self._result() as query:
            for value in query.values(self.fields.id):
                yield {self.fields.id: value}

    @contextmanager
    def _result(self) -> Iterator["_QueryResult"]:
        with database.transaction(self.url) as connection:
            yield _QueryResult(connection, self.query, self.watermark)

    def _stored(self, newest: Any) -> str | None:
        """Return a watermark as text that tells its type."""
        if newest is None:
            return None
        kind = type(newest).__name__
        if kind not in TYPES:
            raise ConfigError(
                f"{self.name}: a {kind} cannot be a watermark; a number, a time or a text can"
            )
        return f"{kind} {newest}"


class _QueryResult:
    """What a query gives on an open connection, as a table to select from."""

    def __init__(self, connection: Connection, query: str, watermark: str) -> None:
        self._connection = connection.execution_options(
            stream_results=True, max_row_buffer=FETCHED_ROWS
        )
        # SQLAlchemy takes a colon for the beginning of a parameter.
        self._query = query.strip().rstrip(";").replace(":", r"\:")
        self._quote = connection.dialect.identifier_preparer.quote
        self._watermark = self._quote(watermark)

    def columns(self) -> list[str]:
        with self._select("*", "WHERE 1 = 0") as empty:
            return list(empty.keys())

    def newest(self) -> Any:
        return self._select(f"max(pulled.{self._watermark})").scalar_one()

    def all_rows(self) -> Result[Any]:
        return self._connection.execute(text(self._query))

    def rows_since(self, since: Any) -> Result[Any]:
        watermark = f"pulled.{self._watermark}"
        return self._select("*", f"WHERE {watermark} >= :since OR {watermark} IS NULL", since=since)

    def values(self, column: str) -> Iterator[Any]:
        return iter(self._select(f"pulled.{self._quote(column)}").scalars())

    def _select(self, columns: str, where: str = "", **values: Any) -> Result[Any]:
        statement = f"SELECT {columns} FROM (\n{self._query}\n) AS pulled {where}"
        return self._connection.execute(text(statement), values)


def _is_before(newest: Any, since: Any) -> bool:
    """Tell whether the newest row is older than the one before, or cannot be compared with it."""
    try:
        return newest is None or not newest >= since
    except TypeError:
        return True


def _restored(stored: str) -> Any:
    kind, _, value = stored.partition(" ")
    return TYPES[kind](value)
