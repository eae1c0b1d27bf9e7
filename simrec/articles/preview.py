"""What an ingest would do, found out without doing it."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from simrec.articles.ingest import ingest
from simrec.articles.ingested import Ingested
from simrec.articles.rehearsal import Rehearsal
from simrec.articles.sources.spool import Spool
from simrec.articles.store import Store
from simrec.config import Config


@dataclass(frozen=True)
class Preview:
    """What an ingest would see and do; `text_keys` are those of the texts that would come in."""

    ingested: Ingested
    text_keys: set[bytes]

    def __str__(self) -> str:
        would = self.ingested
        sentence = (
            f"{would.read:,} rows to read, {would.new + would.changed:,} new or changed, "
            f"{would.absent:,} to be deleted by sync, {would.rejects.count:,} to be rejected"
        )
        others = would.deleted - would.absent
        if others:
            sentence += f", {others:,} more to be deleted"
        if would.statuses:
            sentence += f", {would.left_out}"
        if would.unread:
            sentence += f", {would.unread:,} of {would.sources:,} sources not to be read"
        return sentence

    @property
    def rows(self) -> int:
        """How many rows there are to read."""
        return self.ingested.read

    @property
    def changes(self) -> int:
        """How many articles would come in, change or be deleted."""
        return self.ingested.new + self.ingested.changed + self.ingested.deleted


def preview(store: Store | None, config: Config, now: str) -> Preview:
    """Ingest into a rehearsal of the store, so that nothing is changed; raise what ingest raises.

    Without a store (None) there are no articles yet.
    """
    rehearsal = Rehearsal(store)
    with TemporaryDirectory() as folder, Spool.open(Path(folder) / "pipes") as spool:
        ingested = ingest(rehearsal, config, now, spool=spool)
    return Preview(ingested, rehearsal.text_keys())
