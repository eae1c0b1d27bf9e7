"""Queries: the rows of a database, all of them or those since a watermark."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Result, text

from simrec import database
from simrec.articles.sources.source import (
    Cursor,
    Record,
    Row,
    Split,
    UnreadableSourceError,
    check_columns,
    warn_without_text,
)
from simrec.articles.sources.sql_values import (
    RawValue,
    accept_any_value,
    is_clock,
    is_in_future,
    latest_now,
    readable,
)
from simrec.config import Fields
from simrec.errors import ConfigError

logger = logging.getLogger(__name__)

FETCHED_ROWS = 1_000  # at most, that are in memory at once
SHOWN_CHARS = 60  # of a query, where it is named
# A statement that changes something, behind comments; a read-only transaction refuses the others.
CHANGES = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
    r"(alter|create|delete|drop|insert|merge|replace|truncate|update)\b",
    re.IGNORECASE | re.DOTALL,
)
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
                raise UnreadableSourceError(
                    f"{self.name}: no column '{self.watermark}' for a watermark among "
                    f"{', '.join(columns)}"
                )
            newest = query.newest()
            future = None
            if is_in_future(newest):
                others = query.newest_until(latest_now(newest))
                if is_clock(newest, others):
                    future = str(newest)
                    newest = others
        since, known_future = _restored(previous)
        if future and future != known_future:
            self._warn_of_future(future)
        if since is not None and _is_before(newest, since):
            self._warn_of_going_back(since, newest)
            previous = None
        return Cursor(previous, self._stored(newest, future))

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        """Yield rows in the order of the database, those without a watermark always."""
        with self._result() as query:
            watermark, _ = _restored(since)
            result = query.all_rows() if since is None else query.rows_since(watermark)
            columns = list(result.keys())
            check_columns(self.name, columns, self.fields.id)
            if since is None and self.fields.text not in columns:
                others = [name for name in columns if name != self.watermark]
                warn_without_text(self.name, others, self.fields)
            for number, values in enumerate(result, start=1):
                record = dict(zip(columns, map(readable, values), strict=True))
                yield Row(self.name, number, record, numbered=False)

    def ids(self) -> Iterator[Record]:
        with self._result() as query:
            for value in query.values(self.fields.id):
                yield {self.fields.id: readable(value)}

    def take_remarks(self) -> list[tuple[str, str]]:
        return []

    @contextmanager
    def _result(self) -> Iterator["_QueryResult"]:
        change = CHANGES.match(self.query)
        if change:
            raise ConfigError(
                f"{self.name}: a query may only read, and this one begins with {change[1].upper()};"
                " nothing was changed"
            )
        try:
            with database.read_only(self.url, accept_any_value) as connection:
                yield _QueryResult(connection, self.query, self.watermark)
        except database.RefusedError as error:
            raise UnreadableSourceError(str(error)) from error

    def _stored(self, newest: Any, future: str | None) -> str | None:
        """Return a watermark as text that tells its type; a future one that was named follows."""
        if newest is None or isinstance(newest, RawValue):
            return None
        kind = type(newest).__name__
        if kind not in TYPES:
            raise ConfigError(
                f"{self.name}: a {kind} cannot be a watermark; a number, a time or a text can"
            )
        return f"{kind} {newest}\n{future}" if future else f"{kind} {newest}"

    def _warn_of_future(self, future: str) -> None:
        logger.warning(
            "ingest: %s: '%s' reaches %s, which is in the future; rows of the future are read "
            "every time, and the watermark stays at the newest of the others; correct these rows",
            self.name,
            self.watermark,
            future,
        )

    def _warn_of_going_back(self, since: Any, newest: Any) -> None:
        logger.warning(
            "ingest: %s: '%s' went back from %s to %s, so every row is read again; "
            "was something deleted, or the database restored?",
            self.name,
            self.watermark,
            since,
            newest,
        )


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

    def newest_until(self, latest: Any) -> Any:
        watermark = f"pulled.{self._watermark}"
        newest = self._select(f"max({watermark})", f"WHERE {watermark} <= :latest", latest=latest)
        return newest.scalar_one()

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


def _restored(stored: str | None) -> tuple[Any, str]:
    """Return a stored watermark, None if there is none, and the future one that was named."""
    if stored is None:
        return None, ""
    watermark, _, future = stored.partition("\n")
    kind, _, value = watermark.partition(" ")
    return TYPES[kind](value), future
