"""Parts: rows of files, read, mapped and cleaned ahead of the ingest, by tasks that write a file each."""

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from simrec import __version__, files
from simrec.articles import cleaning
from simrec.articles.article import Article
from simrec.articles.mapping import Mapping
from simrec.articles.sources.readers import Row, read_split
from simrec.articles.splits import Split, files_in, opening, split_file, splits_of
from simrec.articles.store import Keys, Store, SyncState
from simrec.config import SourceConfig
from simrec.errors import ReleaseError, missing_extra

BATCH_BYTES = (
    64 << 20
)  # of files, for which one task is worth the start of a process: some seconds of work
FRAME_ROWS = 1_000
FRAME = struct.Struct(">II")  # length and CRC of what follows

IsUnchanged = Callable[[str, bytes], bool]


class Rejected(Struct, frozen=True, array_like=True, tag=True):
    """A row that is not taken, and why; the `end` of a damaged file says that what followed it is lost."""

    file: str
    line: int
    reason: str
    end: bool = False


class Unchanged(Struct, frozen=True, array_like=True, tag=True):
    """A row of which the store holds all: its article came from just this record the last time."""

    file: str
    line: int
    id: str
    source_key: bytes


class Parsed(Struct, frozen=True, array_like=True, tag=True):
    """A row that is new or changed, its keys, and what values it had to be kept without."""

    file: str
    line: int
    article: Article
    keys: Keys
    problems: list[str]

    @property
    def id(self) -> str:
        return self.article.id


RowOutcome = Rejected | Unchanged | Parsed
_encode, _decode = (
    msgspec.msgpack.Encoder().encode,
    msgspec.msgpack.Decoder(list[RowOutcome]).decode,
)


class SplitBatch(NamedTuple):
    """Pieces of one source that one task reads; the name stands for all that decides what it makes of them."""

    pieces: tuple[Split, ...]
    mapping: Mapping
    name: str


class CleanTask(NamedTuple):
    """A batch, the store that tells what need not be cleaned again, and the file to write."""

    batch: SplitBatch
    articles_db: Path
    settled: bool
    path: Path

    def __str__(self) -> str:
        first, *others = self.batch.pieces
        return f"{first.path}, line {first.line}" + (f", and {len(others)} more" if others else "")


def parse_row(row: Row, mapping: Mapping, holds: IsUnchanged) -> RowOutcome:
    """Make of a row what there is to do with it."""
    try:
        if row.problem:
            raise ValueError(row.problem)
        article_id, source_key = mapping.article_id(row.record), mapping.source_key(row.record)
        if holds(article_id, source_key):
            return Unchanged(row.file, row.line, article_id, source_key)
        article, problems = mapping.article(row.record)
    except ValueError as problem:
        reason = (
            str(problem).encode(errors="backslashreplace").decode()
        )  # it may name a field by half a surrogate pair
        return Rejected(row.file, row.line, reason, row.end)
    # A row with a problem is looked at every time, so that it goes on being named.
    keys = Keys(article.row_key, article.text_key, b"" if problems else source_key)
    return Parsed(row.file, row.line, article, keys, problems)


def parse_query(
    source: SourceConfig,
    mapping: Mapping,
    holds: IsUnchanged,
    marks: SyncState,
    present: Callable[[Iterable[str]], None] | None,
) -> Iterator[RowOutcome]:
    """Yield the rows of a query; one that is refused is named by its id: lines of queries are others every time."""
    try:
        from simrec.articles.sources.sql import read_query
    except ModuleNotFoundError as error:
        raise missing_extra("sql", "reading from a database") from error
    for row in read_query(source, mapping, marks, present):
        shaped, article_id = parse_row(row, mapping, holds), row.record.get(mapping.fields.id)
        if (
            isinstance(shaped, Rejected)
            and article_id is not None
            and not shaped.reason.startswith("id ")
        ):
            shaped = msgspec.structs.replace(
                shaped, reason=f"id {str(article_id)!r}: {shaped.reason}"
            )
        yield shaped


def batches(
    source: SourceConfig, mapping: Mapping, checksums: dict[Path, str]
) -> Iterator[SplitBatch]:
    """Yield the files of a source in batches, in order, a query in none; the cut does not ask who will read them.

    A file that came after the checksums were taken has none.
    """
    wholes = splits_of(source) if source.path else ()
    pieces = (piece for whole in wholes for piece in split_file(whole, BATCH_BYTES))
    for group in _grouped(pieces):
        content = [checksums.get(path) for piece in group for path in files_in(piece.path)]
        rules = [__version__, cleaning.VERSION, mapping, group, content]
        yield SplitBatch(group, mapping, hashlib.sha256(repr(rules).encode()).hexdigest()[:32])


def _grouped(pieces: Iterable[Split]) -> Iterator[tuple[Split, ...]]:
    """Put pieces together as long as they are no more than a batch's bytes."""
    group, size = list[Split](), 0
    for piece in pieces:
        with opening(piece.path):
            more = (
                BATCH_BYTES
                if piece.lines
                else sum(path.stat().st_size for path in files_in(piece.path))
            )
        if group and size + more > BATCH_BYTES:
            yield tuple(group)
            group, size = [], 0
        group.append(piece)
        size += more
    if group:
        yield tuple(group)


def write_part(task: CleanTask) -> int:
    """Read and clean a batch and write its part; return 1. A part that exists is left as it is."""
    if not task.path.exists():
        with (
            Store.open(task.articles_db, settled=task.settled) as store,
            files.atomic_path(task.path) as temporary,
        ):
            rows = _shape_all(task.batch, store.is_unchanged)
            with temporary.open("wb") as file:
                while frame := list(islice(rows, FRAME_ROWS)):
                    content = _encode(frame)
                    file.write(FRAME.pack(len(content), zlib.crc32(content)) + content)
    return 1


def rows(batch: SplitBatch, folder: Path | None, store: Store) -> Iterator[RowOutcome]:
    """Yield the rows of a batch, from its part, if there is one, as far as what that says of the store is still so.

    It is not where an earlier row of this ingest has changed the same article.
    """
    done = 0
    if folder and (folder / batch.name).exists():
        for row in _read_part(folder / batch.name):
            if isinstance(row, Unchanged) and not store.is_unchanged(row.id, row.source_key):
                break
            yield row
            done += 1
        else:
            return
    yield from islice(_shape_all(batch, store.is_unchanged), done, None)


def _shape_all(batch: SplitBatch, holds: IsUnchanged) -> Iterator[RowOutcome]:
    for piece in batch.pieces:
        for row in read_split(piece, batch.mapping.fields):
            yield parse_row(row, batch.mapping, holds)


def _read_part(part: Path) -> Iterator[RowOutcome]:
    with part.open("rb") as file:
        while head := file.read(FRAME.size):
            yield from _frame(part, head, file)


def _frame(part: Path, head: bytes, file: Any) -> list[RowOutcome]:
    try:
        length, checksum = FRAME.unpack(head)
        content = file.read(length)
        if zlib.crc32(content) != checksum:
            raise ValueError("checksum")
        return _decode(content)
    except (struct.error, ValueError) as error:  # msgspec's are among them
        raise ReleaseError(f"{part}: damaged ({error}); remove it and run again") from error
