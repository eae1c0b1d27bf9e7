"""Ingest: the rows of all sources go into the store, all or nothing, and what is bad is named."""

from dataclasses import dataclass, field
from pathlib import Path

from simrec import log
from simrec.articles.mapping import Mapping
from simrec.articles.readers import Row, read
from simrec.articles.store import Change, Reject, Store
from simrec.config import Config, Source
from simrec.errors import GateError, UsageError

SHOWN = 5


@dataclass
class Ingested:
    """What one ingest saw and did, in rows."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejects: list[Reject] = field(default_factory=list)
    notes: list[Reject] = field(default_factory=list)
    damaged: list[Reject] = field(default_factory=list)
    files: dict[str, None] = field(default_factory=dict)  # in order

    def reject(self, row: Row, reason: str) -> None:
        rejected = Reject(row.file, row.line, reason)
        self.rejects.append(rejected)
        if row.end:
            self.damaged.append(rejected)

    def __str__(self) -> str:
        return (
            f"{self.new:,} new, {self.changed:,} changed, {self.unchanged:,} unchanged, {self.deleted:,} deleted, "
            f"{len(self.rejects):,} rejected"
        )

    @property
    def rejected(self) -> str:
        """How many rows were rejected or lost a value, and the first few of them."""
        bad = self.rejects + self.notes
        notes = f", {len(self.notes):,} values dropped" if self.notes else ""
        more = f"\n... and {len(bad) - SHOWN:,} more (simrec rejects)" if len(bad) > SHOWN else ""
        return f"{len(self.rejects):,} of {self.read:,} rows rejected{notes}\n{_places(bad[:SHOWN])}{more}"


def ingest(store: Store, config: Config, now: str) -> Ingested:
    """Bring the configured sources into the store, delete what is to be deleted, and record rejects.

    Raises GateError, with nothing changed but the rejects, if too many rows are bad or a sync would
    delete too many articles; and after the fact, with the good rows kept and nothing deleted by
    sync, if a file was damaged.
    """
    result = Ingested()
    try:
        with store.transaction():
            for source in config.sources:
                _upsert_source(store, source, config, result)
            _check_rejects(result, config.ingest.max_reject_share)
            gone = _listed(config.ingest.deletions)
            if config.ingest.sync and not result.damaged:
                gone += _absent(store, config.ingest.max_delete_share)
            result.deleted = store.delete(gone, now)
    finally:
        with store.transaction():
            store.replace_rejects(result.files, result.rejects + result.notes)
    if result.damaged:
        raise GateError(
            f"{_places(result.damaged)}\nthe {result.read - len(result.rejects):,} good rows were kept "
            "and nothing was deleted by sync; send the file again and run the same command"
        )
    return result


def _upsert_source(store: Store, source: Source, config: Config, result: Ingested) -> None:
    mapping = Mapping(source.fields or config.fields, source.body, config.ingest)
    with log.progress("ingest", total=None, unit="rows") as bar:
        for row in read(source, mapping.fields):
            result.read += 1
            result.files.setdefault(row.file)
            bar.update()
            try:
                change = _upsert_row(store, row, mapping, result)
            except ValueError as problem:
                result.reject(row, str(problem))
                continue
            setattr(result, change, getattr(result, change) + 1)


def _upsert_row(store: Store, row: Row, mapping: Mapping, result: Ingested) -> Change:
    if row.problem:
        raise ValueError(row.problem)
    article_id, source_key = mapping.article_id(row.record), mapping.source_key(row.record)
    if store.holds(article_id, source_key):
        change: Change = "unchanged"
    else:
        article, problems = mapping.article(row.record)
        result.notes += [Reject(row.file, row.line, f"kept without {problem}") for problem in problems]
        change = store.upsert(article, source_key)
    earlier = store.mark_seen(article_id, row.file, row.line)
    if earlier:
        reason = f"id '{article_id}' stands again on line {row.line}, and the later row was taken"
        result.rejects.append(Reject(row.file, earlier, reason))
    return change


def _check_rejects(result: Ingested, most: float) -> None:
    if len(result.rejects) > most * result.read:
        raise GateError(
            f"{result.rejected}\nthat is more than ingest.max_reject_share = {most:.0%}; no article was changed. "
            "Mend the rows or the field mapping; simrec rejects lists all of them"
        )


def _listed(path: str) -> list[str]:
    if not path:
        return []
    try:
        return Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the ids to delete: {error}") from error


def _absent(store: Store, most: float) -> list[str]:
    absent, count = store.not_seen(), store.count()
    if len(absent) > most * count:
        raise GateError(
            f"sync would delete {len(absent):,} of {count:,} articles that no source holds any more, which is more "
            f"than ingest.max_delete_share = {most:.0%}; no article was changed. Is a file missing or cut short? "
            "If it is meant, raise the share or name the articles in ingest.deletions"
        )
    return absent


def _places(rejects: list[Reject]) -> str:
    return "\n".join(f"{reject.file}, line {reject.line}: {reject.reason}" for reject in rejects)
