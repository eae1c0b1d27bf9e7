"""Sinks that are databases: only rows that differ are written, in one transaction."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow
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
from simrec.manifest import Manifest
from simrec.recommend.tables.diff import DisorderedError, diff_tables
from simrec.recommend.tables.parquet import ParquetTable
from simrec.recommend.tables.schema import SCORE_DECIMALS, Kind

logger = logging.getLogger(__name__)

# Opens a table of an earlier release, by release id and table name; None if it is gone.
OpenEarlier = Callable[[str, str], ParquetTable | None]

NOT_OURS = "nothing was changed. Empty or rename it, or name another database"
LONGEST_ID = 512  # characters; MySQL cannot index a text of any length
ID = Text().with_variant(mysql.VARCHAR(LONGEST_ID, collation="utf8mb4_bin"), "mysql", "mariadb")
# What the tables of MySQL hold, whatever the database holds by default.
ANY_LANGUAGE: Any = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}
TYPES: dict[Kind, Any] = {
    "article": ID,
    "account": ID,
    "label": Text(),
    "text": Text(),
    "integer": BigInteger(),
    "score": Double(),
    "flag": Boolean(),
}
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


class _AlteredError(Exception):
    """The database does not hold the rows that were written last."""


@dataclass
class RowCounts:
    """How many rows of a database were changed."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __str__(self) -> str:
        return f"{self.added:,} rows added, {self.changed:,} changed, {self.removed:,} removed"


def write(
    url: str,
    tables: Sequence[ParquetTable],
    manifest: Manifest,
    now: str,
    open_earlier: OpenEarlier,
) -> RowCounts | None:
    """Make a database hold the tables of a release; return what changed, None if it held them.

    Only rows that differ from the release in the database are written; if that release is gone, or
    the database does not hold its rows, all rows are. A reader sees the old release or the new one.
    """
    try:
        return _write(url, tables, manifest, now, open_earlier)
    except (_AlteredError, DisorderedError):
        logger.warning(
            "export: %s was changed by others; all its rows are written anew", _name(url)
        )
        return _write(url, tables, manifest, now, None)


def _write(
    url: str,
    tables: Sequence[ParquetTable],
    manifest: Manifest,
    now: str,
    open_earlier: OpenEarlier | None,
) -> RowCounts | None:
    with database.transaction(url, create=True) as connection:
        RECORD.create(connection, checkfirst=True)
        writer = DatabaseWriter(connection, _name(url), manifest, open_earlier)
        written = [table for table in tables if writer.bring(table, now)]
    return writer.counts if written else None


class DatabaseWriter:
    """An open database that is brought to a release, table by table.

    Without `open_earlier` nothing is believed of what the database holds: all rows are written.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        manifest: Manifest,
        open_earlier: OpenEarlier | None,
    ) -> None:
        self._connection = connection
        self._name = name
        self._manifest = manifest
        self._open_earlier = open_earlier
        self.counts = RowCounts()

    def bring(self, table: ParquetTable, now: str) -> bool:
        """Make the database hold a table of the release; return False if it does already.

        Raises _AlteredError if it does not hold as many rows as were written last.
        """
        target = self._target(table)
        columns = ",".join(column.name for column in target.columns)
        query = sqlalchemy.select(RECORD).where(RECORD.c.table_name == table.name)
        record = self._connection.execute(query).first()
        rows = self._count(target)
        if rows and not record:
            raise ConfigError(
                f"{self._name}: its table {table.name} holds rows that simrec did not write; "
                f"{NOT_OURS}"
            )
        before = None
        if record and self._open_earlier:
            if rows != record.row_count:
                raise _AlteredError
            if record.columns == columns:
                if record.release_id == self._manifest.release_id:
                    return False
                if table.key:
                    before = self._open_earlier(record.release_id, table.name)
        if before is None:
            self._write_all(target, table)
        else:
            self._write_changes(target, before, table)
        self._remember(table, columns, now)
        return True

    def _count(self, target: sqlalchemy.Table) -> int:
        query = sqlalchemy.select(sqlalchemy.func.count()).select_from(target)
        return int(self._connection.scalar(query) or 0)

    def _remember(self, table: ParquetTable, columns: str, now: str) -> None:
        release = (self._manifest.release_id, self._manifest.created_at)
        values = (table.name, *release, now, columns, table.rows)
        self._connection.execute(RECORD.delete().where(RECORD.c.table_name == table.name))
        self._connection.execute(RECORD.insert().values(values))

    def _target(self, table: ParquetTable) -> sqlalchemy.Table:
        """Return the table to write, which is made if it is missing.

        A table that is there may lack columns: those it has are written. Its key must be there.
        """
        inspector = sqlalchemy.inspect(self._connection)
        key = table.key or tuple(table.columns[:1])
        existing = None
        if inspector.has_table(table.name):
            existing = {column["name"] for column in inspector.get_columns(table.name)}
            if not existing.issuperset(key):
                raise ConfigError(
                    f"{self._name}: its table {table.name} has no columns {', '.join(key)}; "
                    f"{NOT_OURS}"
                )
        columns = []
        for column in table.schema.parquet_columns:
            if existing is None or column.name in existing:
                is_key = column.name in table.key
                columns.append(Column(column.name, TYPES[column.kind], primary_key=is_key))
        target = sqlalchemy.Table(table.name, MetaData(), *columns, **ANY_LANGUAGE)
        if not table.key:
            sqlalchemy.Index(f"{key[0]}_of_{table.name}", target.columns[key[0]])
        target.create(self._connection, checkfirst=True)
        return target

    def _write_all(self, target: sqlalchemy.Table, table: ParquetTable) -> None:
        self.counts.removed += self._connection.execute(target.delete()).rowcount
        for rows in table.batches(target.columns.keys(), SCORE_DECIMALS):
            if len(rows):
                self._connection.execute(target.insert(), rows.to_pylist())
                self.counts.added += len(rows)

    def _write_changes(
        self, target: sqlalchemy.Table, before: ParquetTable, after: ParquetTable
    ) -> None:
        """Write the rows that differ; _AlteredError if the rows to be changed are not there."""
        key = list(after.key)
        is_row = [column == bindparam(f"_{column.name}") for column in target.primary_key]
        values: dict[Any, Any] = {}
        for column in target.columns:
            if not column.primary_key:
                values[column.name] = bindparam(f"_{column.name}")
        delete = target.delete().where(*is_row)
        update = target.update().where(*is_row).values(values)
        names = target.columns.keys()
        old = before.batches(names, SCORE_DECIMALS)
        new = after.batches(names, SCORE_DECIMALS)
        for changes in diff_tables(old, new, key):
            self._change(delete, changes.removed.select(key))
            self._change(update, changes.changed)
            self._insert(target, changes.added)
            self.counts.added += len(changes.added)
            self.counts.changed += len(changes.changed)
            self.counts.removed += len(changes.removed)

    def _change(self, statement: Any, rows: pyarrow.Table) -> None:
        """Run a statement for every row, whose values are bound by name after an underscore."""
        if not len(rows):
            return
        named = rows.rename_columns([f"_{name}" for name in rows.column_names]).to_pylist()
        if self._connection.execute(statement, named).rowcount != len(rows):
            raise _AlteredError

    def _insert(self, target: sqlalchemy.Table, rows: pyarrow.Table) -> None:
        if not len(rows):
            return
        try:
            self._connection.execute(target.insert(), rows.to_pylist())
        except IntegrityError as error:
            raise _AlteredError from error


def _name(url: str) -> str:
    return database.name_of(database.resolve(url))
