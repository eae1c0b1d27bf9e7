"""What an ingest would do, told without doing it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from simrec.articles import clean_tasks
from simrec.articles.clean_tasks import Parsed, Rejected, RowOutcome
from simrec.articles.mapping import Mapping
from simrec.articles.sources.readers import read
from simrec.articles.store import Store, SyncState
from simrec.config import Config, SourceConfig


@dataclass
class Preview:
    """What an ingest would see and do, in rows, the ids it would meet, and the keys of the texts that would come in."""

    rows: int = 0
    changed: int = 0
    gone: int = 0
    rejected: int = 0
    met: set[str] = field(default_factory=set)
    texts: set[bytes] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows to read, {self.changed:,} new or changed, {self.gone:,} to be deleted by sync, "
            f"{self.rejected:,} to be rejected"
        )


def preview(store: Store | None, config: Config) -> Preview:
    """Read the configured sources and compare them with the store (None: there is none yet), changing nothing."""
    result = Preview()
    for source in config.sources:
        for row in _shaped(store, source, config, result):
            _foretell(row, result)
    if store and config.ingest.sync:
        result.gone = sum(article_id not in result.met for article_id in store.ids())
    return result


def _shaped(
    store: Store | None, source: SourceConfig, config: Config, result: Preview
) -> Iterable[RowOutcome]:
    mapping, holds = Mapping.of(source, config), store.is_unchanged if store else _holds_nothing
    if source.url:
        marks = SyncState(store.marks() if store else {}, {})
        return clean_tasks.parse_query(
            source, mapping, holds, marks, result.met.update if config.ingest.sync else None
        )
    return (clean_tasks.parse_row(row, mapping, holds) for row in read(source, mapping.fields))


def _holds_nothing(article_id: str, source_key: bytes) -> bool:
    return False


def _foretell(row: RowOutcome, result: Preview) -> None:
    result.rows += 1
    if isinstance(row, Rejected):
        result.rejected += 1
        return
    result.met.add(row.id)
    if isinstance(row, Parsed):
        result.changed += 1
        result.texts.add(row.keys.text)
