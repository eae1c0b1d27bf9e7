"""The article store: one SQLite file that holds articles, texts, rejects and tombstones."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from simrec.articles.article import Account, Article, text_key
from simrec.errors import LockedError, ReleaseError

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
    SELECT account AS id, count(*) AS articles, min(published_at) AS first, max(published_at) AS last
    FROM articles WHERE account IS NOT NULL GROUP BY account;
PRAGMA user_version = 1;
"""
# How far each source was read: the watermark of a query, the checksum of the files.
MARKS = "CREATE TABLE IF NOT EXISTS marks (source TEXT PRIMARY KEY NOT NULL, mark TEXT NOT NULL) WITHOUT ROWID"
VERSION = 1
WRITING_KIB = 65_536  # of pages kept while writing: with SQLite's 2 MiB a first night of 1,000,000 cost a quarter more
LONGEST_TEXT = 1 << 30  # characters; SQLite counts them in 32 bits with a sign
COLUMNS = "id, title, lead, account, published_at, url, lang, category, tags"
_MEND = "restore it, or remove it and ingest again"
Change = Literal["new", "changed", "unchanged"]


class Reject(NamedTuple):
    """A row that was not taken, or a value of it, and why."""

    file: str
    line: int
    reason: str


class Keys(NamedTuple):
    """16 bytes each that stand for all fields of an article, for its text, and for the record it came from."""

    row: bytes
    text: bytes
    source: bytes


class SyncState(NamedTuple):
    """How far each source was read the last time, and now."""

    before: dict[str, str]
    now: dict[str, str]


class ArticleMeta(NamedTuple):
    """What of an article is held in memory where all of them are."""

    id: str
    account: str | None
    published_at: str | None
    category: str | None


class Store:
    """Articles by id. Reading needs no lock; writing goes through `transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, create: bool = False, settled: bool = False, seconds: float = 30
    ) -> Iterator["Store"]:
        """Open the store, with `create` for writing; ReleaseError where there is none or it is damaged.

        Where the disk is read-only, or the store is settled, nobody writes, and SQLite is told so: on the one it
        would find no place for its locks, and those of a WAL are not seen by other hosts. Locks are waited for so long.
        """
        if not (create or path.exists()):
            raise ReleaseError(f"{path}: no articles yet; simrec ingest brings them in")
        writable = create or (os.access(path.parent, os.W_OK) and not settled)
        uri = f"{path.absolute().as_uri()}?{'' if writable else 'immutable=1'}"
        with closing(
            sqlite3.connect(uri, uri=True, isolation_level=None, timeout=seconds)
        ) as connection:
            try:
                if writable:
                    connection.execute("PRAGMA journal_mode = WAL")
                if create:
                    connection.execute(f"PRAGMA cache_size = -{WRITING_KIB}")
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version == 0:
                    connection.executescript(f"BEGIN;{SCHEMA}COMMIT;")
                if version > VERSION:
                    raise sqlite3.DatabaseError(
                        f"version {version}, made by a newer simrec; this one reads {VERSION}"
                    )
                yield cls(connection)
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise  # the disk, not the file
                raise ReleaseError(f"{path}: {error}; {_MEND}") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen or, on an exception, nothing of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute(MARKS)
            self._db.execute("CREATE TEMP TABLE IF NOT EXISTS stale (text_key BLOB)")
            self._db.execute(
                "CREATE TEMP TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, file TEXT, line INTEGER) WITHOUT ROWID"
            )
            self._db.execute("DELETE FROM seen")
            yield
            self._drop_stale_texts()
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk may have ended it already
                self._db.execute("ROLLBACK")
            raise

    def checkpoint(self) -> None:
        """Bring everything into the one file, for readers on other hosts; LockedError if somebody is in the way."""
        busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise LockedError(
                "articles.db: another process has been reading it for long; run again when it has ended"
            )

    def is_unchanged(self, article_id: str, source_key: bytes) -> bool:
        """Tell whether the article came from just this record the last time, so that nothing is to be done."""
        query = "SELECT 1 FROM articles WHERE id = ? AND source_key = ?"
        return self._db.execute(query, (article_id, source_key)).fetchone() is not None

    def upsert(self, article: Article, keys: Keys) -> Change:
        """Insert or replace an article by id, noting the record it came from."""
        old = self._db.execute(
            "SELECT row_key, text_key FROM articles WHERE id = ?", (article.id,)
        ).fetchone()
        row_key, text_key, source_key = keys
        if old and old[0] == row_key:
            self._db.execute(
                "UPDATE articles SET source_key = ? WHERE id = ?", (source_key, article.id)
            )
            return "unchanged"
        if old and old[1] != text_key:
            self._db.execute("INSERT INTO stale VALUES (?)", (old[1],))
        self._db.execute(
            "INSERT OR IGNORE INTO texts VALUES (?, ?, ?)", (text_key, article.title, article.text)
        )
        self._db.execute(
            f"INSERT OR REPLACE INTO articles ({COLUMNS}, row_key, text_key, source_key) "
            "VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                article.id, article.title, article.lead, article.account, article.published_at, article.url,
                article.lang, article.category, json.dumps(article.tags, ensure_ascii=False), row_key, text_key,
                source_key,
            ),
        )  # fmt: skip
        self._db.execute("DELETE FROM tombstones WHERE id = ?", (article.id,))
        return "changed" if old else "new"

    def mark_seen(self, article_id: str, file: str, line: int) -> int | None:
        """Note where an id was met in this transaction; return its earlier line in the same file, if any."""
        seen = (article_id, file, line)
        if self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", seen).rowcount:
            return None
        earlier = self._db.execute(
            "SELECT line FROM seen WHERE id = ? AND file = ?", (article_id, file)
        ).fetchone()
        self._db.execute("REPLACE INTO seen VALUES (?, ?, ?)", seen)
        return int(earlier[0]) if earlier else None

    def mark_present(self, ids: Iterable[str]) -> None:
        """Note ids that a source holds, though their articles were not met in this transaction."""
        self._db.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?, '', 0)", ((identity,) for identity in ids)
        )

    def marks(self) -> dict[str, str]:
        """Return how far each source was read in the last transaction that read any."""
        known = self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'marks'").fetchone()
        return dict(self._db.execute("SELECT source, mark FROM marks")) if known else {}

    def replace_marks(self, marks: Mapping[str, str]) -> None:
        """Keep how far each source was read, and forget the sources that were not."""
        self._db.execute("DELETE FROM marks")
        self._db.executemany("INSERT INTO marks VALUES (?, ?)", marks.items())

    def not_seen(self) -> list[str]:
        """Return the ids of the articles that were not met in this transaction, in order."""
        query = "SELECT id FROM articles WHERE id NOT IN (SELECT id FROM seen) ORDER BY id"
        return [row[0] for row in self._db.execute(query)]

    def delete(self, ids: Iterable[str], now: str) -> int:
        """Replace articles by tombstones; return how many of the ids there were."""
        deleted = 0
        for identity in ids:
            self._db.execute(
                "INSERT INTO stale SELECT text_key FROM articles WHERE id = ?", (identity,)
            )
            found = self._db.execute("DELETE FROM articles WHERE id = ?", (identity,)).rowcount
            if found:
                self._db.execute("INSERT OR REPLACE INTO tombstones VALUES (?, ?)", (identity, now))
            deleted += found
        return deleted

    def _drop_stale_texts(self) -> None:
        self._db.execute(
            "DELETE FROM texts WHERE key IN (SELECT text_key FROM stale) "
            "AND NOT EXISTS (SELECT 1 FROM articles WHERE text_key = texts.key)"
        )
        self._db.execute("DELETE FROM stale")

    def replace_rejects(self, files: Iterable[str], rejects: Iterable[Reject]) -> None:
        """Forget what was rejected of these files before, and keep what is rejected now."""
        self._db.executemany("DELETE FROM rejects WHERE file = ?", ((file,) for file in files))
        self._db.executemany("INSERT INTO rejects VALUES (?, ?, ?)", rejects)

    def rejects(self) -> list[Reject]:
        rows = self._db.execute("SELECT file, line, reason FROM rejects ORDER BY file, line")
        return [Reject(*row) for row in rows]

    def count(
        self, table: Literal["articles", "accounts", "rejects", "tombstones"] = "articles"
    ) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def ids(self) -> Iterator[str]:
        """Yield every id, in order."""
        return (row[0] for row in self._db.execute("SELECT id FROM articles ORDER BY id"))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the columns of every article, in order of id (of its UTF-8 bytes)."""
        return iter(self._db.execute(f"SELECT {COLUMNS} FROM articles ORDER BY id"))

    def known(self) -> Iterator[ArticleMeta]:
        """Yield what is known of every article, in order of id; accounts and categories are there once."""
        once: dict[str | None, str | None] = {}
        for one, account, published_at, category in self._db.execute(
            "SELECT id, account, published_at, category FROM articles ORDER BY id"
        ):
            yield ArticleMeta(
                one,
                once.setdefault(account, account),
                published_at,
                once.setdefault(category, category),
            )

    def newest_day(self, today: str) -> str | None:
        """Return the day of the newest article that is not dated after today; None if all are or undated."""
        query = (
            "SELECT max(substr(published_at, 1, 10)) FROM articles"
            " WHERE substr(published_at, 1, 10) <= substr(?, 1, 10)"
        )
        (day,) = self._db.execute(query, (today,)).fetchone()
        return day if day is None else str(day)

    def keys(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Yield (id, row_key, text_key) of every article, in order of id."""
        return iter(self._db.execute("SELECT id, row_key, text_key FROM articles ORDER BY id"))

    def accounts(self) -> list[Account]:
        rows = self._db.execute("SELECT id, articles, first, last FROM accounts ORDER BY id")
        return [Account(*row) for row in rows]

    def text_keys(self, most: int = -1, start: bytes = b"") -> list[bytes]:
        """Return the keys of the texts of all articles, in order from `start`, at most so many.

        Keys are hashes: the first n of them are a random sample that stays much the same from night
        to night.
        """
        query = (
            "SELECT DISTINCT text_key FROM articles WHERE text_key >= ? ORDER BY text_key LIMIT ?"
        )
        return [row[0] for row in self._db.execute(query, (start, most))]

    def sample(
        self, most: int
    ) -> list[tuple[bytes, str, str, str | None, str | None, str | None, str]]:
        """Return (key, title, text, account, category, published_at, tags) of the first texts in order of the key."""
        query = (
            "SELECT t.key, t.title, t.text, min(a.account), min(a.category), min(a.published_at), min(a.tags) "
            "FROM articles a JOIN texts t ON t.key = a.text_key GROUP BY a.text_key ORDER BY a.text_key LIMIT ?"
        )
        return self._db.execute(query, (most,)).fetchall()

    def text_of(self, article_id: str) -> tuple[bytes, str, str] | None:
        """Return (key, title, text) of an article, or None."""
        query = "SELECT t.key, t.title, t.text FROM articles a JOIN texts t ON t.key = a.text_key WHERE a.id = ?"
        found: tuple[bytes, str, str] | None = self._db.execute(query, (article_id,)).fetchone()
        return found

    def texts(self, keys: Sequence[bytes], most_chars: int = LONGEST_TEXT) -> list[tuple[str, str]]:
        """Return (title, text) for each key, in the order of the keys; KeyError for an unknown one.

        Of a text at most so many characters: thousands of texts of megabytes do not fit into memory. Each is what
        its key was made of, or the store is damaged, or changed under a reader that took it for settled.
        """
        texts = []
        for key in keys:
            found = self._db.execute(
                "SELECT title, text FROM texts WHERE key = ?", (key,)
            ).fetchone()
            if found is None:
                raise KeyError(key)
            if not _is_text_of(key, *found):
                raise sqlite3.DatabaseError(f"the text of key {key.hex()} is another")
            texts.append((found[0], found[1][:most_chars]))
        return texts

    def verify(self) -> None:
        """Read everything; sqlite3.DatabaseError if it is damaged, or an article is not what its keys were made of."""
        structure = self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if structure != "ok":
            raise sqlite3.DatabaseError(" ".join(structure.split()))
        text = "(SELECT text FROM texts WHERE key = text_key)"
        for row in self._db.execute(f"SELECT {COLUMNS}, row_key, text_key, {text} FROM articles"):
            if not _is_whole(*row):
                raise sqlite3.DatabaseError(f"article '{row[0]}' is not what was stored")


def _is_whole(*row: Any) -> bool:
    known = dict(zip(COLUMNS.split(", "), row, strict=False))
    lead, tags = known.pop("lead"), known.pop("tags")
    row_key, text_key, text = row[-3:]
    try:
        article = Article(**known, text=text, tags=tuple(json.loads(tags)))
        return (article.lead, article.row_key, article.text_key) == (lead, row_key, text_key)
    except (TypeError, ValueError):  # not even text any more
        return False


def _is_text_of(key: bytes, title: str, text: str) -> bool:
    try:
        return text_key(title, text) == key
    except (TypeError, ValueError):  # not even text any more
        return False


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether SQLite complains of what stands in a file, and not of the disk, a lock or a statement."""
    return type(error) is sqlite3.DatabaseError or "could not decode" in str(error).lower()
