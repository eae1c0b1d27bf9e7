"""Ingest: the rows of all sources go into the store, all or nothing, and what is bad is named."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from simrec import __version__, files, log
from simrec.articles import cleaning
from simrec.articles.mapping import Mapping
from simrec.articles.readers import Row, files_of, opening, read
from simrec.articles.store import Change, Marks, Reject, Store
from simrec.config import Config, Source
from simrec.errors import GateError, UsageError, missing_extra

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
        lines = [f"{self.rejects.count:,} of {self.read:,} rows rejected{notes}", *map(_place, bad[:SHOWN])]
        return "\n".join(lines + [f"... and {count - SHOWN:,} more (simrec rejects)"] * (count > SHOWN))


@dataclass
class Preview:
    """What an ingest would see and do, in rows, and the keys of the texts that would come in."""

    rows: int = 0
    changed: int = 0
    gone: int = 0
    rejected: int = 0
    texts: set[bytes] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows to read, {self.changed:,} new or changed, {self.gone:,} to be deleted by sync, "
            f"{self.rejected:,} to be rejected"
        )


def preview(store: Store | None, config: Config) -> Preview:
    """Read the configured sources and compare them with the store (None: there is none yet), changing nothing."""
    result, known = Preview(), set[str]()
    for source in config.sources:
        mapping = Mapping(source.fields or config.fields, source.body, config.ingest)
        for row in read(source, mapping.fields):
            result.rows += 1
            try:
                _preview_row(store, row, mapping, result, known)
            except ValueError:
                result.rejected += 1
    if store and config.ingest.sync:
        result.gone = store.count() - len(known)
    return result


def _preview_row(store: Store | None, row: Row, mapping: Mapping, result: Preview, known: set[str]) -> None:
    if row.problem:
        raise ValueError(row.problem)
    identity, source_key = mapping.article_id(row.record), mapping.source_key(row.record)
    if store and store.knows(identity):
        known.add(identity)
    if not (store and store.holds(identity, source_key)):
        result.texts.add(mapping.article(row.record)[0].text_key)
        result.changed += 1


def ingest(store: Store, config: Config, now: str) -> Ingested:
    """Bring the configured sources into the store, delete what is to be deleted, and record rejects.

    Raises GateError, with nothing changed but the rejects, if too many rows are bad or a sync would
    delete too many articles; and after the fact, with the good rows kept and nothing deleted by
    sync, if a file was damaged.
    """
    result, checksum = Ingested(), _checksum(config)
    try:
        with store.transaction():
            marks = Marks(store.marks(), {})
            if checksum and marks.before.get(FILES) == checksum:
                result.unchanged = store.count()
                return result
            for source in config.sources:
                _upsert_source(store, source, config, result, marks)
            _check_rejects(result, config)
            if checksum and not (result.rejects.count or result.notes.count):  # else they are to be named again
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
            "\n".join(result.damaged) + f"\nthe {result.read - result.rejects.count:,} good rows were kept "
            "and nothing was deleted by sync; send the file again and run the same command"
        )
    return result


def _checksum(config: Config) -> str:
    """Return what stands for all that files can bring in by this configuration; nothing where a database can too."""
    if not config.sources or any(source.url for source in config.sources):
        return ""
    rules = [__version__, cleaning.VERSION, config.sources, config.fields, config.ingest]
    digest = hashlib.sha256(repr(rules).encode())
    digest.update("\n".join(_listed(config.ingest.deletions)).encode())
    for path in (path for source in config.sources for path in files_of(source)):
        with opening(path):
            digest.update(f"\n{path} {files.sha256(path)}".encode())
    return digest.hexdigest()


def _rows(store: Store, source: Source, mapping: Mapping, sync: bool, marks: Marks) -> Iterator[Row]:
    if not source.url:
        return read(source, mapping.fields)
    try:
        from simrec.articles.queries import pull
    except ModuleNotFoundError as error:
        raise missing_extra("sql", "reading from a database") from error
    return pull(source, mapping, marks, store.mark_present if sync else None)


def _upsert_source(store: Store, source: Source, config: Config, result: Ingested, marks: Marks) -> None:
    mapping = Mapping(source.fields or config.fields, source.body, config.ingest)
    with log.progress("ingest", total=None, unit="rows") as bar:
        for row in _rows(store, source, mapping, config.ingest.sync, marks):
            result.read += 1
            result.files.setdefault(row.file)
            bar.update()
            try:
                change = _upsert_row(store, row, mapping, result)
            except ValueError as problem:
                reject = Reject(row.file, row.line, _named(row, mapping, str(problem)) if source.url else str(problem))
                result.rejects.add(*reject)
                if row.end:
                    result.damaged.append(_place(reject))
                continue
            setattr(result, change, getattr(result, change) + 1)


def _named(row: Row, mapping: Mapping, problem: str) -> str:
    """Name a row of a query by its id: lines of queries are other ones every time."""
    identity = row.record.get(mapping.fields.id)
    return problem if identity is None or problem.startswith("id ") else f"id {str(identity)!r}: {problem}"


def _upsert_row(store: Store, row: Row, mapping: Mapping, result: Ingested) -> Change:
    if row.problem:
        raise ValueError(row.problem)
    article_id, source_key = mapping.article_id(row.record), mapping.source_key(row.record)
    if store.holds(article_id, source_key):
        change: Change = "unchanged"
    else:
        article, problems = mapping.article(row.record)
        for problem in problems:
            result.notes.add(row.file, row.line, f"kept without {problem}")
        # A row with a problem is looked at every time, so that it goes on being named.
        change = store.upsert(article, b"" if problems else source_key)
    earlier = store.mark_seen(article_id, row.file, row.line)
    if earlier:
        reason = f"id '{article_id}' stands again on line {row.line}, and the later row was taken"
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
        return [line.rstrip("\r") for line in Path(path).read_text(encoding="utf-8-sig").split("\n")]
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
