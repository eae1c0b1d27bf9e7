"""The tables of the article store, and how to tell that they are damaged."""

import json
import sqlite3
from typing import Any

from simrec.articles import counted_texts
from simrec.articles.article import Article, text_key

VERSION = 1
WRITING_KIB = 65_536  # of pages; with SQLite's 2 MiB a first night of 1,000,000 took a quarter more
# Texts stand apart from articles: a nightly run reads every article row but only the few texts
# that have no vector yet, and equal texts are kept once.
SCHEMA = """
CREATE TABLE articles (
    id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, lead TEXT NOT NULL, account TEXT,
    published_at TEXT, url TEXT, lang TEXT, category TEXT, tags TEXT NOT NULL,
    row_key BLOB NOT NULL, text_key BLOB NOT NULL, source_key BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX articles_of_text ON articles (text_key);
CREATE INDEX articles_of_account ON articles (account);
CREATE TABLE texts (key BLOB PRIMARY KEY NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE rejects (file TEXT NOT NULL, line INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE tombstones (id TEXT PRIMARY KEY NOT NULL, deleted_at TEXT NOT NULL) WITHOUT ROWID;
CREATE VIEW accounts AS
    SELECT account AS id, count(*) AS articles,
        min(published_at) AS first, max(published_at) AS last
    FROM articles WHERE account IS NOT NULL GROUP BY account;
PRAGMA user_version = 1;
"""
# How far each source was read: the watermark of a query, the checksum of all files.
CURSORS = (
    "CREATE TABLE IF NOT EXISTS marks "
    "(source TEXT PRIMARY KEY NOT NULL, mark TEXT NOT NULL) WITHOUT ROWID"
)
# Which file or query brought an article in.
ORIGINS = (
    "CREATE TABLE IF NOT EXISTS origins "
    "(id TEXT PRIMARY KEY NOT NULL, file TEXT NOT NULL) WITHOUT ROWID"
)
# Where the picture of an article is, of those that have one.
IMAGES = (
    "CREATE TABLE IF NOT EXISTS images "
    "(id TEXT PRIMARY KEY NOT NULL, image TEXT NOT NULL) WITHOUT ROWID"
)
COLUMNS = "id, title, lead, account, published_at, url, lang, category, tags"


def prepare(database: sqlite3.Connection, writable: bool, create: bool) -> None:
    """Set up a connection and the tables of a new store; DatabaseError for a newer version."""
    if writable:
        database.execute("PRAGMA journal_mode = WAL")
    if create:
        database.execute(f"PRAGMA cache_size = -{WRITING_KIB}")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        database.executescript(f"BEGIN;{SCHEMA}COMMIT;")
    if version > VERSION:
        raise sqlite3.DatabaseError(
            f"version {version}, made by a newer simrec; this one reads {VERSION}"
        )


def verify(database: sqlite3.Connection) -> None:
    """Read everything; sqlite3.DatabaseError if something is damaged.

    An article is damaged if it is not what its keys were made of.
    """
    structure = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if structure != "ok":
        raise sqlite3.DatabaseError(" ".join(structure.split()))
    text = "(SELECT text FROM texts WHERE key = text_key)"
    columns = f"{COLUMNS}, {image_column(database)} AS image, row_key, text_key, {text}"
    for row in database.execute(f"SELECT {columns} FROM articles"):
        if not _is_whole(*row):
            raise sqlite3.DatabaseError(f"article '{row[0]}' is not what was stored")
    for article_id, key, title, counted in counted_texts.all_counted(database):
        if not is_text_of(key, title, counted):
            raise sqlite3.DatabaseError(f"what counts of article '{article_id}' is not stored")


def image_column(database: sqlite3.Connection) -> str:
    """Return SQL for the image of an article; a store of an earlier edition has none."""
    query = "SELECT 1 FROM sqlite_master WHERE name = 'images'"
    if not database.execute(query).fetchone():
        return "NULL"
    return "(SELECT image FROM images WHERE images.id = articles.id)"


def is_text_of(key: bytes, title: str, text: str) -> bool:
    """Tell whether a text is what its key was made of."""
    try:
        return text_key(title, text) == key
    except (TypeError, ValueError):  # not even text any more
        return False


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error is about the content of a file, and not about disk or lock."""
    return type(error) is sqlite3.DatabaseError or "could not decode" in str(error).lower()


def _is_whole(*row: Any) -> bool:
    values = dict(zip([*COLUMNS.split(", "), "image"], row, strict=False))
    lead = values.pop("lead")
    tags = values.pop("tags")
    row_key, text_key, text = row[-3:]
    try:
        article = Article(**values, text=text, tags=tuple(json.loads(tags)))
        return (article.lead, article.row_key, article.text_key) == (lead, row_key, text_key)
    except (TypeError, ValueError):  # not even text any more
        return False
