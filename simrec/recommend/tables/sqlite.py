"""The SQLite file of a release, for look-ups of articles, accounts and what is similar."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from simrec import files
from simrec.recommend.shared_words import WORDS as WORDS_OF_PAIR
from simrec.recommend.tables.schema import (
    SCORE_DECIMALS,
    SQLITE_TABLES,
    VERSION,
    WORD_BITS,
    Block,
    Column,
    TableSchema,
)
from simrec.release_folder import ReleaseFolder

INSERTED_ROWS = 65_536  # that are Python objects at once
TYPES = {
    "article": "INTEGER",
    "account": "INTEGER",
    "integer": "INTEGER",
    "flag": "INTEGER",
    "score": "REAL",
    "text": "TEXT",
}
WORD_MASK = (1 << WORD_BITS) - 1
INDEXES = """
CREATE INDEX articles_of_account ON articles (account);
CREATE INDEX articles_of_category ON articles (category);
CREATE INDEX articles_of_url ON articles (url) WHERE url IS NOT NULL;
CREATE INDEX story_of_article ON stories (article);
CREATE INDEX articles_of_original ON articles (original) WHERE original IS NOT NULL;
"""


def _views() -> str:
    """Return the views, which show ids and words to people where tables hold numbers."""
    words = " || ".join(_word_at(position) for position in range(WORDS_OF_PAIR))
    return f"""
CREATE VIEW similar AS
    SELECT a.id AS article, s.rank, b.id AS similar, s.score, s.score_rank, {words} AS words
    FROM similar_articles s
    JOIN articles a ON a.row = s.article
    JOIN articles b ON b.row = s.similar;
CREATE VIEW duplicates AS
    SELECT a.id AS article, b.id AS original
    FROM articles a JOIN articles b ON b.row = a.original WHERE a.original <> a.row;
"""


def _word_at(position: int) -> str:
    """Return SQL for one of the words of a pair, with a comma before all but the first."""
    separator = "', ' || " if position else ""
    number = f"(s.words >> {position * WORD_BITS}) & {WORD_MASK}"
    return f"coalesce({separator}(SELECT word FROM words WHERE number = {number}), '')"


def create_table(table: TableSchema) -> str:
    """Return the statement that makes a table; one whose key has several columns has no row ids."""
    lines = [_definition(column, table.key) for column in table.sqlite_columns]
    options = ""
    if len(table.key) > 1:
        lines.append(f"PRIMARY KEY ({', '.join(table.key)})")
        options = " WITHOUT ROWID"
    return f"CREATE TABLE {table.name} ({', '.join(lines)}){options};"


def _definition(column: Column, key: tuple[str, ...]) -> str:
    definition = f"{column.name} {TYPES[column.kind]}"
    if key == (column.name,):
        return f"{definition} PRIMARY KEY"
    if not column.nullable:
        definition += " NOT NULL"
    return f"{definition} UNIQUE" if column.unique else definition


class SqliteTables:
    """The tables while they are written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    @contextmanager
    def write(cls, path: Path) -> Iterator[Self]:
        """Write the file, whole or not at all."""
        statements = [
            # Nobody reads this file before it is renamed: it needs no journal of its own.
            "PRAGMA journal_mode = OFF;",
            "PRAGMA synchronous = OFF;",
            f"PRAGMA user_version = {VERSION};",
            *(create_table(table) for table in SQLITE_TABLES),
            _views(),
        ]
        with (
            files.atomic_path(path) as temporary,
            closing(sqlite3.connect(temporary, isolation_level=None)) as db,
        ):
            db.executescript("\n".join(statements))
            db.execute("BEGIN")
            yield cls(db)
            db.execute("COMMIT")
            db.executescript(INDEXES)

    def insert_rows(self, table: TableSchema, rows: Iterable[Sequence[Any]]) -> None:
        """Write rows whose values are in the order of the table's columns."""
        marks = ", ".join("?" for _ in table.sqlite_columns)
        self._db.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)

    def insert_block(self, table: TableSchema, block: Block) -> None:
        """Write rows that are given as columns; nothing of a table that SQLite has not."""
        if not table.sqlite_columns:
            return
        columns = [_values(column, block) for column in table.sqlite_columns]
        for start in range(0, len(columns[0]), INSERTED_ROWS):
            part = slice(start, start + INSERTED_ROWS)
            values = [column[part].tolist() for column in columns]
            self.insert_rows(table, zip(*values, strict=True))


def _values(column: Column, block: Block) -> Any:
    values = block[column.name]
    if column.kind == "score":
        return values.astype(np.float64).round(SCORE_DECIMALS)
    return values


def has_images(db: sqlite3.Connection) -> bool:
    """Tell whether a release holds images of articles; older ones know none."""
    query = "SELECT 1 FROM sqlite_master WHERE name = 'images'"
    return db.execute(query).fetchone() is not None


def read_ids(folder: ReleaseFolder) -> list[str]:
    """Return the ids of the articles of a release, in order of their rows."""
    return [str(article_id) for (article_id,) in read_articles(folder, "id")]


def read_articles(
    folder: ReleaseFolder, columns: str, rows: Sequence[int] | None = None
) -> list[tuple[Any, ...]]:
    """Return columns of the articles of a release: of all in order of their rows, or of some rows.

    Of some rows they come in the order in which the rows are given.
    """
    with closing(folder.open_tables()) as db:
        if rows is None:
            return db.execute(f"SELECT {columns} FROM articles ORDER BY row").fetchall()
        query = f"SELECT {columns} FROM articles WHERE row = ?"
        return [db.execute(query, (row,)).fetchone() for row in rows]
