"""A source's database is read, whatever its query says."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from simrec.articles.sources.source import Split, UnreadableSourceError, read_rows
from simrec.articles.sources.sql_source import SqlSource
from simrec.config import Fields
from simrec.errors import ConfigError

WRITES = [
    "DELETE FROM news RETURNING id",
    "WITH gone AS (SELECT id FROM news) DELETE FROM news RETURNING id",
    "WITH x AS (SELECT 1) INSERT INTO news SELECT 'b', 'c' RETURNING id",
    "VACUUM INTO 'copy.db'",
    "ATTACH 'copy.db' AS other",
    "PRAGMA user_version = 7",
    "PRAGMA journal_mode = DELETE",
    "REINDEX",
    "DROP TABLE news",
    "/* c */ -- d\n DROP TABLE news",
    "CREATE TEMP TABLE t AS SELECT 1",
    "SAVEPOINT a",
]


@pytest.mark.parametrize("watermark", ["", "id"])
@pytest.mark.parametrize("query", WRITES)
def test_a_query_to_sqlite_can_only_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, watermark: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "news.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE news (id, text)")
        db.execute("INSERT INTO news VALUES ('a', 'Words.')")
    before = path.read_bytes()
    source = SqlSource(f"sqlite:///{path}", query, watermark, Fields())
    with pytest.raises((ConfigError, UnreadableSourceError)):
        source.cursor(None)
        list(read_rows(source, Split(0)))
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == {"news.db"}


def test_what_reads_is_read(tmp_path: Path) -> None:
    path = tmp_path / "news.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE news (id, text)")
        db.execute("INSERT INTO news VALUES ('a', 'Words.'), ('b', 'More.')")
    query = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) "
        "SELECT id, upper(text) AS text, (SELECT count(*) FROM n) AS category FROM news"
    )
    rows = list(read_rows(SqlSource(f"sqlite:///{path}", query, "id", Fields()), Split(0)))
    assert [row.record for row in rows] == [
        {"id": "a", "text": "WORDS.", "category": 3},
        {"id": "b", "text": "MORE.", "category": 3},
    ]
