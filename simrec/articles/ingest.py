"""Ingest: the rows of all sources go into the store, all or nothing, and what is bad is named."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from simrec import __version__, files, log
from simrec.articles import clean_tasks, cleaning
from simrec.articles.clean_tasks import Parsed, Rejected, RowOutcome, SplitBatch, Unchanged
from simrec.articles.mapping import Mapping
from simrec.articles.splits import files_of, opening
from simrec.articles.store import Change, Reject, Store, SyncState
from simrec.config import Config
from simrec.errors import GateError, UsageError

Ahead = Callable[[list[SplitBatch]], Path | None]

SHOWN = 5
FEW = 10  # bad rows in a pull of a few: no sign that the mapping is wrong
FILES = "files"  # the mark of all of them
MOST_NAMED = 10_000  # a file that is all wrong must not fill the memory with the same complaint


@dataclass
class Problems:
    """How many there were, and the first of them."""

    count: int = 0
    named: list[Reject] = field(default_factory=list)

    def add(self, file: str, line: int, reason: str) -> None:
        self.count += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(Reject(file, line, reason))


@dataclass
class Ingested:
    """What one ingest saw and did, in rows."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejects: Problems = field(default_factory=Problems)  # rows that were not taken
    notes: Problems = field(default_factory=Problems)  # values that rows were taken without
    damaged: list[str] = field(default_factory=list)
    files: dict[str, None] = field(default_factory=dict)  # in order

    def __str__(self) -> str:
        return (
            f"{self.new:,} new, {self.changed:,} changed, {self.unchanged:,} unchanged, {self.deleted:,} deleted, "
            f"{self.rejects.count:,} rejected"
        )

    @property
    def problems(self) -> str:
        """How many rows were rejected or lost a value, and the first few of them."""
        bad, count = self.rejects.named + self.notes.named, self.rejects.count + self.notes.count
        notes = f", {self.notes.count:,} values dropped" if self.notes.count else ""
        lines = [
            f"{self.rejects.count:,} of {self.read:,} rows rejected{notes}",
            *map(_place, bad[:SHOWN]),
        ]
        return "\n".join(
            lines + [f"... and {count - SHOWN:,} more (simrec rejects)"] * (count > SHOWN)
        )


def ingest(store: Store, config: Config, now: str, ahead: Ahead | None = None) -> Ingested:
    """Bring the configured sources into the store, delete what is to be deleted, and record rejects.

    `ahead` is asked to shape batches of files, and says where their parts are; what has none is shaped here. Raises
    GateError, with nothing changed but the rejects, if too many rows are bad or a sync would delete too many
    articles; and after the fact, with the good rows kept and nothing deleted by sync, if a file was damaged.
    """
    result, checksums, marks = Ingested(), _checksums(config), SyncState(store.marks(), {})
    checksum = _checksum_of_all(config, checksums)
    if checksum and marks.before.get(FILES) == checksum:
        result.unchanged = store.count()
        return result
    sources = [(source, Mapping.of(source, config)) for source in config.sources]
    batches = [list(clean_tasks.batches(*source, checksums)) for source in sources]
    folder = ahead(list(chain(*batches))) if ahead else None
    present = store.mark_present if config.ingest.sync else None
    try:
        with store.transaction():
            for (source, mapping), own in zip(sources, batches, strict=True):
                pulled = (
                    clean_tasks.parse_query(source, mapping, store.is_unchanged, marks, present)
                    if source.url
                    else ()
                )
                _take_all(
                    store,
                    chain(pulled, *(clean_tasks.rows(batch, folder, store) for batch in own)),
                    result,
                )
            _check_rejects(result, config)
            if checksum and not (
                result.rejects.count or result.notes.count
            ):  # else they are to be named again
                marks.now[FILES] = checksum
            store.replace_marks(marks.now)
            gone = _listed(config.ingest.deletions)
            if config.ingest.sync and not result.damaged:
                gone += _absent(store, config.ingest.max_delete_share)
            result.deleted = store.delete(gone, now)
    finally:
        with store.transaction():
            store.replace_rejects(result.files, result.rejects.named + result.notes.named)
    if result.damaged:
        raise GateError(
            "\n".join(result.damaged)
            + f"\nthe {result.read - result.rejects.count:,} good rows were kept "
            "and nothing was deleted by sync; send the file again and run the same command"
        )
    return result


def _checksums(config: Config) -> dict[Path, str]:
    """Return the checksum of every file of the sources."""
    checksums = {}
    for path in (path for source in config.sources if not source.url for path in files_of(source)):
        with opening(path):
            checksums[path] = files.sha256(path)
    return checksums


def _checksum_of_all(config: Config, checksums: dict[Path, str]) -> str:
    """Return what stands for all that files can bring in by this configuration; nothing where a database can too.

    A file that came after the checksums were taken makes it another than that of the next time.
    """
    if not config.sources or any(source.url for source in config.sources):
        return ""
    rules = [__version__, cleaning.VERSION, config.sources, config.fields, config.ingest]
    digest = hashlib.sha256(repr(rules).encode())
    digest.update("\n".join(_listed(config.ingest.deletions)).encode())
    for path in (path for source in config.sources for path in files_of(source)):
        digest.update(f"\n{path} {checksums.get(path)}".encode())
    return digest.hexdigest()


def _take_all(store: Store, rows: Iterable[RowOutcome], result: Ingested) -> None:
    with log.progress("ingest", total=None, unit="rows") as bar:
        for row in rows:
            result.read += 1
            result.files.setdefault(row.file)
            bar.update()
            if isinstance(row, Rejected):
                _refuse(row, result)
            else:
                change = _take(store, row, result)
                setattr(result, change, getattr(result, change) + 1)


def _refuse(row: Rejected, result: Ingested) -> None:
    reject = Reject(row.file, row.line, row.reason)
    result.rejects.add(*reject)
    if row.end:
        result.damaged.append(_place(reject))


def _take(store: Store, row: Unchanged | Parsed, result: Ingested) -> Change:
    change: Change = "unchanged"
    if isinstance(row, Parsed):
        for problem in row.problems:
            result.notes.add(row.file, row.line, f"kept without {problem}")
        change = store.upsert(row.article, row.keys)
    earlier = store.mark_seen(row.id, row.file, row.line)
    if earlier:
        reason = f"id '{row.id}' stands again on line {row.line}, and the later row was taken"
        result.rejects.add(row.file, earlier, reason)
    return change


def _check_rejects(result: Ingested, config: Config) -> None:
    most = config.ingest.max_reject_share
    few = FEW if any(source.watermark for source in config.sources) else 0
    if result.rejects.count > max(most * result.read, few):
        raise GateError(
            f"{result.problems}\nthat is more than ingest.max_reject_share = {most:.0%}; no article was changed. "
            "Mend the rows or the field mapping; simrec rejects lists all of them"
        )


def _listed(path: str) -> list[str]:
    if not path:
        return []
    try:
        return [
            line.rstrip("\r") for line in Path(path).read_text(encoding="utf-8-sig").split("\n")
        ]
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


def _place(reject: Reject) -> str:
    return f"{reject.file}, line {reject.line}: {reject.reason}"
