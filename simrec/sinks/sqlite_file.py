"""A sink's database that is a file of SQLite, for which Python needs no package."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

import pyarrow

from simrec.errors import ConfigError
from simrec.recommend.tables.schema import Kind
from simrec.sinks.target_table import AlteredError, TargetTable

TIMEOUT = 30  # seconds for the lock of another writer, or of a reader when it is committed
TYPES: dict[Kind, str] = {
    "article": "TEXT",
    "account": "TEXT",
    "label": "TEXT",
    "text": "TEXT",
    "integer": "BIGINT",
    "score": "DOUBLE",
    "flag": "BOOLEAN",
}


class SqliteFile:
    """A database in one transaction."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._db = connection
        self.name = name

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open a file in one transaction, which an exception undoes; it is made if missing."""
        name = f"sqlite:///{path}"
        try:
            connection = sqlite3.connect(path, timeout=TIMEOUT, isolation_level=None)
            with closing(connection) as db:
                db.execute("BEGIN IMMEDIATE")
                yield cls(db, name)
                db.execute("COMMIT")
        except sqlite3.Error as error:
            raise ConfigError(f"{name}: {error}; nothing was changed") from error

    def column_names(self, table: str) -> set[str] | None:
        rows = self._db.execute(f"PRAGMA table_info({_quoted(table)})")
        return {row[1] for row in rows} or None

    def create(self, table: TargetTable) -> None:
        lines = []
        for column in table.columns:
            required = " NOT NULL" if column.name in table.key else ""
            lines.append(f"{_quoted(column.name)} {TYPES[column.kind]}{required}")
        if table.key:
            lines.append(f"PRIMARY KEY ({_list(table.key)})")
        if self.column_names(table.name) is not None:
            return
        self._db.execute(f"CREATE TABLE {_quoted(table.name)} ({', '.join(lines)})")
        if not table.key:
            column_name = _quoted(table.columns[0].name)
            index = f"{_quoted(table.index)} ON {_quoted(table.name)} ({column_name})"
            self._db.execute(f"CREATE INDEX {index}")

    def count(self, table: TargetTable) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {_quoted(table.name)}").fetchone()[0])

    def find(self, table: TargetTable, key: Sequence[Any]) -> tuple[Any, ...] | None:
        names = _list(table.column_names)
        query = f"SELECT {names} FROM {_quoted(table.name)} WHERE {_equal(table.key, ' AND ')}"
        row: tuple[Any, ...] | None = self._db.execute(query, key).fetchone()
        return row

    def clear(self, table: TargetTable) -> int:
        return self._db.execute(f"DELETE FROM {_quoted(table.name)}").rowcount

    def insert(self, table: TargetTable, rows: pyarrow.Table) -> None:
        names = table.column_names
        marks = ", ".join("?" for _ in names)
        statement = f"INSERT INTO {_quoted(table.name)} ({_list(names)}) VALUES ({marks})"
        try:
            self._db.executemany(statement, _values(rows, names))
        except sqlite3.IntegrityError as error:
            raise AlteredError from error

    def update(self, table: TargetTable, rows: pyarrow.Table) -> int:
        others = [name for name in table.column_names if name not in table.key]
        statement = (
            f"UPDATE {_quoted(table.name)} SET {_equal(others, ', ')} "
            f"WHERE {_equal(table.key, ' AND ')}"
        )
        return self._db.executemany(statement, _values(rows, [*others, *table.key])).rowcount

    def delete(self, table: TargetTable, rows: pyarrow.Table) -> int:
        statement = f"DELETE FROM {_quoted(table.name)} WHERE {_equal(table.key, ' AND ')}"
        return self._db.executemany(statement, _values(rows, table.key)).rowcount


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_quoted, names))


def _equal(names: Sequence[str], separator: str) -> str:
    return separator.join(f"{_quoted(name)} = ?" for name in names)


def _values(rows: pyarrow.Table, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(rows[name].to_pylist() for name in names), strict=True)
