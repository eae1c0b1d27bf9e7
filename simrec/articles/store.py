"""The article store: one SQLite file that holds articles, texts, rejects and tombstones."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from simrec.articles import counted_texts, lookup
from simrec.articles.arrivals import later_arrivals
from simrec.articles.article import Account, Article
from simrec.articles.counted_texts import BoilerplateCounts
from simrec.articles.store_connection import connect_reader, connect_writer
from simrec.articles.store_schema import COLUMNS, is_damage, is_text_of, prepare, verify
from simrec.articles.store_writer import Reject, StoreWriter
from simrec.errors import LockedError, ReleaseError
from simrec.files import JsonObject

LONGEST_TEXT = 1 << 30  # characters; SQLite counts them in 32 bits with a sign
HINT = "restore it, or remove it and ingest again"


class ArticleMeta(NamedTuple):
    """The columns of an article that are held in memory for all articles at once."""

    id: str
    account: str | None
    published_at: str | None
    category: str | None
    lang: str | None = None


class LabelledText(NamedTuple):
    """A text, its key and labels; of several articles' labels, the first in alphabetical order."""

    key: bytes
    title: str
    text: str
    account: str | None
    category: str | None
    published_at: str | None
    tags: str


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a damaged file into a ReleaseError that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        if not is_damage(error):
            raise  # the disk, not the file
        raise ReleaseError(f"{path}: {error}; {HINT}") from error


class Store:
    """Articles by id. Reading needs no lock; writing goes through `transaction`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, create: bool = False, immutable: bool = False, timeout: float = 30
    ) -> Iterator["Store"]:
        """Open the store, with `create` for writing; ReleaseError if it is missing or damaged.

        An immutable store is read without locks. The caller says so on another host, where the
        locks of a WAL are not seen. Who may not write beside it reads what was committed last.
        `timeout` is how many seconds to wait for a lock.
        """
        if not (create or path.exists()):
            raise ReleaseError(f"{path}: no articles yet; simrec ingest brings them in")
        writable = create or (os.access(path.parent, os.W_OK) and not immutable)
        with naming_damage(path):
            if not writable:
                with closing(connect_reader(path, immutable, timeout)) as database:
                    prepare(database, writable, create)
                    yield cls(database)
                return
            with connect_writer(path, timeout) as database:
                prepare(database, writable, create)
                yield cls(database)

    @contextmanager
    def transaction(self) -> Iterator[StoreWriter]:
        """Yield a writer; all that it writes happens or, on an exception, nothing of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            writer = StoreWriter(self._db)
            yield writer
            writer.finish()
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk may have ended it already
                self._db.execute("ROLLBACK")
            raise

    def checkpoint(self) -> None:
        """Bring everything into the one file, for readers on other hosts.

        Raises LockedError while another process reads it.
        """
        busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise LockedError(
                "articles.db: another process has been reading it for long; "
                "run again when it has ended"
            )

    def is_unchanged(self, article_id: str, source_key: bytes) -> bool:
        """Tell whether the article came from an equal record, so that nothing is to be done."""
        query = "SELECT 1 FROM articles WHERE id = ? AND source_key = ?"
        return self._db.execute(query, (article_id, source_key)).fetchone() is not None

    def holds(self, article_id: str, url: str, title: str) -> bool:
        """Tell whether the article of an id has that URL, or has none and that title."""
        query = "SELECT 1 FROM articles WHERE id = ? AND (url = ? OR (url IS NULL AND title = ?))"
        return self._db.execute(query, (article_id, url, title)).fetchone() is not None

    def cursors(self) -> dict[str, str]:
        """Return how far each source was read in the last transaction that read any."""
        query = "SELECT 1 FROM sqlite_master WHERE name = 'marks'"
        if not self._db.execute(query).fetchone():
            return {}
        return dict(self._db.execute("SELECT source, mark FROM marks"))

    def later_arrivals(self) -> dict[str, int]:
        """Return the ingests, from 1 on, that brought articles in after the first one, by id."""
        return later_arrivals(self._db)

    def row_key(self, article_id: str) -> bytes | None:
        """Return the hash of all fields of an article, or None if there is none of that id."""
        return lookup.row_key(self._db, article_id)

    def is_beginning(self, article: Article) -> bool:
        return lookup.begins_with(self._db, article)

    def origins(self) -> Iterator[tuple[str, str]]:
        return lookup.origins(self._db)

    def images(self) -> Iterator[tuple[str, str]]:
        return lookup.images(self._db)

    def origin(self, article_id: str) -> str:
        return lookup.origin(self._db, article_id)

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

    def metadata(self) -> Iterator[ArticleMeta]:
        """Yield the metadata of every article, in order of id; equal values are one object."""
        interned: dict[str | None, str | None] = {}
        query = f"SELECT {', '.join(ArticleMeta._fields)} FROM articles ORDER BY id"
        for article_id, account, published_at, category, lang in self._db.execute(query):
            yield ArticleMeta(
                article_id,
                interned.setdefault(account, account),
                published_at,
                interned.setdefault(category, category),
                interned.setdefault(lang, lang),
            )

    def tags(self) -> Iterator[str]:
        """Yield the tags of every article as JSON, in order of id."""
        return (row[0] for row in self._db.execute("SELECT tags FROM articles ORDER BY id"))

    def newest_day(self, today: str) -> str | None:
        """Return the day of the newest article that is not dated after today, None without one."""
        query = (
            "SELECT max(substr(published_at, 1, 10)) FROM articles"
            " WHERE substr(published_at, 1, 10) <= substr(?, 1, 10)"
        )
        (day,) = self._db.execute(query, (today,)).fetchone()
        return day if day is None else str(day)

    def keys(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Yield (id, row_key, key of the text that counts) of every article, in order of id."""
        key = counted_texts.counted_key(self._db)
        return iter(self._db.execute(f"SELECT id, row_key, {key} FROM articles a ORDER BY id"))

    def accounts(self) -> list[Account]:
        rows = self._db.execute("SELECT id, articles, first, last FROM accounts ORDER BY id")
        return [Account(*row) for row in rows]

    def text_keys(self, most: int = -1, start: bytes = b"") -> list[bytes]:
        """Return the keys of the texts of all articles, in order from `start`, at most `most`.

        Keys are hashes: the first n of them are a random sample that stays much the same from night
        to night.
        """
        query = (
            "SELECT DISTINCT text_key FROM articles WHERE text_key >= ? ORDER BY text_key LIMIT ?"
        )
        return [row[0] for row in self._db.execute(query, (start, most))]

    def counted_keys(self) -> list[bytes]:
        """Return the keys of what counts of the texts of all articles, in order."""
        key = counted_texts.counted_key(self._db)
        query = f"SELECT DISTINCT {key} FROM articles a ORDER BY 1"
        return [row[0] for row in self._db.execute(query)]

    def sample(self, most: int) -> list[LabelledText]:
        """Return the first texts in order of the key, at most `most`: a random sample.

        Of a text what counts; the key is that of the whole text.
        """
        query = (
            "SELECT a.text_key, t.title, t.text, a.account, a.category, a.published_at, a.tags "
            f"FROM (SELECT text_key, min({counted_texts.counted_key(self._db)}) AS counted, "
            "min(account) AS account, min(category) AS category, "
            "min(published_at) AS published_at, min(tags) AS tags "
            "FROM articles a GROUP BY text_key ORDER BY text_key LIMIT ?) a "
            "JOIN texts t ON t.key = a.counted ORDER BY a.text_key"
        )
        return [LabelledText(*row) for row in self._db.execute(query, (most,))]

    def text_of(self, article_id: str) -> tuple[bytes, str, str] | None:
        """Return (key, title, what counts of the text) of an article, or None.

        The key is that of the whole text.
        """
        key = counted_texts.counted_key(self._db)
        query = (
            "SELECT a.text_key, t.title, t.text "
            f"FROM articles a JOIN texts t ON t.key = {key} WHERE a.id = ?"
        )
        row: tuple[bytes, str, str] | None = self._db.execute(query, (article_id,)).fetchone()
        return row

    def characters(self, article_id: str) -> int:
        """Return how long the text of an article is, 0 if there is none."""
        query = (
            "SELECT length(t.text) FROM articles a JOIN texts t ON t.key = a.text_key "
            "WHERE a.id = ?"
        )
        row = self._db.execute(query, (article_id,)).fetchone()
        return int(row[0]) if row else 0

    def lookup(self, ids: Sequence[str], most: int, sample: bool = False) -> Iterator[JsonObject]:
        """Yield all fields of the articles of some ids, or else of the first or a sample."""
        if ids:
            return lookup.by_id(self._db, ids)
        return lookup.first(self._db, most, sample)

    def newest(self, most: int, today: str) -> Iterator[JsonObject]:
        return lookup.newest(self._db, most, today)

    def find(self, words: Sequence[str], most: int) -> Iterator[JsonObject]:
        """Yield the articles whose title, URL or id holds all words."""
        return lookup.by_words(self._db, words, most)

    def texts(self, keys: Sequence[bytes], most_chars: int = LONGEST_TEXT) -> list[tuple[str, str]]:
        """Return (title, text) for each key, in the order of the keys; KeyError for an unknown one.

        Of a text at most `most_chars` characters: thousands of texts of megabytes do not fit into
        memory. Each is compared with its key: the store may be damaged, or have changed under a
        reader that took it for immutable.
        """
        texts = []
        for key in keys:
            query = "SELECT title, text FROM texts WHERE key = ?"
            row = self._db.execute(query, (key,)).fetchone()
            if row is None:
                raise KeyError(key)
            title, text = row
            if not is_text_of(key, title, text):
                raise sqlite3.DatabaseError(f"the text of key {key.hex()} is another")
            texts.append((title, text[:most_chars]))
        return texts

    def counted_texts(
        self, keys: Sequence[bytes], most_chars: int = LONGEST_TEXT
    ) -> list[tuple[str, str]]:
        """Return (title, what counts of the text) for the key of each whole text, as `texts`."""
        counted = counted_texts.counted_key(self._db)
        query = f"SELECT min({counted}) FROM articles a WHERE text_key = ?"
        counted_keys = [self._db.execute(query, (key,)).fetchone()[0] for key in keys]
        return self.texts(counted_keys, most_chars)

    def counted_by(self) -> str | None:
        """Return the rules that all articles as they are were counted by, None if they were not."""
        return counted_texts.rules(self._db)

    def counted_digest(self) -> str:
        """Return a hash of what counts of all articles, "" if that is all of every text."""
        return counted_texts.digest(self._db)

    def boilerplate_counts(self) -> BoilerplateCounts:
        """Count accounts with boilerplate, and the articles that count without it."""
        return counted_texts.counts(self._db)

    def boilerplate_in(self, article_id: str) -> bytes:
        """Return the boilerplate of an article's account, nothing where all of its text counts."""
        return counted_texts.blocks_in(self._db, article_id)

    def verify(self) -> None:
        """Read everything; sqlite3.DatabaseError if something is damaged."""
        verify(self._db)
