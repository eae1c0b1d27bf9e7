"""Sinks that are databases: a release replaces the one before in one transaction, row by row that changed."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    MetaData,
    String,
    Text,
    bindparam,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import IntegrityError

from simrec import database
from simrec.errors import ConfigError
from simrec.sinks.table_diff import (
    KEY,
    Disordered,
    ReleaseStamp,
    Row,
    RowDifference,
    Table,
    difference,
)

logger = logging.getLogger(__name__)

Earlier = Callable[[str, str], Table | None]

NOT_OURS = "nothing was changed. Empty or rename it, or name another database"
LONGEST_KEY = 512  # characters, of an id
NAME = Text().with_variant(mysql.VARCHAR(LONGEST_KEY, collation="utf8mb4_bin"), "mysql", "mariadb")
TYPES = {"text": Text(), "integer": BigInteger(), "real": Double(), "truth": Boolean()}
RECORD = sqlalchemy.Table(
    "simrec_release",
    MetaData(),
    Column("table_name", String(64), primary_key=True),
    Column("release_id", String(64), nullable=False),
    Column("released_at", String(40), nullable=False),
    Column("exported_at", String(40), nullable=False),
    Column("columns", Text, nullable=False),
    Column("row_count", BigInteger, nullable=False),
)


class _Altered(Exception):
    """The database does not hold what it was left with."""


@dataclass
class Written:
    """How many rows of a database were changed."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def add(self, step: RowDifference) -> None:
        self.added += len(step.added)
        self.changed += len(step.changed)
        self.removed += len(step.removed)

    def __str__(self) -> str:
        return f"{self.added:,} rows added, {self.changed:,} changed, {self.removed:,} removed"


def write(
    url: str, tables: Sequence[Table], release: ReleaseStamp, now: str, earlier: Earlier
) -> Written | None:
    """Make a database hold the tables of a release; return what was changed, or None if it holds them already.

    `earlier` opens a table of the release that the database holds. If that is gone, or rows are not as it
    left them, all are written anew. Readers see the old release or the new one, never half of it.
    """
    try:
        return _write(url, tables, release, now, earlier)
    except (_Altered, Disordered):
        logger.warning(
            "export: %s was changed by others; all its rows are written anew", _name(url)
        )
        return _write(url, tables, release, now, lambda *_: None)


def _write(
    url: str, tables: Sequence[Table], release: ReleaseStamp, now: str, earlier: Earlier
) -> Written | None:
    with database.transaction(url, create=True) as connection:
        RECORD.create(connection, checkfirst=True)
        sink = _Sink(connection, _name(url), release, earlier)
        due = [table for table in tables if sink.bring(table, now)]
    return sink.written if due else None


class _Sink:
    """An open database that is brought to a release, table by table."""

    def __init__(
        self, connection: Connection, name: str, release: ReleaseStamp, earlier: Earlier
    ) -> None:
        self._connection = connection
        self._name = name
        self._release = release
        self._earlier = earlier
        self.written = Written()

    def bring(self, table: Table, now: str) -> bool:
        """Make the database hold a table of the release; return False if it does already."""
        target = self._target(table)
        columns = [column.name for column in target.columns]
        query = sqlalchemy.select(RECORD).where(RECORD.c.table_name == table.name)
        held = self._connection.execute(query).first()
        alike = held is not None and held.columns == ",".join(columns)
        if held and alike and held.release_id == self._release.release_id:
            return False
        before = (
            self._earlier(held.release_id, table.name) if held and alike and table.key else None
        )
        count = self._connection.scalar(
            sqlalchemy.select(sqlalchemy.func.count()).select_from(target)
        )
        if count and not held:
            raise ConfigError(
                f"{self._name}: its table {table.name} holds rows that simrec did not write; {NOT_OURS}"
            )
        if held and before and count != held.row_count:
            raise _Altered
        self._fill(target, table) if before is None else self._change(target, before, table)
        self._connection.execute(RECORD.delete().where(RECORD.c.table_name == table.name))
        self._connection.execute(
            RECORD.insert().values((table.name, *self._release, now, ",".join(columns), table.rows))
        )
        return True

    def _target(self, table: Table) -> sqlalchemy.Table:
        """Return the table to write, made if it is missing; of one that is there, the columns that it has."""
        inspector = sqlalchemy.inspect(self._connection)
        keys, wanted = table.key or table.columns[:1], table.columns
        if inspector.has_table(table.name):
            there = {column["name"] for column in inspector.get_columns(table.name)}
            if not there.issuperset(keys):
                raise ConfigError(
                    f"{self._name}: its table {table.name} has no columns {', '.join(keys)}; {NOT_OURS}"
                )
            wanted = [column for column in wanted if column in there]
        columns = [
            Column(column, _type(table, column), primary_key=column in table.key)
            for column in wanted
        ]
        target = sqlalchemy.Table(table.name, MetaData(), *columns)
        if not table.key:
            sqlalchemy.Index(f"{keys[0]}_of_{table.name}", target.columns[keys[0]])
        target.create(self._connection, checkfirst=True)
        return target

    def _fill(self, target: sqlalchemy.Table, table: Table) -> None:
        """Write all rows anew."""
        columns = [column.name for column in target.columns]
        self.written.removed += self._connection.execute(target.delete()).rowcount
        for rows in table.batches(columns):
            self._connection.execute(target.insert(), _named(columns, rows))
            self.written.added += len(rows)

    def _change(self, target: sqlalchemy.Table, before: Table, after: Table) -> None:
        """Change the rows that differ; _Altered if the table has not the rows that are to be changed."""
        columns = [column.name for column in target.columns]
        prefixed = [f"_{column}" for column in columns]
        here = [column == bindparam(f"_{column.name}") for column in target.primary_key]
        values: dict[Any, Any] = {
            column: bindparam(f"_{column.name}") for column in list(target.columns)[KEY:]
        }
        delete, update = target.delete().where(*here), target.update().where(*here).values(values)
        for step in difference(before.batches(columns), after.batches(columns)):
            for statement, rows in (
                (delete, _named(prefixed[:KEY], step.removed)),
                (update, _named(prefixed, step.changed)),
            ):
                if rows and self._connection.execute(statement, rows).rowcount != len(rows):
                    raise _Altered
            if step.added:
                self._insert(target, _named(columns, step.added))
            self.written.add(step)

    def _insert(self, target: sqlalchemy.Table, rows: list[dict[str, Any]]) -> None:
        try:
            self._connection.execute(target.insert(), rows)
        except IntegrityError as error:
            raise _Altered from error


def _name(url: str) -> str:
    return database.name_of(database.resolve(url))


def _type(table: Table, column: str) -> Any:
    kind = table.kinds[column]
    return NAME if kind == "text" and column in table.columns[:KEY] else TYPES[kind]


def _named(names: Sequence[str], rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]
