"""Writes the release's SQLite file: metadata and similar articles and accounts, for point look-ups."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from simrec import files
from simrec.articles.article import Account
from simrec.articles.store import ArticleRow

Pair = tuple[int, int, int, float]  # row, rank from 1, other row, score

# Rows, not ids, stand in the similar tables: they are most of the file, and one join brings the id back.
SCHEMA = """
CREATE TABLE articles (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, lead TEXT NOT NULL, account TEXT,
    published_at TEXT, url TEXT, lang TEXT, category TEXT, tags TEXT NOT NULL
);
CREATE TABLE similar_articles (
    row INTEGER NOT NULL, rank INTEGER NOT NULL, other INTEGER NOT NULL, score REAL NOT NULL, PRIMARY KEY (row, rank)
) WITHOUT ROWID;
CREATE TABLE accounts (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, articles INTEGER NOT NULL, first TEXT, last TEXT
);
CREATE TABLE similar_accounts (
    row INTEGER NOT NULL, rank INTEGER NOT NULL, other INTEGER NOT NULL, score REAL NOT NULL, PRIMARY KEY (row, rank)
) WITHOUT ROWID;
CREATE TABLE facts (similar_articles INTEGER NOT NULL, similar_accounts INTEGER NOT NULL);
"""
INDEXES = """
CREATE INDEX articles_of_account ON articles (account);
CREATE INDEX articles_of_category ON articles (category);
"""


def write_tables(
    path: Path,
    articles: Iterable[ArticleRow],
    similar_articles: Iterable[Pair],
    accounts: Iterable[Account],
    similar_accounts: Iterable[Pair],
    most: tuple[int, int],
) -> None:
    """Write the file, whole or not at all; `most` is how many places each similar table has at most."""
    with files.atomic_path(path) as temporary, closing(sqlite3.connect(temporary, isolation_level=None)) as db:
        # Nobody reads this file before it is renamed: it needs no journal of its own.
        db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {SCHEMA}")
        db.execute("BEGIN")
        numbered = ((row, *article[:9]) for row, article in enumerate(articles))
        db.executemany("INSERT INTO articles VALUES (?,?,?,?,?,?,?,?,?,?)", numbered)
        db.executemany("INSERT INTO similar_articles VALUES (?,?,?,?)", similar_articles)
        listed = ((row, a.id, a.articles, a.first, a.last) for row, a in enumerate(accounts))
        db.executemany("INSERT INTO accounts VALUES (?,?,?,?,?)", listed)
        db.executemany("INSERT INTO similar_accounts VALUES (?,?,?,?)", similar_accounts)
        db.execute("INSERT INTO facts VALUES (?,?)", most)
        db.execute("COMMIT")
        db.executescript(INDEXES)


def read_ids(path: Path) -> list[str]:
    """Return the ids of the articles of a release, in order of their rows."""
    return [str(article_id) for (article_id,) in read_articles(path, "id")]


def read_articles(path: Path, columns: str, rows: Sequence[int] | None = None) -> list[tuple[Any, ...]]:
    """Return columns of the articles of a release, in order of their rows; or of some rows, as these are ordered."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        if rows is None:
            return db.execute(f"SELECT {columns} FROM articles ORDER BY row").fetchall()
        query = f"SELECT {columns} FROM articles WHERE row = ?"
        return [db.execute(query, (row,)).fetchone() for row in rows]
