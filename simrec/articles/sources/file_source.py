"""What sources that are files have in common, whatever their format."""

import bz2
import gzip
import lzma
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePath
from typing import IO, Any, ClassVar

from simrec import files
from simrec.articles.sources.bounded_lines import OVERLONG, LineBounds, OversizeError
from simrec.articles.sources.source import (
    Cursor,
    DamagedSourceError,
    Record,
    Row,
    Split,
    readable,
)
from simrec.articles.sources.text_encoding import (
    AUTO,
    decoded_lines,
    guess_encoding,
    guess_remark,
    marked_encoding,
)
from simrec.config import Fields, LimitsConfig

OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@dataclass(frozen=True)
class FileSource(ABC):
    """A file, maybe compressed; a format says how its rows are read. It is always read whole.

    A document is held in memory as a whole, and may have 1 / `document_part` of the limit.
    """

    document_part: ClassVar[int] = 0
    # Whether ids are what its entries say of themselves, whoever wrote them.
    claims_ids: ClassVar[bool] = False
    path: Path
    fields: Fields
    encoding: str = AUTO
    shown: str = field(default="", kw_only=True)  # what messages call a copy of a pipe
    limits: LimitsConfig = field(default=LimitsConfig(), kw_only=True)
    # What was guessed or left out while the rows were read, and is to be said.
    remarks: list[tuple[str, str]] = field(
        default_factory=list, compare=False, repr=False, kw_only=True
    )

    @property
    def name(self) -> str:
        return self.shown or escaped_path(self.path)

    @property
    def identity(self) -> Record:
        return {"path": self.name}

    @property
    def compressed(self) -> bool:
        return self.path.suffix.lower() in OPENERS

    def files(self) -> Iterable[Path]:
        """Return the files that are read, in order."""
        return [self.path]

    def fingerprint(self) -> str | None:
        """Return the path and the SHA-256 of every file."""
        lines = []
        encoding = "" if self.encoding == AUTO else f" {self.encoding}"
        for path in self.files():
            with readable(escaped_path(path)):
                lines.append(f"{escaped_path(path)} {files.sha256(path)}{encoding}")
        return "\n".join(lines)

    def splits(self, max_bytes: int) -> Iterator[Split]:
        """Yield one split, the whole file: most formats cannot be read from their middle."""
        with readable(self.name):
            size = sum(path.stat().st_size for path in self.files())
        yield Split(size)

    def cursor(self, previous: str | None) -> Cursor:
        return Cursor()

    @abstractmethod
    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]: ...

    def ids(self) -> Iterator[Record]:
        return iter(())

    def lines(self, split: Split) -> Iterator[bytes]:
        """Yield the lines of a split, OVERLONG for one that is beyond the limit.

        Raises DamagedSourceError where a compressed file breaks off, or a file holds too much.
        """
        number = split.line
        bounds = LineBounds.of(self.path, self.limits, self.compressed, self.document_part)
        with self._open() as file:
            if split.start:
                file.seek(split.start)
            try:
                for line in islice(bounds.lines(file), split.lines):
                    yield line
                    number += 1
            except OversizeError as error:
                raise DamagedSourceError(number, str(error)) from error
            except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
                if isinstance(error, OSError) and error.errno:
                    raise  # an error of the disk; those of gzip and bz2 have no number
                problem = f"the file is damaged from here on ({error})"
                raise DamagedSourceError(number, problem) from error

    def text_lines(self, split: Split) -> Iterator[str]:
        """Yield the lines of a file as text, without a mark of their order of bytes."""
        encoding = self.encoding if self.encoding != AUTO else self.detected_encoding()
        text = decoded_lines(self._short_lines(split), encoding)
        first = next(text, "").removeprefix("\ufeff")
        if first:
            yield first
        yield from text

    def _short_lines(self, split: Split) -> Iterator[bytes]:
        for number, line in enumerate(self.lines(split), start=split.line):
            if line is OVERLONG:
                raise DamagedSourceError(number, self.overlong)
            yield line

    @property
    def overlong(self) -> str:
        """Return the problem of a line that is beyond the limit."""
        return f"a line of more than limits.line_bytes = {self.limits.line_bytes:,} bytes"

    def marked_encoding(self) -> str:
        """Return the encoding that the first bytes of the file tell, "" where they tell none."""
        with suppress(DamagedSourceError):  # which reading it names
            return marked_encoding(next(self.lines(Split(0)), b""))
        return ""

    def detected_encoding(self) -> str:
        """Return the encoding of the file by its first bytes, or by all of its lines."""
        marked = self.marked_encoding()
        if marked:
            return marked
        guess = guess_encoding(self._intact_lines())
        self.remark(guess_remark(guess))
        return guess

    def remark(self, text: str) -> None:
        """Note what is to be said of the file, unless it is empty."""
        if text:
            self.remarks.append((self.name, text))

    def take_remarks(self) -> list[tuple[str, str]]:
        remarks = list(self.remarks)
        self.remarks.clear()
        return remarks

    def _intact_lines(self) -> Iterator[bytes]:
        with suppress(DamagedSourceError):
            yield from self.lines(Split(0))

    def content(self, split: Split) -> tuple[bytes, DamagedSourceError | None]:
        """Return a file whole, or up to where it is damaged, and that damage."""
        content = bytearray()
        try:
            for line in self.lines(split):
                content += line
        except DamagedSourceError as damage:
            return bytes(content), damage
        return bytes(content), None

    def _open(self) -> IO[bytes]:
        opener = OPENERS.get(self.path.suffix.lower(), open)
        file: IO[bytes] = opener(self.path, "rb")
        return file


def escaped_path(path: PurePath) -> str:
    """Return a path as text that can be stored and printed, also where its bytes are no UTF-8."""
    return os.fsencode(path.as_posix()).decode(errors="backslashreplace")
