"""A sink's database behind SQLAlchemy: PostgreSQL, MySQL, MariaDB and what else it knows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import pyarrow
import sqlalchemy
from sqlalchemy import BigInteger, Boolean, Connection, Double, MetaData, Text, bindparam
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import IntegrityError

from simrec import database
from simrec.recommend.tables.schema import Kind
from simrec.sinks.target_table import AlteredError, TargetTable

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


class ServerDatabase:
    """A database in one transaction."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._tables: dict[str, sqlalchemy.Table] = {}
        self.name = name

    @classmethod
    @contextmanager
    def open(cls, url: str) -> Iterator[Self]:
        """Open a database in one transaction, which an exception undoes."""
        with database.transaction(url, create=True) as connection:
            yield cls(connection, database.name_of(database.resolve(url)))

    def column_names(self, table: str) -> set[str] | None:
        inspector = sqlalchemy.inspect(self._connection)
        if not inspector.has_table(table):
            return None
        return {column["name"] for column in inspector.get_columns(table)}

    def create(self, table: TargetTable) -> None:
        self._table(table).create(self._connection, checkfirst=True)

    def count(self, table: TargetTable) -> int:
        query = sqlalchemy.select(sqlalchemy.func.count()).select_from(self._table(table))
        return int(self._connection.scalar(query) or 0)

    def find(self, table: TargetTable, key: Sequence[Any]) -> tuple[Any, ...] | None:
        target = self._table(table)
        pairs = zip(target.primary_key, key, strict=True)
        query = sqlalchemy.select(target).where(*[column == value for column, value in pairs])
        row = self._connection.execute(query).first()
        return tuple(row) if row else None

    def clear(self, table: TargetTable) -> int:
        return int(self._connection.execute(self._table(table).delete()).rowcount)

    def insert(self, table: TargetTable, rows: pyarrow.Table) -> None:
        try:
            self._connection.execute(self._table(table).insert(), rows.to_pylist())
        except IntegrityError as error:
            raise AlteredError from error

    def update(self, table: TargetTable, rows: pyarrow.Table) -> int:
        target = self._table(table)
        values: dict[Any, Any] = {}
        for column in target.columns:
            if not column.primary_key:
                values[column.name] = bindparam(f"_{column.name}")
        return self._run(target.update().where(*_is_row(target)).values(values), rows)

    def delete(self, table: TargetTable, rows: pyarrow.Table) -> int:
        target = self._table(table)
        return self._run(target.delete().where(*_is_row(target)), rows)

    def _run(self, statement: Any, rows: pyarrow.Table) -> int:
        """Run a statement for every row, whose values are bound by name after an underscore."""
        named = rows.rename_columns([f"_{name}" for name in rows.column_names]).to_pylist()
        return int(self._connection.execute(statement, named).rowcount)

    def _table(self, table: TargetTable) -> sqlalchemy.Table:
        if table.name not in self._tables:
            self._tables[table.name] = _as_sqlalchemy(table)
        return self._tables[table.name]


def _as_sqlalchemy(table: TargetTable) -> sqlalchemy.Table:
    columns = []
    for column in table.columns:
        is_key = column.name in table.key
        columns.append(sqlalchemy.Column(column.name, TYPES[column.kind], primary_key=is_key))
    target = sqlalchemy.Table(table.name, MetaData(), *columns, **ANY_LANGUAGE)
    if not table.key:
        sqlalchemy.Index(table.index, target.columns[table.columns[0].name])
    return target


def _is_row(target: sqlalchemy.Table) -> list[Any]:
    return [column == bindparam(f"_{column.name}") for column in target.primary_key]
