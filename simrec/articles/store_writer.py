"""What is written into the article store, inside one transaction."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from simrec.articles import lookup
from simrec.articles.arrivals import Arrivals
from simrec.articles.article import Article
from simrec.articles.counted_writer import CountedWriter
from simrec.articles.store_schema import COLUMNS, CURSORS, IMAGES, ORIGINS

# How reasons begin that are not of a rejected row: a value that was dropped, what was decided and
# may be meant otherwise, and a source that could not be read.
NOTE = "kept without "
REMARK = "note: "
NOT_READ = "not read: "
TEMPORARY_TABLES = [
    "CREATE TEMP TABLE IF NOT EXISTS stale (text_key BLOB)",
    "CREATE TEMP TABLE IF NOT EXISTS seen "
    "(id TEXT PRIMARY KEY, file TEXT, line INTEGER) WITHOUT ROWID",
    "DELETE FROM seen",
]

TAGS = json.JSONEncoder(ensure_ascii=False).encode  # made once, and not for every row

Change = Literal["new", "changed", "unchanged"]


class Reject(NamedTuple):
    """A row that was not taken, or a value of it, and why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


class Keys(NamedTuple):
    """Three hashes of 16 bytes: of all fields of an article, of its text, of its record."""

    row: bytes
    text: bytes
    source: bytes


class StoreWriter:
    """Changes articles, and remembers for a transaction which ids it has seen."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        for statement in [CURSORS, ORIGINS, IMAGES, *TEMPORARY_TABLES]:
            database.execute(statement)
        self.arrivals = Arrivals(database)
        self.counted = CountedWriter(database)
        self._changed = False

    def upsert(self, article: Article, keys: Keys) -> Change:
        """Insert or replace an article by id, with the key of the record it came from."""
        query = "SELECT row_key, text_key FROM articles WHERE id = ?"
        old = self._db.execute(query, (article.id,)).fetchone()
        if old and old[0] == keys.row:
            update = "UPDATE articles SET source_key = ? WHERE id = ?"
            self._db.execute(update, (keys.source, article.id))
            return "unchanged"
        self._changed = True
        if old:
            self.counted.forget(article.id)
        if old and old[1] != keys.text:
            self._db.execute("INSERT INTO stale VALUES (?)", (old[1],))
        if not old:
            self.arrivals.note(article.id)
        text = (keys.text, article.title, article.text)
        self._db.execute("INSERT OR IGNORE INTO texts VALUES (?, ?, ?)", text)
        self._replace(article, keys)
        self._db.execute("DELETE FROM tombstones WHERE id = ?", (article.id,))
        return "changed" if old else "new"

    def _replace(self, article: Article, keys: Keys) -> None:
        row = (
            article.id,
            article.title,
            article.lead,
            article.account,
            article.published_at,
            article.url,
            article.lang,
            article.category,
            TAGS(article.tags),
            *keys,
        )
        self._db.execute(
            f"INSERT OR REPLACE INTO articles ({COLUMNS}, row_key, text_key, source_key) "
            "VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            row,
        )
        self._db.execute("DELETE FROM images WHERE id = ?", (article.id,))
        if article.image:
            self._db.execute("INSERT INTO images VALUES (?, ?)", (article.id, article.image))

    def is_beginning(self, article: Article) -> bool:
        """Tell whether the article is stored with a text that is longer and begins as this one."""
        return lookup.begins_with(self._db, article)

    def delete(self, ids: Iterable[str], now: str) -> int:
        """Replace articles by tombstones; return how many of the ids there were."""
        deleted = 0
        for article_id in ids:
            stale = "INSERT INTO stale SELECT text_key FROM articles WHERE id = ?"
            self._db.execute(stale, (article_id,))
            for table in ("origins", "images"):
                self._db.execute(f"DELETE FROM {table} WHERE id = ?", (article_id,))
            self.counted.forget(article_id)
            cursor = self._db.execute("DELETE FROM articles WHERE id = ?", (article_id,))
            if cursor.rowcount:
                tombstone = (article_id, now)
                self._db.execute("INSERT OR REPLACE INTO tombstones VALUES (?, ?)", tombstone)
                deleted += 1
                self._changed = True
        return deleted

    def mark_seen(self, article_id: str, file: str, line: int) -> tuple[str, int] | None:
        """Note where an id was met; return the file and line where it was met before, if any."""
        seen = (article_id, file, line)
        if self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", seen).rowcount:
            return None
        query = "SELECT file, line FROM seen WHERE id = ?"
        earlier: tuple[str, int] = self._db.execute(query, (article_id,)).fetchone()
        self._db.execute("REPLACE INTO seen VALUES (?, ?, ?)", seen)
        return earlier if earlier[0] else None

    def mark_present(self, ids: Iterable[str]) -> None:
        """Note ids that a source holds in rows that were not read, or not taken."""
        rows = ((article_id,) for article_id in ids)
        self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, '', 0)", rows)

    def not_seen(self) -> list[tuple[str, str]]:
        """Return the articles that were neither met nor noted as present, in order of id.

        Each is (id, file or query that it came from), "" where that is not known.
        """
        query = (
            "SELECT id, coalesce(file, '') FROM articles LEFT JOIN origins USING (id) "
            "WHERE id NOT IN (SELECT id FROM seen) ORDER BY id"
        )
        return list(self._db.execute(query))

    def origin(self, article_id: str) -> str:
        """Return the file or query that an article came from before now, "" if it is unknown."""
        query = "SELECT file FROM origins WHERE id = ?"
        row = self._db.execute(query, (article_id,)).fetchone()
        return row[0] if row else ""

    def holder(self, article_id: str) -> str:
        """Return the file or query that has an id: where it was met now, or else came from."""
        query = "SELECT file FROM seen WHERE id = ?"
        row = self._db.execute(query, (article_id,)).fetchone()
        return row[0] if row and row[0] else self.origin(article_id)

    def note_origins(self) -> None:
        """Note for the articles that were met which file or query they came from."""
        self._db.execute(
            "INSERT INTO origins SELECT id, file FROM seen WHERE file <> '' "
            "ON CONFLICT DO UPDATE SET file = excluded.file WHERE file <> excluded.file"
        )

    def replace_cursors(self, cursors: Mapping[str, str]) -> None:
        """Store how far each source was read, and forget the sources that were not."""
        self._db.execute("DELETE FROM marks")
        self._db.executemany("INSERT INTO marks VALUES (?, ?)", cursors.items())

    def replace_rejects(self, files: Iterable[str], rejects: Iterable[Reject]) -> None:
        """Forget what was rejected of these files before, and store what is rejected now.

        Which sources were not read is told anew by every ingest.
        """
        self._db.execute("DELETE FROM rejects WHERE reason LIKE ?", (f"{NOT_READ}%",))
        self._db.executemany("DELETE FROM rejects WHERE file = ?", ((file,) for file in files))
        self._db.executemany("INSERT INTO rejects VALUES (?, ?, ?)", rejects)

    def finish(self) -> None:
        """Delete the texts that no article has any more, and note whether articles changed."""
        if self._changed:
            self.counted.forget_rules()
        self._db.execute(
            "DELETE FROM texts WHERE key IN (SELECT text_key FROM stale) "
            "AND NOT EXISTS (SELECT 1 FROM articles WHERE text_key = texts.key) "
            "AND NOT EXISTS (SELECT 1 FROM counted WHERE key = texts.key)"
        )
        self._db.execute("DELETE FROM stale")
