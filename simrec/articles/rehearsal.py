"""A rehearsal: a store that an ingest may write to, while nothing of it is kept."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from simrec.articles.article import Article
from simrec.articles.store import Store
from simrec.articles.store_writer import Change, Keys, Reject


class _Kept(NamedTuple):
    """What decisions need of an article that came in or changed."""

    url: str | None
    title: str
    keys: Keys


@dataclass
class Rehearsal:
    """Stands for a store, or for one that is still to be made, and keeps changes in memory.

    It decides as `Store` and `StoreWriter` do: what is read is what would be there.
    """

    store: Store | None
    articles: dict[str, _Kept | None] = field(default_factory=dict)  # None: deleted
    seen: dict[str, tuple[str, int]] = field(default_factory=dict)  # file and line by id

    def rejects(self) -> list[Reject]:
        return self.store.rejects() if self.store else []

    def cursors(self) -> dict[str, str]:
        return self.store.cursors() if self.store else {}

    def count(self) -> int:
        known = self.store.count() if self.store else 0
        for article_id, article in self.articles.items():
            known += (article is not None) - self._is_stored(article_id)
        return known

    def is_unchanged(self, article_id: str, source_key: bytes) -> bool:
        if article_id in self.articles:
            changed = self.articles[article_id]
            return changed is not None and changed.keys.source == source_key
        return self.store is not None and self.store.is_unchanged(article_id, source_key)

    def holds(self, article_id: str, url: str, title: str) -> bool:
        if article_id in self.articles:
            changed = self.articles[article_id]
            if changed is None:
                return False
            return changed.url == url or (changed.url is None and changed.title == title)
        return self.store is not None and self.store.holds(article_id, url, title)

    @contextmanager
    def transaction(self) -> Iterator["Rehearsal"]:
        """Yield itself as the writer."""
        yield self

    def upsert(self, article: Article, keys: Keys) -> Change:
        old_key = self._row_key(article.id)
        self.articles[article.id] = _Kept(article.url, article.title, keys)
        if old_key is None:
            return "new"
        return "unchanged" if old_key == keys.row else "changed"

    def is_beginning(self, article: Article) -> bool:
        if article.id in self.articles or self.store is None:
            return False
        return self.store.is_beginning(article)

    def delete(self, ids: Iterable[str], now: str) -> int:
        deleted = 0
        for article_id in ids:
            if self._row_key(article_id) is not None:
                self.articles[article_id] = None
                deleted += 1
        return deleted

    def mark_seen(self, article_id: str, file: str, line: int) -> tuple[str, int] | None:
        earlier = self.seen.get(article_id)
        self.seen[article_id] = (file, line)
        return earlier if earlier and earlier[0] else None

    def mark_present(self, ids: Iterable[str]) -> None:
        for article_id in ids:
            self.seen.setdefault(article_id, ("", 0))

    def not_seen(self) -> list[tuple[str, str]]:
        """Return the articles that were not met; what came in now was."""
        if self.store is None:
            return []
        return [
            (article_id, origin)
            for article_id, origin in self.store.origins()
            if article_id not in self.seen and self.articles.get(article_id, ()) is not None
        ]

    def origin(self, article_id: str) -> str:
        return self.store.origin(article_id) if self.store else ""

    def holder(self, article_id: str) -> str:
        file, _ = self.seen.get(article_id, ("", 0))
        return file or self.origin(article_id)

    def note_origins(self) -> None:
        """Keep nothing."""

    def replace_cursors(self, cursors: Mapping[str, str]) -> None:
        """Keep nothing."""

    def replace_rejects(self, files: Iterable[str], rejects: Iterable[Reject]) -> None:
        """Keep nothing."""

    def text_keys(self) -> set[bytes]:
        """Return the keys of the texts of articles that came in or changed."""
        return {changed.keys.text for changed in self.articles.values() if changed}

    def _is_stored(self, article_id: str) -> bool:
        return self.store is not None and self.store.row_key(article_id) is not None

    def _row_key(self, article_id: str) -> bytes | None:
        if article_id in self.articles:
            changed = self.articles[article_id]
            return changed.keys.row if changed else None
        return self.store.row_key(article_id) if self.store else None
