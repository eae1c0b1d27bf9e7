"""Tasks that read, map and clean rows ahead of the ingest, and write a part each."""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple, Protocol

import msgspec

from simrec import __version__, files
from simrec.articles import cleaning
from simrec.articles.mapping import Mapping
from simrec.articles.opened_sources import Fingerprints, MappedSource
from simrec.articles.outcomes import RowOutcome, Unchanged, Unpublished
from simrec.articles.publication import is_after
from simrec.articles.row_outcome import SyncState, end_unopened, parse_since_cursor, parse_split
from simrec.articles.sources.source import Source, Split, UnreadableSourceError
from simrec.articles.store import Store
from simrec.errors import ReleaseError

FRAME_ROWS = 1_000
FRAME = struct.Struct(">II")  # length and CRC of the rows that follow
ENCODER = msgspec.msgpack.Encoder()
DECODER = msgspec.msgpack.Decoder(list[RowOutcome])


class Knows(Protocol):
    """What tells of an article whether it is stored: the store, or a rehearsal of it."""

    def is_unchanged(self, article_id: str, source_key: bytes) -> bool: ...
    def holds(self, article_id: str, url: str, title: str) -> bool: ...


class SplitBatch(NamedTuple):
    """Splits that one task reads, all by one mapping.

    The name is a hash of all that decides what becomes of the rows. A batch without a name is read
    by the job alone, since nothing tells beforehand what its source holds.
    """

    splits: tuple[tuple[Source, Split], ...]
    mapping: Mapping
    name: str


class CleanTask(NamedTuple):
    """A batch, the store that knows which rows are unchanged, and the part to write.

    The store is `immutable` where the task runs on another host.
    """

    batch: SplitBatch
    articles_db: Path
    immutable: bool
    path: Path

    def __str__(self) -> str:
        (source, split), *others = self.batch.splits
        more = f", and {len(others)} more" if others else ""
        return f"{source.name}, line {split.line}{more}"


def cut_batches(
    sources: Iterable[MappedSource], fingerprints: Fingerprints, batch_bytes: int
) -> Iterator[SplitBatch]:
    """Yield all splits of the sources in order, in batches of about `batch_bytes`.

    The cut depends on nothing else, so that the parts of one night serve another. A source that
    came after the fingerprints were taken has none.
    """
    group: list[tuple[Source, Split]] = []
    group_mapping = None
    size = 0  # of the splits in the group
    for source, mapping in sources:
        named = fingerprints.get(source.name) is not None
        for split in source.splits(batch_bytes):
            fits = named and mapping == group_mapping and size + split.size <= batch_bytes
            if group and group_mapping and not fits:
                yield _batch(group, group_mapping, fingerprints)
                group = []
                size = 0
            group.append((source, split))
            group_mapping = mapping
            # Nothing joins a source without a fingerprint.
            size += split.size if named else batch_bytes + 1
    if group and group_mapping:
        yield _batch(group, group_mapping, fingerprints)


def _batch(
    group: list[tuple[Source, Split]], mapping: Mapping, fingerprints: Fingerprints
) -> SplitBatch:
    content = []
    for source, split in group:
        fingerprint = fingerprints.get(source.name)
        if fingerprint is None:
            return SplitBatch(tuple(group), mapping, "")
        content.append((type(source).__name__, source.name, split, fingerprint))
    rules = [__version__, cleaning.VERSION, mapping, content]
    return SplitBatch(tuple(group), mapping, hashlib.sha256(repr(rules).encode()).hexdigest()[:32])


def write_part(task: CleanTask, frame_rows: int = FRAME_ROWS) -> int:
    """Read and clean a batch and write its part; return 1. A part that exists is left as it is."""
    if task.path.exists():
        return 1
    with (
        Store.open(task.articles_db, immutable=task.immutable) as store,
        files.atomic_path(task.path) as temporary,
    ):
        outcomes = _parse(task.batch, store)
        with temporary.open("wb") as file:
            while frame := list(islice(outcomes, frame_rows)):
                content = ENCODER.encode(frame)
                file.write(FRAME.pack(len(content), zlib.crc32(content)) + content)
    return 1


def write_part_if_readable(task: CleanTask) -> int:
    """Write a part as `write_part` does, and an empty one where a source cannot be opened.

    The job reads such a batch itself, and says what is wrong with it.
    """
    try:
        return write_part(task)
    except UnreadableSourceError:
        files.write(task.path, b"")
        return 1


def read_batch(
    batch: SplitBatch, parts: Path | None, store: Knows, sync: SyncState
) -> Iterator[RowOutcome]:
    """Yield what becomes of the rows of a batch, from its part as far as that is there and valid.

    A part is valid up to a row that it took for unchanged, and whose article was changed since by
    an earlier row of this ingest or by another ingest.
    """
    if not batch.name:
        for source, split in batch.splits:
            yield from parse_since_cursor(
                source, split, batch.mapping, store.is_unchanged, sync, store.holds
            )
        return
    done = 0
    part = parts / batch.name if parts else None
    if part and part.exists() and part.stat().st_size:
        for outcome in _read_part(part):
            if not _is_valid(outcome, store, batch.mapping.now):
                break
            yield outcome
            done += 1
        else:
            return
    yield from islice(_parse_readable(batch, store), done, None)


def _is_valid(outcome: RowOutcome, store: Knows, now: str) -> bool:
    if isinstance(outcome, Unpublished) and outcome.until:
        return is_after(outcome.until, now)
    if isinstance(outcome, Unchanged):
        return store.is_unchanged(outcome.id, outcome.source_key)
    return True


def _parse(batch: SplitBatch, store: Knows) -> Iterator[RowOutcome]:
    for source, split in batch.splits:
        yield from parse_split(source, split, batch.mapping, store.is_unchanged, holds=store.holds)


def _parse_readable(batch: SplitBatch, store: Knows) -> Iterator[RowOutcome]:
    for source, split in batch.splits:
        alone = batch._replace(splits=((source, split),))
        yield from end_unopened(source, _parse(alone, store))


def _read_part(part: Path) -> Iterator[RowOutcome]:
    with part.open("rb") as file:
        while head := file.read(FRAME.size):
            yield from _frame(part, head, file)


def _frame(part: Path, head: bytes, file: IO[bytes]) -> list[RowOutcome]:
    try:
        length, checksum = FRAME.unpack(head)
        content = file.read(length)
        if zlib.crc32(content) != checksum:
            raise ValueError("checksum")
        return DECODER.decode(content)
    except (struct.error, ValueError) as error:  # msgspec's are among them
        raise ReleaseError(f"{part}: damaged ({error}); remove it and run again") from error
