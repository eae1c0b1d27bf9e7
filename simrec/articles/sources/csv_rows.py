"""Rows of a table of text, of which quoted cells may go over several lines."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from simrec.articles.sources.source import DamagedSourceError

LONGEST_CELL = 1 << 28  # characters
NULL = r"\N"
# Of MySQL and PostgreSQL; any other character stands for itself.
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "", "b": "", "Z": ""}
ESCAPED = re.compile(r"\\(\r\n|.)", re.DOTALL)
ESCAPED_OR_DOUBLED = re.compile(r'\\(\r\n|.)|""', re.DOTALL)


class Dialect(NamedTuple):
    """The delimiter of cells, and whether quotation marks and backslashes mean anything."""

    delimiter: str
    quotes: bool = True
    escapes: bool = False


class TableRow(NamedTuple):
    """The cells of one row, None for NULL, or its problem. What `broke` a row may hide others."""

    line: int
    cells: list[str | None]
    problem: str = ""
    broke: bool = False


class _Patterns(NamedTuple):
    plain: re.Pattern[str]  # a line without anything special
    unquoted: re.Pattern[str]
    quoted: re.Pattern[str]  # what is left of a quoted cell, up to its end
    end: re.Pattern[str]  # what may follow it


class _StrayTextError(Exception):
    """Text follows a closing quotation mark."""


@lru_cache
def _patterns(dialect: Dialect) -> _Patterns:
    delimiter = re.escape(dialect.delimiter)
    escape = r"\\" if dialect.escapes else ""
    special = r"\\" + ('"' if dialect.quotes else "")
    escaped = r"|\\." if dialect.escapes else ""
    return _Patterns(
        re.compile(rf"[^{special}]*\Z"),
        re.compile(rf"(?:[^{delimiter}\r\n{escape}]++{escaped})*+", re.DOTALL),
        re.compile(rf'((?:[^"{escape}]++|""{escaped})*+)"', re.DOTALL),
        re.compile(rf" *(?={delimiter}|[\r\n]|\Z)"),
    )


class RowParser:
    """Reads the rows of lines, the first of which has a number; blank ones are passed over.

    Where a row is broken and took several lines, the row after it begins with its second line.
    """

    def __init__(self, lines: Iterator[str], dialect: Dialect, first: int, width: int = 0) -> None:
        self.lines = lines
        self.dialect = dialect
        self.patterns = _patterns(dialect)
        self.width = width  # the number of cells of every row, 0 if it is not known yet
        self.line = first - 1  # the one that was read last
        self.taken: list[str] = []  # by the row, after its first line
        self.again: list[str] = []  # lines to be read once more, the last of them first

    def __iter__(self) -> Iterator[TableRow]:
        """Yield the rows; DamagedSourceError where quotation marks are never closed."""
        while (text := self._next_line()) is not None:
            first = self.line
            self.taken = []
            try:
                cells = self._cells(text)
            except _StrayTextError:
                yield self._broken(
                    first, "text follows a closing quotation mark; double those within a cell"
                )
                continue
            if any(cell and not cell.isspace() for cell in cells):
                yield self._row(first, cells)

    def _row(self, first: int, cells: list[str | None]) -> TableRow:
        count = len(cells)
        if self.width and count > self.width and not any(cells[self.width :]):
            cells = cells[: self.width]
        if self.width and len(cells) != self.width:
            problem = f"{count} cells where the header has {self.width}"
            return self._broken(first, problem) if self.taken else TableRow(first, [], problem)
        return TableRow(first, cells)

    def _broken(self, first: int, problem: str) -> TableRow:
        self.again += reversed(self.taken)
        self.line = first
        return TableRow(first, [], problem, broke=True)

    def _next_line(self) -> str | None:
        line = self.again.pop() if self.again else next(self.lines, None)
        if line is not None:
            self.line += 1
        return line

    def _cells(self, text: str) -> list[str | None]:
        if self.patterns.plain.match(text):
            return [*text.rstrip("\r\n").split(self.dialect.delimiter)]
        cells: list[str | None] = []
        position = 0
        while True:
            read = self._unquoted
            if self.dialect.quotes and text.startswith('"', position):
                read = self._quoted
            cell, text, position = read(text, position)
            cells.append(cell)
            if text[position : position + 1] in ("", "\r", "\n"):
                return cells
            position += 1  # the delimiter

    def _unquoted(self, text: str, position: int) -> tuple[str | None, str, int]:
        """Return a cell, the line that it ends on, and where it ends there."""
        end = _end(self.patterns.unquoted, text, position)
        cell = text[position:end]
        while cell.endswith(("\n", "\r")) and (following := self._next_line()) is not None:
            self.taken.append(following)
            text = following
            end = _end(self.patterns.unquoted, text, 0)
            cell += text[:end]
        if cell == NULL:
            return None, text, end
        return _unescaped(ESCAPED, cell) if self.dialect.escapes else cell, text, end

    def _quoted(self, text: str, position: int) -> tuple[str | None, str, int]:
        """Return a cell, the line that it ends on, and where it ends there."""
        opened = self.line
        position += 1
        parts = []
        length = 0
        while not (closing := self.patterns.quoted.match(text, position)):
            parts.append(text[position:])
            length += len(parts[-1])
            following = self._next_line() if length < LONGEST_CELL else None
            if following is None:
                problem = "the quotation mark that opens here is never closed"
                raise DamagedSourceError(opened, problem)
            self.taken.append(following)
            text = following
            position = 0
        parts.append(closing[1])
        following_cell = self.patterns.end.match(text, closing.end())
        if not following_cell:
            raise _StrayTextError
        cell = "".join(parts)
        pattern = ESCAPED_OR_DOUBLED if self.dialect.escapes else None
        cell = _unescaped(pattern, cell) if pattern else cell.replace('""', '"')
        return cell, text, following_cell.end()


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _unescaped(pattern: re.Pattern[str], cell: str) -> str:
    return pattern.sub(lambda found: ESCAPES.get(found[1], found[1]) if found[1] else '"', cell)
