"""Ingest: the rows of all sources go into the store, all or nothing, and what is bad is named."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from simrec import __version__, log
from simrec.articles import cleaning
from simrec.articles.clean_tasks import (
    Fingerprints,
    MappedSource,
    SplitBatch,
    cut_batches,
    mapped_sources,
    read_batch,
)
from simrec.articles.ingested import NOTE, Ingested
from simrec.articles.publication import is_after
from simrec.articles.row_outcome import (
    Parsed,
    Rejected,
    RowOutcome,
    SyncState,
    Unchanged,
    Unpublished,
)
from simrec.articles.store import Store
from simrec.articles.store_writer import Change, Reject, StoreWriter
from simrec.config import Config
from simrec.errors import GateError, UsageError

CleanAhead = Callable[[list[SplitBatch]], Path | None]

# Among the cursors: the checksum of all files, and when the first scheduled article is published.
ALL_FILES = "files"
DUE = "due"
FEW_BAD_ROWS = 10  # in a read since a watermark: no sign that the mapping is wrong
FEW_WITHDRAWN = 10  # articles, however few there are


def ingest(
    store: Store, config: Config, now: str, clean_ahead: CleanAhead | None = None
) -> Ingested:
    """Bring the sources into the store, delete what is to be deleted, and record the rejects.

    `clean_ahead` may let tasks clean batches, and returns the folder of their parts; a batch
    without a part is cleaned here. Raises GateError, with nothing changed but the rejects, if too
    many rows are bad or a sync would delete too many articles. Raises GateError as well, with the
    good rows kept and nothing deleted by sync, if a source was damaged.
    """
    result = Ingested(known=store.rejects())
    fingerprints = _fingerprints(mapped_sources(config, now))
    sources = mapped_sources(config, now)  # again, since files may have come meanwhile
    checksum = _checksum(config, sources, fingerprints)
    previous = _cursors(store, now)
    if checksum and previous.get(ALL_FILES) == checksum:
        result.unchanged = store.count()
        result.repeat()
        return result
    batches = list(cut_batches(sources, fingerprints, config.engine.batch_bytes))
    parts = clean_ahead([batch for batch in batches if batch.name]) if clean_ahead else None
    try:
        with store.transaction() as writer:
            sync = SyncState(previous, {}, writer.mark_present if config.ingest.sync else None)
            for outcome in _outcomes(batches, parts, store, sync):
                _take(writer, outcome, result, now)
            _check_rejects(result, config)
            _check_withdrawn(result, config)
            _note_all(sync, result, checksum)
            writer.replace_cursors(sync.current)
            result.deleted += writer.delete(_deletions(store, writer, result, config), now)
    finally:
        with store.transaction() as writer:
            writer.replace_rejects(result.files, result.named)
    _check_damage(result)
    return result


def _outcomes(
    batches: list[SplitBatch], parts: Path | None, store: Store, sync: SyncState
) -> Iterator[RowOutcome]:
    with log.progress("ingest", total=None, unit="rows") as bar:
        for batch in batches:
            for outcome in read_batch(batch, parts, store, sync):
                yield outcome
                bar.update()


def _cursors(store: Store, now: str) -> dict[str, str]:
    """Return the cursors of the last ingest; none once an article that was to come has come.

    All sources are then read from their beginning.
    """
    previous = store.cursors()
    due = previous.get(DUE, "")
    return {} if due and not is_after(due, now) else previous


def _note_all(sync: SyncState, result: Ingested, checksum: str) -> None:
    """Note what stands for all sources: a checksum of files, and when all are to be read again."""
    if checksum and not result.damaged:
        sync.current[ALL_FILES] = checksum
    due = min(filter(None, [sync.previous.get(DUE), result.due]), default="")
    if due:
        sync.current[DUE] = due


def _fingerprints(sources: Iterable[MappedSource]) -> Fingerprints:
    return {source.name: source.fingerprint() for source, _ in sources}


def _checksum(config: Config, sources: list[MappedSource], fingerprints: Fingerprints) -> str:
    """Return a hash of all that this configuration can bring in; "" where nothing tells that.

    If a file came after the fingerprints were taken, the next ingest gets another checksum.
    """
    if not sources or None in fingerprints.values():
        return ""
    rules = [__version__, cleaning.VERSION, config.sources, config.fields, config.ingest]
    digest = hashlib.sha256(repr(rules).encode())
    for article_id in _listed(config.ingest.deletions):
        digest.update(f"\n{article_id}".encode())
    for source, _ in sources:
        # A file name may be no UTF-8.
        line = f"\n{source.name}: {fingerprints.get(source.name)}"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _take(writer: StoreWriter, outcome: RowOutcome, result: Ingested, now: str) -> None:
    result.read += 1
    result.files.setdefault(outcome.file)
    if isinstance(outcome, Unpublished):
        result.leave_out(outcome)
        withdrawn = writer.delete([outcome.id], now)
        result.withdrawn += withdrawn
        result.deleted += withdrawn
        return
    if isinstance(outcome, Rejected):
        reject = Reject(outcome.file, outcome.line, outcome.reason)
        result.rejects.add(reject)
        if outcome.end:
            result.damaged.append(str(reject))
        return
    change = _store(writer, outcome, result)
    setattr(result, change, getattr(result, change) + 1)
    earlier = writer.mark_seen(outcome.id, outcome.file, outcome.line)
    if earlier:
        _name_second(outcome, *earlier, change, result)


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
        reason = (
            f"id '{outcome.id}' is also that of another article in {file}, line {line}, and the "
            "later one was taken; other ids of these two are not named"
        )
        result.remarks.add(Reject(outcome.file, outcome.line, reason))


def _store(writer: StoreWriter, outcome: Unchanged | Parsed, result: Ingested) -> Change:
    if isinstance(outcome, Unchanged):
        return "unchanged"
    for problem in outcome.problems:
        result.notes.add(Reject(outcome.file, outcome.line, NOTE + problem))
    return writer.upsert(outcome.article, outcome.keys)


def _check_rejects(result: Ingested, config: Config) -> None:
    most = config.ingest.max_reject_share
    few = FEW_BAD_ROWS if any(source.watermark for source in config.sources) else 0
    if result.rejects.count > max(most * result.read, few):
        raise GateError(
            f"{result.problems}\nthat is more than ingest.max_reject_share = {most:.0%}; "
            "no article was changed. Mend the rows or the field mapping; "
            "simrec rejects lists all of them"
        )


def _check_withdrawn(result: Ingested, config: Config) -> None:
    count = result.withdrawn + result.new + result.changed + result.unchanged
    most = config.ingest.max_delete_share
    if result.withdrawn > max(most * count, FEW_WITHDRAWN):
        raise GateError(
            f"{result.withdrawn:,} articles that were published are not any more "
            f"({result.left_out}), which is more than ingest.max_delete_share = {most:.0%}; "
            "no article was changed. If it is meant, raise the share; if not, see ingest.status "
            "and the fields status, draft and published"
        )


def _check_damage(result: Ingested) -> None:
    if result.damaged:
        damaged = "\n".join(result.damaged)
        raise GateError(
            f"{damaged}\nthe {result.read - result.rejects.count:,} good rows were kept "
            "and nothing was deleted by sync; send the file again and run the same command"
        )


def _deletions(store: Store, writer: StoreWriter, result: Ingested, config: Config) -> list[str]:
    """Return the ids to delete: those that are listed, and with sync those that no source holds.

    Articles missing from a damaged source are not deleted.
    """
    listed = _listed(config.ingest.deletions)
    if not config.ingest.sync or result.damaged:
        return listed
    absent = writer.not_seen()
    count = store.count()
    most = config.ingest.max_delete_share
    if len(absent) > most * count:
        raise GateError(
            f"sync would delete {len(absent):,} of {count:,} articles that no source holds any "
            f"more, which is more than ingest.max_delete_share = {most:.0%}; "
            "no article was changed. "
            "Is a file missing or cut short? If it is meant, raise the share or name the articles "
            "in ingest.deletions"
        )
    return listed + absent


def _listed(path: str) -> list[str]:
    """Return the lines of the file of deletions."""
    if not path:
        return []
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the ids to delete: {error}") from error
    return [line.rstrip("\r") for line in text.split("\n")]
