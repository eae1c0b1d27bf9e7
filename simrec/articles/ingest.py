"""Ingest: the rows of all sources go into the store, all or nothing, and what is bad is named."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from simrec import log
from simrec.articles.clean_tasks import SplitBatch, cut_batches, read_batch
from simrec.articles.cursors import (
    ALL_FILES,
    checksum_of,
    last_cursors,
    listed_ids,
    note_cursors,
)
from simrec.articles.ingest_limits import (
    check_damage,
    check_deletions,
    check_taken,
)
from simrec.articles.ingested import Ingested
from simrec.articles.opened_sources import Fingerprints, OpenedSources, open_all, take_fingerprints
from simrec.articles.outcomes import Parsed, Rejected, Remark, RowOutcome, Unchanged, Unpublished
from simrec.articles.read_whole import is_gone
from simrec.articles.rehearsal import Rehearsal
from simrec.articles.row_outcome import SyncState
from simrec.articles.sources.spool import Spool
from simrec.articles.store import Store
from simrec.articles.store_writer import NOTE, REMARK, Change, Reject, StoreWriter
from simrec.config import Config

Writer = StoreWriter | Rehearsal
CleanAhead = Callable[[list[SplitBatch]], Path | None]

KEEPS_ALL = (
    "the id of this row cannot be read, so that sync deletes no article of this file; mend the row"
)
UNENDED = (
    "the file ends without a line break, so that it may be cut, and sync deletes no article of it; "
    "end its last line"
)
CLAIMED = (
    "id '{id}' is that of an article of {holder}, which keeps it, and this one is left out; "
    'set a prefix in this source, such as prefix = "blog/", if they are two'
)
CUT_ROW = "the file is cut within this row: it holds the beginning of the text that is stored"


def ingest(
    store: Store | Rehearsal,
    config: Config,
    now: str,
    clean_ahead: CleanAhead | None = None,
    spool: Spool | None = None,
) -> Ingested:
    """Bring the sources into the store, delete what is to be deleted, and record the rejects.

    `clean_ahead` may let tasks clean batches, and returns the folder of their parts; a batch
    without a part is cleaned here. Pipes are read into the spool. Raises GateError, with nothing
    changed but the rejects, if too many rows are bad or a sync would delete too many articles, and
    ConfigError if too many sources cannot be read. What it went on without is the result's
    `failure`.
    """
    result = Ingested(known=store.rejects())
    opened, fingerprints = _open(config, now, spool)
    result.expect(opened)
    checksum = checksum_of(config, opened, fingerprints)
    previous = last_cursors(store, now)
    if checksum and previous.get(ALL_FILES) == checksum:
        result.unchanged = store.count()
        result.repeat()
        return result
    batches = list(cut_batches(opened.sources, fingerprints, config.engine.batch_bytes))
    parts = clean_ahead([batch for batch in batches if batch.name]) if clean_ahead else None
    sync = SyncState(previous, partial=result.partial)
    try:
        with store.transaction() as writer:
            if config.ingest.sync:
                sync = replace(sync, mark_present=writer.mark_present)
            for outcome in _outcomes(batches, parts, store, sync):
                _take(writer, outcome, result, now)
            result.finished = True
            check_taken(result, config)
            note_cursors(sync, result, checksum)
            writer.replace_cursors(sync.current)
            _delete(store, writer, result, config, now)
    finally:
        with store.transaction() as writer:
            writer.replace_rejects(result.told_anew, result.to_store())
    check_damage(result, config)
    return result


def _open(config: Config, now: str, spool: Spool | None) -> tuple[OpenedSources, Fingerprints]:
    """Return all sources, opened again after their fingerprints were taken: more may have come."""
    fingerprints, unreadable = take_fingerprints(open_all(config, now, spool).sources)
    return open_all(config, now, spool).without(unreadable), fingerprints


def _outcomes(
    batches: list[SplitBatch], parts: Path | None, store: Store | Rehearsal, sync: SyncState
) -> Iterator[RowOutcome]:
    with log.progress("ingest", total=None, unit="rows") as bar:
        for batch in batches:
            for outcome in read_batch(batch, parts, store, sync):
                yield outcome
                bar.update()


def _take(writer: Writer, outcome: RowOutcome, result: Ingested, now: str) -> None:
    if isinstance(outcome, Remark):
        result.remark(outcome.file, outcome.line, outcome.text)
        return
    if isinstance(outcome, Rejected) and outcome.end and outcome.file not in result.files:
        result.fail(outcome)
        return
    result.meet(outcome)
    if result.claiming and not isinstance(outcome, Rejected) and _is_taken(writer, outcome, result):
        return
    if isinstance(outcome, Unpublished):
        result.leave_out(outcome)
        withdrawn = writer.delete([outcome.id], now)
        result.withdrawn += withdrawn
        result.deleted += withdrawn
        return
    if isinstance(outcome, Rejected):
        _reject(writer, outcome, result)
        return
    if outcome.unended and _is_cut(writer, outcome, result):
        return
    _take_article(writer, outcome, result)


def _is_cut(writer: Writer, outcome: Unchanged | Parsed, result: Ingested) -> bool:
    """Tell whether the last row of a file is the beginning of a stored one, and reject that."""
    result.unended[outcome.file] = outcome.line
    if isinstance(outcome, Unchanged) or not writer.is_beginning(outcome.article):
        return False
    cut = Rejected(outcome.file, outcome.line, CUT_ROW, end=True, id=outcome.id)
    _reject(writer, cut, result)
    return True


def _take_article(writer: Writer, outcome: Unchanged | Parsed, result: Ingested) -> None:
    change = _store(writer, outcome, result)
    setattr(result, change, getattr(result, change) + 1)
    earlier = writer.mark_seen(outcome.id, outcome.file, outcome.line)
    if earlier:
        _name_second(outcome, *earlier, change, result)
    elif change == "changed" and result.partial:
        # The other source may hold it in a row that was not read again.
        origin = writer.origin(outcome.id)
        if origin in result.partial and origin != outcome.file:
            _name_second(outcome, origin, 0, change, result)


def _is_taken(writer: Writer, outcome: Unpublished | Unchanged | Parsed, result: Ingested) -> bool:
    """Tell whether a feed or a page claims the id of another source's article, and name that."""
    if result.source_of(outcome.file) not in result.claiming:
        return False
    holder = writer.holder(outcome.id)
    if result.entry(holder) in (None, result.entry(outcome.file)):
        return False
    reason = CLAIMED.format(id=outcome.id, holder=holder)
    result.remarks.add(Reject(outcome.file, outcome.line, REMARK + reason))
    return True


def _reject(writer: Writer, outcome: Rejected, result: Ingested) -> None:
    """Name a row that was not taken; an article that it may be is not deleted by sync."""
    reject = Reject(outcome.file, outcome.line, outcome.reason)
    result.rejects.add(reject)
    if outcome.end:
        result.damaged.append(str(reject))
    if outcome.id and not outcome.end:
        writer.mark_present([outcome.id])
        return
    result.not_whole.add(outcome.file)
    if not outcome.end:
        result.without_id.setdefault(outcome.file, outcome.line)


def _name_second(
    outcome: Unchanged | Parsed, file: str, line: int, change: Change, result: Ingested
) -> None:
    """Name an id that was met before: in the same file each, among two files the first."""
    if file == outcome.file:
        reason = (
            f"id '{outcome.id}' stands again on line {outcome.line}, and the later row was taken"
        )
        result.rejects.add(Reject(file, line, reason))
    elif file and change != "unchanged" and outcome.file not in result.clashing:
        result.clashing.add(outcome.file)
        where = f"{file}, line {line}" if line else file
        reason = (
            f"id '{outcome.id}' is also that of another article in {where}, "
            "and the later one was taken; other ids of these two are not named"
        )
        result.remark(outcome.file, outcome.line, reason)


def _store(writer: Writer, outcome: Unchanged | Parsed, result: Ingested) -> Change:
    if isinstance(outcome, Unchanged):
        return "unchanged"
    for problem in outcome.problems:
        result.notes.add(Reject(outcome.file, outcome.line, NOTE + problem))
    return writer.upsert(outcome.article, outcome.keys)


def _delete(
    store: Store | Rehearsal, writer: Writer, result: Ingested, config: Config, now: str
) -> None:
    """Delete the articles that are listed, and with sync those that no source holds."""
    result.deleted += writer.delete(listed_ids(config.ingest.deletions), now)
    if config.ingest.sync:
        result.absent = writer.delete(_absent(store, writer, result, config), now)
        result.deleted += result.absent
    writer.note_origins()


def _absent(
    store: Store | Rehearsal, writer: Writer, result: Ingested, config: Config
) -> list[str]:
    """Return the ids of the articles that no source holds, and that sync therefore deletes.

    What a source that was not read whole does not show is not deleted.
    """
    absent = []
    result.not_whole.update(result.unended)
    for file, line in result.unended.items():
        result.remark(file, line, UNENDED)
    for article_id, origin in writer.not_seen():
        if is_gone(origin, result.whole, result.not_whole):
            absent.append(article_id)
        else:
            result.held += 1
    if result.held:
        for file, line in result.without_id.items():
            result.remark(file, line, KEEPS_ALL)
    check_deletions(len(absent), store.count(), config)
    return absent
