"""Writes the release's SQLite file: metadata and what is similar to what, for point look-ups."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from simrec import files
from simrec.articles.article import Account
from simrec.index import packing
from simrec.index.knn_graph import KnnGraph, pairs
from simrec.recommend.candidates import NO_GROUP
from simrec.recommend.exposure import RankedLists
from simrec.recommend.hits import TABLES_VERSION, WORD_BITS
from simrec.recommend.shared_words import WORDS, SharedWords

BLOCK = 16_384

MASK = (1 << WORD_BITS) - 1


def _word(place: int) -> str:
    """Return SQL for the word in one of the places of a number, with a comma before all but the first."""
    separator = "', ' || " if place else ""
    found = f"SELECT word FROM words WHERE number = (s.words >> {place * WORD_BITS}) & {MASK}"
    return f"coalesce({separator}({found}), '')"


# Rows, not ids, and numbers, not words, stand in the similar tables: they are most of the file. The view
# `similar` brings ids and words back.
SCHEMA = f"""
PRAGMA user_version = {TABLES_VERSION};
CREATE TABLE articles (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, lead TEXT NOT NULL, account TEXT,
    published_at TEXT, url TEXT, lang TEXT, category TEXT, tags TEXT NOT NULL, original INTEGER
);
CREATE TABLE similar_articles (
    row INTEGER NOT NULL, rank INTEGER NOT NULL, other INTEGER NOT NULL, score REAL NOT NULL,
    place INTEGER NOT NULL, words INTEGER NOT NULL, PRIMARY KEY (row, rank)
) WITHOUT ROWID;
CREATE TABLE words (number INTEGER PRIMARY KEY, word TEXT NOT NULL);
CREATE TABLE accounts (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, articles INTEGER NOT NULL, first TEXT, last TEXT
);
CREATE TABLE similar_accounts (
    row INTEGER NOT NULL, rank INTEGER NOT NULL, other INTEGER NOT NULL, score REAL NOT NULL, PRIMARY KEY (row, rank)
) WITHOUT ROWID;
CREATE TABLE evidence (
    row INTEGER NOT NULL, other INTEGER NOT NULL, rank INTEGER NOT NULL, article INTEGER NOT NULL,
    other_article INTEGER NOT NULL, score REAL NOT NULL, PRIMARY KEY (row, other, rank)
) WITHOUT ROWID;
CREATE TABLE facts (
    similar_articles INTEGER NOT NULL, similar_accounts INTEGER NOT NULL, min_articles INTEGER NOT NULL
);
CREATE VIEW similar AS
    SELECT a.id AS article, s.rank, b.id AS similar, s.score, s.place, {" || ".join(map(_word, range(WORDS)))} AS words
    FROM similar_articles s JOIN articles a ON a.row = s.row JOIN articles b ON b.row = s.other;
CREATE VIEW duplicates AS
    SELECT a.id AS article, b.id AS original
    FROM articles a JOIN articles b ON b.row = a.original WHERE a.original <> a.row;
"""
INDEXES = """
CREATE INDEX articles_of_account ON articles (account);
CREATE INDEX articles_of_category ON articles (category);
CREATE INDEX articles_of_original ON articles (original) WHERE original IS NOT NULL;
"""


class Tables:
    """The tables while they are written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    @contextmanager
    def write(cls, path: Path) -> Iterator["Tables"]:
        """Write the file, whole or not at all."""
        with (
            files.atomic_path(path) as temporary,
            closing(sqlite3.connect(temporary, isolation_level=None)) as db,
        ):
            # Nobody reads this file before it is renamed: it needs no journal of its own.
            db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {SCHEMA}")
            db.execute("BEGIN")
            yield cls(db)
            db.execute("COMMIT")
            db.executescript(INDEXES)

    def articles(self, articles: Iterable[tuple[Any, ...]], originals: np.ndarray) -> None:
        """Write the columns of articles in order of their rows, with the row of their original, NOBODY for none."""
        known = (None if row == NO_GROUP else row for row in originals.tolist())
        rows = (
            (row, *article, original)
            for row, (article, original) in enumerate(zip(articles, known, strict=True))
        )
        self._db.executemany("INSERT INTO articles VALUES (?,?,?,?,?,?,?,?,?,?,?)", rows)

    def similar_articles(self, listed: RankedLists, reasons: SharedWords) -> None:
        """Write whom every article recommends, and the words they share."""
        self._db.executemany("INSERT INTO words VALUES (?,?)", enumerate(reasons.words, start=1))
        for start in range(0, len(listed.rows), BLOCK):
            part = slice(start, start + BLOCK)
            row, place = np.nonzero(listed.rows[part] >= 0)
            shared = reasons.of(start, start + len(listed.rows[part]))[row, place]
            words = shared.astype(np.int64) @ (1 << WORD_BITS * np.arange(WORDS))
            scores = listed.scores[part][row, place].astype(np.float64).round(6)
            columns = (
                row + start,
                place + 1,
                listed.rows[part][row, place],
                scores,
                listed.score_ranks[part][row, place],
                words,
            )
            rows = zip(*(column.tolist() for column in columns), strict=True)
            self._db.executemany("INSERT INTO similar_articles VALUES (?,?,?,?,?,?)", rows)

    def accounts(
        self, accounts: Iterable[Account], related: KnnGraph, most: int, evidence: np.ndarray
    ) -> None:
        """Write accounts in order of their rows, those similar to them, and the pairs of articles that say so."""
        listed = ((row, a.id, a.articles, a.first, a.last) for row, a in enumerate(accounts))
        self._db.executemany("INSERT INTO accounts VALUES (?,?,?,?,?)", listed)
        self._db.executemany("INSERT INTO similar_accounts VALUES (?,?,?,?)", pairs(related, most))
        ranks = packing.rank_in_group(_pair(evidence)) + 1
        columns = (evidence[name].tolist() for name in ("account", "similar"))
        others = (evidence[name].tolist() for name in ("article", "other"))
        rows = zip(
            *columns,
            ranks.tolist(),
            *others,
            evidence["score"].astype(np.float64).round(6).tolist(),
            strict=True,
        )
        self._db.executemany("INSERT INTO evidence VALUES (?,?,?,?,?,?)", rows)

    def facts(self, similar_articles: int, similar_accounts: int, min_articles: int) -> None:
        """Write how many places each similar table has at most, and from how many articles on an account is sure."""
        self._db.execute(
            "INSERT INTO facts VALUES (?,?,?)", (similar_articles, similar_accounts, min_articles)
        )


def _pair(evidence: np.ndarray) -> np.ndarray:
    key: np.ndarray = evidence["account"] * (1 << 31) + evidence["similar"]
    return key


def read_ids(path: Path) -> list[str]:
    """Return the ids of the articles of a release, in order of their rows."""
    return [str(article_id) for (article_id,) in read_articles(path, "id")]


def read_articles(
    path: Path, columns: str, rows: Sequence[int] | None = None
) -> list[tuple[Any, ...]]:
    """Return columns of the articles of a release, in order of their rows; or of some rows, as these are ordered."""
    with closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    ) as db:
        if rows is None:
            return db.execute(f"SELECT {columns} FROM articles ORDER BY row").fetchall()
        query = f"SELECT {columns} FROM articles WHERE row = ?"
        return [db.execute(query, (row,)).fetchone() for row in rows]
