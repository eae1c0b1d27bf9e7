"""Sinks that are databases: a release replaces the one before in one transaction, row by row that changed."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, MetaData, String, Text, bindparam
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import IntegrityError

from simrec import database
from simrec.errors import ConfigError
from simrec.sinks.tables import KEY, Difference, Disordered, Released, Row, Table, difference

logger = logging.getLogger(__name__)


Earlier = Callable[[str, str], Table | None]

LONGEST_KEY = 512  # characters, of an id
NAME = String(LONGEST_KEY).with_variant(mysql.VARCHAR(LONGEST_KEY, collation="utf8mb4_bin"), "mysql", "mariadb")
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

    def __str__(self) -> str:
        return f"{self.added:,} rows added, {self.changed:,} changed, {self.removed:,} removed"


def write(url: str, tables: Sequence[Table], release: Released, now: str, earlier: Earlier) -> Written | None:
    """Make a database hold the tables of a release; return what was changed, or None if it holds them already.

    `earlier` opens a table of the release that the database holds. If that is gone, or rows are not as it
    left them, all are written anew. Readers see the old release or the new one, never half of it.
    """
    try:
        return _write(url, tables, release, now, earlier)
    except (_Altered, Disordered):
        logger.warning("export: %s was changed by others; all its rows are written anew", _name(url))
        return _write(url, tables, release, now, lambda *_: None)


def _write(url: str, tables: Sequence[Table], release: Released, now: str, earlier: Earlier) -> Written | None:
    written, due = Written(), 0
    with database.transaction(url, create=True) as connection:
        RECORD.create(connection, checkfirst=True)
        for table in tables:
            target = _target(connection, table, _name(url))
            columns = [column.name for column in target.columns]
            held = connection.execute(sqlalchemy.select(RECORD).where(RECORD.c.table_name == table.name)).first()
            if held and (held.release_id, held.columns) == (release.release_id, ",".join(columns)):
                continue
            before = earlier(held.release_id, table.name) if held and held.columns == ",".join(columns) else None
            if held and before and held.row_count != connection.scalar(_count(target)):
                raise _Altered
            rows = _bring(connection, target, before, table, written)
            connection.execute(RECORD.delete().where(RECORD.c.table_name == table.name))
            connection.execute(RECORD.insert().values((table.name, *release, now, ",".join(columns), rows)))
            due += 1
    return written if due else None


def _target(connection: Connection, table: Table, name: str) -> sqlalchemy.Table:
    """Return the table to write, made if it is missing; of one that is there, the columns that it has."""
    inspector = sqlalchemy.inspect(connection)
    keys, wanted = table.columns[:KEY], table.columns
    if inspector.has_table(table.name):
        there = {column["name"] for column in inspector.get_columns(table.name)}
        if not there.issuperset(keys):
            raise ConfigError(
                f"{name}: its table {table.name} has no columns {' and '.join(keys)}, so it is not of simrec; "
                "rename it, or name another database. Nothing was changed"
            )
        wanted = [column for column in wanted if column in there]
    columns = [Column(column, _type(table, column), primary_key=column in keys) for column in wanted]
    target = sqlalchemy.Table(table.name, MetaData(), *columns)
    target.create(connection, checkfirst=True)
    return target


def _type(table: Table, column: str) -> Any:
    kind = table.kinds[column]
    return NAME if kind == "text" and column in table.columns[:KEY] else TYPES[kind]


def _count(target: sqlalchemy.Table) -> Any:
    return sqlalchemy.select(sqlalchemy.func.count()).select_from(target)


def _bring(
    connection: Connection, target: sqlalchemy.Table, before: Table | None, after: Table, written: Written
) -> int:
    """Bring a table from one release to another, or write it anew; return how many rows it has now."""
    columns = [column.name for column in target.columns]
    if before is None:
        written.removed += connection.execute(target.delete()).rowcount
        for rows in after.batches(columns):
            connection.execute(target.insert(), _named(columns, rows))
            written.added += len(rows)
    else:
        for step in difference(before.batches(columns), after.batches(columns)):
            _apply(connection, target, step)
            written.removed += len(step.removed)
            written.changed += len(step.changed)
            written.added += len(step.added)
    return after.rows


def _apply(connection: Connection, target: sqlalchemy.Table, step: Difference) -> None:
    """Change the rows that differ; _Altered if the table has not the rows that are to be changed."""
    columns = [column.name for column in target.columns]
    here = [column == bindparam(f"_{column.name}") for column in target.primary_key]
    values: dict[Any, Any] = {column: bindparam(f"_{column.name}") for column in list(target.columns)[KEY:]}
    prefixed = [f"_{column}" for column in columns]
    deeds = [
        (target.delete().where(*here), _named(prefixed[:KEY], step.removed)),
        (target.update().where(*here).values(values), _named(prefixed, step.changed)),
    ]
    for statement, rows in deeds:
        if rows and connection.execute(statement, rows).rowcount != len(rows):
            raise _Altered
    if step.added:
        try:
            connection.execute(target.insert(), _named(columns, step.added))
        except IntegrityError as error:
            raise _Altered from error


def _named(names: Sequence[str], rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]


def _name(url: str) -> str:
    return database.name_of(database.resolve(url))
