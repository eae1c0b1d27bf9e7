"""What counts of an article's text, where that is not all of it: a text of its own in the store."""

import hashlib
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

# Of the articles of accounts with boilerplate the key of the text that counts; the boilerplate of
# each account, and a hash of the sample it was found in; the rules all of it was made by.
TABLES = [
    "CREATE TABLE IF NOT EXISTS counted"
    " (id TEXT PRIMARY KEY NOT NULL, key BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS counted_of_text ON counted (key)",
    "CREATE TABLE IF NOT EXISTS boilerplate (account TEXT PRIMARY KEY NOT NULL,"
    " sample BLOB NOT NULL, blocks BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS counted_by (rules TEXT NOT NULL)",
]
WHOLE = "a.text_key"
COUNTED = "coalesce((SELECT key FROM counted c WHERE c.id = a.id), a.text_key)"


class BoilerplateCounts(NamedTuple):
    """How many accounts have boilerplate, and how many articles count without it."""

    accounts: int
    articles: int


def counted_key(database: sqlite3.Connection) -> str:
    """Return the expression for the key of the text that counts, of a row `a` of articles."""
    if not _is_there(database):
        return WHOLE
    any_counted = database.execute("SELECT 1 FROM counted LIMIT 1").fetchone()
    return COUNTED if any_counted else WHOLE


def rules(database: sqlite3.Connection) -> str | None:
    """Return the rules that all articles as they are were counted by, None if they were not."""
    if not _is_there(database):
        return None
    row = database.execute("SELECT rules FROM counted_by").fetchone()
    return row[0] if row else None


def counts(database: sqlite3.Connection) -> BoilerplateCounts:
    """Count accounts with boilerplate, and the articles that hold some."""
    accounts = database.execute("SELECT count(*) FROM boilerplate WHERE blocks != x''")
    articles = database.execute(
        "SELECT count(*) FROM counted c JOIN articles a ON a.id = c.id WHERE c.key != a.text_key"
    )
    return BoilerplateCounts(accounts.fetchone()[0], articles.fetchone()[0])


def digest(database: sqlite3.Connection) -> str:
    """Return a hash of what counts of all articles, "" if that is all of every text."""
    if not _is_there(database):
        return ""
    query = (
        "SELECT c.id, c.key FROM counted c JOIN articles a ON a.id = c.id"
        " WHERE c.key != a.text_key ORDER BY c.id"
    )
    hashed = hashlib.sha256()
    count = 0
    for article_id, key in database.execute(query):
        hashed.update(article_id.encode() + b"\0" + key)
        count += 1
    return hashed.hexdigest() if count else ""


def blocks_in(database: sqlite3.Connection, article_id: str) -> bytes:
    """Return the boilerplate of an article's account, nothing where all of its text counts."""
    if not _is_there(database):
        return b""
    query = (
        "SELECT b.blocks FROM articles a JOIN counted c ON c.id = a.id"
        " JOIN boilerplate b ON b.account = coalesce(a.account, '')"
        " WHERE a.id = ? AND c.key != a.text_key"
    )
    row = database.execute(query, (article_id,)).fetchone()
    return bytes(row[0]) if row else b""


def all_counted(database: sqlite3.Connection) -> Iterator[tuple[str, bytes, str, str]]:
    """Yield id, key, title and text of what counts, None for a title and a text that are gone."""
    if _is_there(database):
        yield from database.execute(
            "SELECT c.id, c.key, t.title, t.text FROM counted c LEFT JOIN texts t ON t.key = c.key"
        )


def _is_there(database: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE name = 'counted_by'"
    return database.execute(query).fetchone() is not None
