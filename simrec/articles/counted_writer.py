"""Writes what counts of the articles' texts into the store, inside one transaction."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from simrec.articles.article import text_key
from simrec.articles.counted_texts import TABLES

BLOCK_ROWS = 10_000


class StoredBlocks(NamedTuple):
    """The boilerplate of an account, and a hash of the sample that it was found in."""

    sample: bytes
    blocks: bytes


class CountedWriter:
    """Notes the boilerplate of accounts and what counts of their articles; "" is no account."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        for statement in TABLES:
            database.execute(statement)

    def accounts(self) -> list[str]:
        """Return all accounts, and those that have no article any more."""
        query = (
            "SELECT coalesce(account, '') FROM articles GROUP BY account"
            " UNION SELECT account FROM boilerplate"
        )
        return [row[0] for row in self._db.execute(query)]

    def sample(self, account: str, most: int) -> list[bytes]:
        """Return the first keys of the texts of an account, a random sample of them."""
        query = (
            "SELECT DISTINCT text_key FROM articles WHERE account IS nullif(?, '')"
            " ORDER BY text_key LIMIT ?"
        )
        return [row[0] for row in self._db.execute(query, (account, most))]

    def blocks(self, account: str) -> StoredBlocks:
        """Return what is known of an account."""
        query = "SELECT sample, blocks FROM boilerplate WHERE account = ?"
        row = self._db.execute(query, (account,)).fetchone()
        return StoredBlocks(*row) if row else StoredBlocks(b"", b"")

    def replace_blocks(self, account: str, stored: StoredBlocks) -> None:
        """Note the boilerplate of an account; all its articles are to be counted anew."""
        ids = "(SELECT id FROM articles WHERE account IS nullif(?, ''))"
        self._forget(f"WHERE id IN {ids}", account)
        self._db.execute("REPLACE INTO boilerplate VALUES (?, ?, ?)", (account, *stored))

    def note_sample(self, account: str, sample: bytes) -> None:
        """Note that another sample of an account has the same boilerplate."""
        update = "UPDATE boilerplate SET sample = ? WHERE account = ?"
        self._db.execute(update, (sample, account))

    def drop_account(self, account: str) -> None:
        """Forget an account that has no article."""
        self._db.execute("DELETE FROM boilerplate WHERE account = ?", (account,))

    def drop_all(self) -> None:
        """Let the whole text of every article count."""
        self._forget("")
        self._db.execute("DELETE FROM boilerplate")

    def uncounted(self, account: str) -> Iterator[tuple[str, bytes]]:
        """Yield id and text key of the articles of an account that were not counted yet."""
        query = (
            "SELECT id, text_key FROM articles a WHERE account IS nullif(?, '') AND id > ?"
            " AND NOT EXISTS (SELECT 1 FROM counted c WHERE c.id = a.id) ORDER BY id LIMIT ?"
        )
        last = ""  # before every id
        while rows := self._db.execute(query, (account, last, BLOCK_ROWS)).fetchall():
            yield from rows
            last = rows[-1][0]

    def count(self, article_id: str, title: str, text: str) -> None:
        """Note what counts of an article."""
        key = text_key(title, text)
        self._db.execute("INSERT OR IGNORE INTO texts VALUES (?, ?, ?)", (key, title, text))
        self._db.execute("REPLACE INTO counted VALUES (?, ?)", (article_id, key))

    def note_rules(self, rules: str) -> None:
        """Note that all articles are counted by these rules."""
        self._db.execute("DELETE FROM counted_by")
        self._db.execute("INSERT INTO counted_by VALUES (?)", (rules,))

    def forget(self, article_id: str) -> None:
        """Forget what counts of an article that has changed or is gone."""
        self._forget("WHERE id = ?", article_id)

    def forget_rules(self) -> None:
        """Note that articles have changed since they were counted."""
        self._db.execute("DELETE FROM counted_by")

    def _forget(self, where: str, *values: str) -> None:
        self._db.execute(f"INSERT INTO stale SELECT key FROM counted {where}", values)
        self._db.execute(f"DELETE FROM counted {where}", values)
