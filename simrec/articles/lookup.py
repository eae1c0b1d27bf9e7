"""Look articles up in the store as they were taken in, by id or by words."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from simrec.articles.article import Article
from simrec.articles.store_schema import COLUMNS, image_column
from simrec.errors import UnknownIdError
from simrec.files import JsonObject

FIELDS = COLUMNS.replace("lead, ", "")
TEXT = "(SELECT text FROM texts WHERE key = text_key) AS text"
FOUND = ["id", "account", "published_at", "url", "title", "lead"]


def by_id(database: sqlite3.Connection, ids: Sequence[str]) -> Iterator[JsonObject]:
    """Yield all fields of some articles in the order given; UnknownIdError for another id."""
    query = f"SELECT {_fields_of(database)} FROM articles WHERE id = ?"
    for article_id in ids:
        cursor = database.execute(query, (article_id,))
        row = cursor.fetchone()
        if row is None:
            raise UnknownIdError(
                f"no article '{article_id}' was taken in; simrec find WORDS looks for ids"
            )
        yield _fields(cursor, row)


def begins_with(database: sqlite3.Connection, article: Article) -> bool:
    """Tell whether the article is stored with a text that is longer and begins as this one."""
    query = "SELECT text FROM articles JOIN texts ON key = text_key WHERE id = ?"
    stored = database.execute(query, (article.id,)).fetchone()
    if stored is None or stored[0] == article.text:
        return False
    return str(stored[0]).startswith(article.text)


def first(database: sqlite3.Connection, most: int, sample: bool = False) -> Iterator[JsonObject]:
    """Yield all fields of the first articles by id, or as a sample by a hash of the text."""
    order = "text_key, id" if sample else "id"
    query = f"SELECT {_fields_of(database)} FROM articles ORDER BY {order} LIMIT ?"
    cursor = database.execute(query, (most,))
    for row in cursor:
        yield _fields(cursor, row)


def newest(database: sqlite3.Connection, most: int, today: str) -> Iterator[JsonObject]:
    """Yield what tells the newest articles apart that are dated until today, newest first."""
    query = (
        f"SELECT {', '.join(FOUND)} FROM articles "
        "ORDER BY coalesce(published_at, '') > ?, published_at DESC, id LIMIT ?"
    )
    for row in database.execute(query, (today, most)):
        yield dict(zip(FOUND, row, strict=True))


def by_words(database: sqlite3.Connection, words: Sequence[str], most: int) -> Iterator[JsonObject]:
    """Yield what tells articles apart whose title, URL or id holds all words, in any case.

    An article without a title is known by its first characters, the lead.
    """
    wanted = [word.casefold() for word in words]
    for row in database.execute(f"SELECT {', '.join(FOUND)} FROM articles ORDER BY id"):
        article = dict(zip(FOUND, row, strict=True))
        shown = (article["id"], article["url"] or "", article["title"] or article["lead"])
        text = "\n".join(shown).casefold()
        if all(word in text for word in wanted):
            yield article
            most -= 1
            if not most:
                return


def _fields_of(database: sqlite3.Connection) -> str:
    """Return SQL for all fields of an article."""
    return f"{FIELDS}, {image_column(database)} AS image, {TEXT}"


def images(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Yield (id, address of the picture) of every article that has one, in order of id."""
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'images'").fetchone():
        yield from database.execute("SELECT id, image FROM images ORDER BY id")


def _fields(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> JsonObject:
    article = dict(zip((column[0] for column in cursor.description), row, strict=True))
    article["tags"] = json.loads(article["tags"])
    return article


def origins(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Yield (id, file or query that it came from) of every article, in order of id."""
    join = "LEFT JOIN origins USING (id)"
    file = "coalesce(file, '')"
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'origins'").fetchone():
        join = ""  # as before there was a sync
        file = "''"
    yield from database.execute(f"SELECT id, {file} FROM articles {join} ORDER BY id")


def origin(database: sqlite3.Connection, article_id: str) -> str:
    """Return the file or query that an article came from, "" if it is unknown."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'origins'").fetchone():
        return ""
    row = database.execute("SELECT file FROM origins WHERE id = ?", (article_id,)).fetchone()
    return row[0] if row else ""


def row_key(database: sqlite3.Connection, article_id: str) -> bytes | None:
    """Return the hash of all fields of an article, or None if there is none of that id."""
    query = "SELECT row_key FROM articles WHERE id = ?"
    row = database.execute(query, (article_id,)).fetchone()
    return bytes(row[0]) if row else None
