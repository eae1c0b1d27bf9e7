"""What an ingest would do, found out without doing it."""

from dataclasses import dataclass, field

from simrec.articles.clean_tasks import mapped_sources
from simrec.articles.row_outcome import (
    Parsed,
    Rejected,
    RowOutcome,
    SyncState,
    Unpublished,
    holds_nothing,
    parse_since_cursor,
)
from simrec.articles.store import Store
from simrec.config import Config


@dataclass
class Preview:
    """What an ingest would see and do, in rows.

    `ids` are those it would meet, `text_keys` those of the texts that would come in.
    """

    rows: int = 0
    changed: int = 0
    gone: int = 0
    unpublished: int = 0
    rejected: int = 0
    ids: set[str] = field(default_factory=set)
    text_keys: set[bytes] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows to read, {self.changed:,} new or changed, "
            f"{self.gone:,} to be deleted by sync, {self.rejected:,} to be rejected"
            + (f", {self.unpublished:,} not published" if self.unpublished else "")
        )

    def add(self, outcome: RowOutcome) -> None:
        """Count what would become of a row."""
        self.rows += 1
        if isinstance(outcome, Rejected):
            self.rejected += 1
            return
        if isinstance(outcome, Unpublished):
            self.unpublished += 1
            return
        self.ids.add(outcome.id)
        if isinstance(outcome, Parsed):
            self.changed += 1
            self.text_keys.add(outcome.keys.text)


def preview(store: Store | None, config: Config, now: str) -> Preview:
    """Read the configured sources and compare them with the store, changing nothing.

    Without a store (None) there are no articles yet.
    """
    result = Preview()
    cursors = store.cursors() if store else {}
    sync = SyncState(cursors, {}, result.ids.update if config.ingest.sync else None)
    holds = store.holds if store else holds_nothing
    is_unchanged = store.is_unchanged if store else _never_unchanged
    for source, mapping in mapped_sources(config, now):
        for split in source.splits(config.engine.batch_bytes):
            for outcome in parse_since_cursor(source, split, mapping, is_unchanged, sync, holds):
                result.add(outcome)
    if store and config.ingest.sync:
        result.gone = sum(article_id not in result.ids for article_id in store.ids())
    return result


def _never_unchanged(article_id: str, source_key: bytes) -> bool:
    return False
