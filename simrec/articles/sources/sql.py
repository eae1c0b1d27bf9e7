"""Queries: the rows of a database come in as rows of a source, all of them or those since a watermark."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from simrec import database
from simrec.articles.mapping import Mapping
from simrec.articles.sources.readers import Row, check_columns
from simrec.articles.store import SyncState
from simrec.config import SourceConfig
from simrec.errors import ConfigError

logger = logging.getLogger(__name__)

FETCHED_ROWS = 1_000  # at most, that are in memory at once
SHOWN_CHARS = 60  # of a query, where it is named
KINDS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat, "date": date.fromisoformat, "Decimal": Decimal,
    "int": int, "float": float, "str": str,
}  # fmt: skip


Present = Callable[[Iterable[str]], None]


def read_query(
    source: SourceConfig, mapping: Mapping, marks: SyncState, present: Present | None
) -> Iterator[Row]:
    """Yield the rows of a query, in the order of the database, then note its watermark among the marks.

    With a watermark these are the rows as new as the newest of the last time, or newer, so that none is
    lost that was written at the same moment, and those without any. `present` is then called with all ids
    there are, so that what was not pulled is not taken for deleted.
    """
    address = database.name_of(database.resolve(source.url))
    name = f"{address}, {_shown(source.query)}"
    key = mapping.source_key(
        {"database": address, "query": source.query, "watermark": source.watermark}
    ).hex()
    with database.transaction(source.url) as connection:
        pulled = _QueryResult(connection, source)
        since = newest = None
        if source.watermark:
            columns = pulled.columns()
            if source.watermark not in columns:
                raise ConfigError(
                    f"{name}: no column '{source.watermark}' for a watermark among {', '.join(columns)}"
                )
            newest, since = pulled.newest(), _thaw(marks.before.get(key))
        if since is not None and _behind(newest, since):
            logger.warning(
                "ingest: %s: '%s' went back from %s to %s, so every row is read again; was something deleted, "
                "or the database restored?", name, source.watermark, since, newest,
            )  # fmt: skip
            since = None
        yield from pulled.rows(name, mapping.fields.id, since)
        if present and since is not None:
            present(pulled.ids(mapping))
    if newest is not None:
        marks.now[key] = _freeze(newest, name)


class _QueryResult:
    """A source's query on an open connection, as a table that can be asked in parts."""

    def __init__(self, connection: Connection, source: SourceConfig) -> None:
        self._connection = connection.execution_options(
            stream_results=True, max_row_buffer=FETCHED_ROWS
        )
        self._query = source.query.strip().rstrip(";")
        self._quote = connection.dialect.identifier_preparer.quote
        self._watermark = self._quote(source.watermark)

    def columns(self) -> list[str]:
        with self._ask("SELECT *", "WHERE 1 = 0") as nothing:
            return list(nothing.keys())

    def newest(self) -> Any:
        return self._ask(f"SELECT max(pulled.{self._watermark})").scalar_one()

    def rows(self, name: str, id_column: str, since: Any) -> Iterator[Row]:
        if since is None:
            result = self._connection.execute(text(_literal(self._query)))
        else:
            newer = f"WHERE pulled.{self._watermark} >= :since OR pulled.{self._watermark} IS NULL"
            result = self._ask("SELECT *", newer, since=since)
        columns = list(result.keys())
        check_columns(name, columns, id_column)
        for number, values in enumerate(result, start=1):
            yield Row(name, number, dict(zip(columns, values, strict=True)))

    def ids(self, mapping: Mapping) -> Iterator[str]:
        column = mapping.fields.id
        for (value,) in self._ask(f"SELECT pulled.{self._quote(column)}"):
            try:
                yield mapping.article_id({column: value})
            except ValueError:
                continue  # no article has it

    def _ask(self, select: str, where: str = "", **values: Any) -> Any:
        statement = f"{select} FROM (\n{_literal(self._query)}\n) AS pulled {where}"
        return self._connection.execute(text(statement), values)


def _literal(query: str) -> str:
    """Return a query as SQLAlchemy takes it for what it is: no colon begins a parameter."""
    return query.replace(":", r"\:")


def _shown(query: str) -> str:
    line = " ".join(query.split())
    return line if len(line) <= SHOWN_CHARS else line[:SHOWN_CHARS] + "..."


def _behind(newest: Any, since: Any) -> bool:
    """Tell whether the newest row is older than the one remembered, or cannot be compared with it any more."""
    try:
        return newest is None or not newest >= since
    except TypeError:
        return True


def _freeze(watermark: Any, name: str) -> str:
    kind = type(watermark).__name__
    if kind not in KINDS:
        raise ConfigError(f"{name}: a {kind} cannot be a watermark; a number, a time or a text can")
    return f"{kind} {watermark}"


def _thaw(mark: str | None) -> Any:
    kind, _, value = (mark or "").partition(" ")
    return KINDS[kind](value) if mark else None
