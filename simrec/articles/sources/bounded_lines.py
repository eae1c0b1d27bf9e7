"""Lines of a file of which nobody knows how long they are, or what it unpacks to."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from simrec.config import LimitsConfig

FREE_BYTES = 1 << 28  # that any packed file may hold
# Stands for a line that is longer than the limit; it is told from others by its identity.
OVERLONG = bytes(bytearray(b"a line that is too long"))


class OversizeError(Exception):
    """A file holds more than it may."""


@dataclass(frozen=True)
class LineBounds:
    """How many bytes a line and all lines may have, and which key of the configuration says so."""

    line: int
    total: float
    key: str

    @classmethod
    def of(
        cls, path: Path, limits: LimitsConfig, is_packed: bool, document_part: int
    ) -> "LineBounds":
        """Return the bounds of a file.

        A document is held in memory as a whole and may have 1 / `document_part` of the limit.
        """
        total = math.inf
        key = ""
        if is_packed:
            total = FREE_BYTES + limits.unpacked_ratio * path.stat().st_size
            key = f"limits.unpacked_ratio = {limits.unpacked_ratio:g}"
        if not document_part:
            return cls(limits.line_bytes, total, key)
        most = limits.document_bytes // document_part
        if most < total:
            total = most
            of_it = f" / {document_part}" if document_part > 1 else ""
            key = f"limits.document_bytes{of_it} = {most:,}"
        return cls(most, total, key)

    def lines(self, file: IO[bytes]) -> Iterator[bytes]:
        """Yield the lines of an open file; of one that is beyond its bound only OVERLONG.

        Raises OversizeError where all lines together are beyond theirs.
        """
        left = self.total
        while line := file.readline(self.line + 1):
            left -= len(line)
            if len(line) > self.line and self.line == self.total:
                yield line[: self.line]  # of a document, what comes before may still be read
                raise OversizeError(f"it holds more than {self.key} allows")
            if len(line) > self.line:
                left -= self._pass_over(file, line, left)
                line = OVERLONG
            if left < 0:
                raise OversizeError(f"it holds more than {self.key} allows")
            yield line

    def _pass_over(self, file: IO[bytes], line: bytes, left: float) -> int:
        """Read a line to its end, or until all that is left is used up; return what was read."""
        size = 0
        while line and not line.endswith(b"\n") and size <= left:
            line = file.readline(self.line)
            size += len(line)
        return size
