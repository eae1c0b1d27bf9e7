"""SQLite and Parquet hold the tables that the schema says, and the same rows."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from pyarrow import parquet

from simrec.recommend.tables.schema import (
    ACCOUNTS,
    ARTICLES,
    EVIDENCE,
    PARQUET_TABLES,
    RANKED,
    SQLITE_TABLES,
    TableSchema,
)
from simrec.release_folder import ReleaseFolder
from tests.conftest import House

PUBLISHED = (*RANKED, EVIDENCE)
IDS = {"article": ARTICLES.name, "account": ACCOUNTS.name}


@pytest.fixture(scope="module")
def folder(published: House) -> ReleaseFolder:
    return ReleaseFolder(published.workspace / "releases" / published.current)


@pytest.fixture(scope="module")
def tables(folder: ReleaseFolder) -> Iterator[sqlite3.Connection]:
    with closing(folder.open_tables()) as connection:
        yield connection


def test_sqlite_has_the_tables_of_the_schema(tables: sqlite3.Connection) -> None:
    names = tables.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    assert [name for (name,) in names] == sorted(table.name for table in SQLITE_TABLES)
    for table in SQLITE_TABLES:
        info = tables.execute(f"PRAGMA table_info({table.name})").fetchall()
        assert [row[1] for row in info] == [column.name for column in table.sqlite_columns]
        assert tuple(row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]) == table.key
        required = {column.name for column in table.sqlite_columns if not column.nullable}
        assert {row[1] for row in info if row[3] or table.key == (row[1],)} == required


def test_parquet_has_the_tables_of_the_schema(folder: ReleaseFolder) -> None:
    names = folder.table_names()
    assert {table.name for table in PUBLISHED} < set(names) <= PARQUET_TABLES.keys()
    for name in names:
        columns = parquet.read_schema(folder.table(name)).names
        assert columns == [column.name for column in PARQUET_TABLES[name].parquet_columns]


def rows_with_ids(tables: sqlite3.Connection, table: TableSchema) -> list[dict[str, Any]]:
    """The rows of SQLite in order of their key, with ids in place of row numbers."""
    ids = {kind: dict(tables.execute(f"SELECT row, id FROM {name}")) for kind, name in IDS.items()}
    shared = [column for column in table.columns if column.in_sqlite and column.in_parquet]
    order = ", ".join(table.key)
    names = ", ".join(column.name for column in shared)
    rows = []
    for values in tables.execute(f"SELECT {names} FROM {table.name} ORDER BY {order}"):
        row = {}
        for column, value in zip(shared, values, strict=True):
            row[column.name] = ids[column.kind][value] if column.kind in ids else value
        rows.append(row)
    return rows


@pytest.mark.parametrize("table", PUBLISHED, ids=lambda table: table.name)
def test_both_files_hold_the_same_rows_in_the_order_of_the_key(
    folder: ReleaseFolder, tables: sqlite3.Connection, table: TableSchema
) -> None:
    expected = rows_with_ids(tables, table)
    assert len(expected) > 20
    rows = parquet.read_table(folder.table(table.name), columns=[*expected[0]]).to_pylist()
    for row in rows:
        row["score"] = round(row["score"], 6)
    assert rows == expected
