"""Rows of a table of text, of which quoted cells may go over several lines."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from simrec.articles.sources.source import DamagedSourceError

LONGEST_CELL = 1 << 25  # characters
NULL = r"\N"
# Of MySQL and PostgreSQL; any other character stands for itself.
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "", "b": "", "Z": ""}
PIECE = re.compile(r"[^\r]*\r\n?|[^\r]+")
ESCAPED = re.compile(r"\\(\r\n|.)", re.DOTALL)
ESCAPED_OR_DOUBLED = re.compile(r'\\(\r\n|.)|""', re.DOTALL)


class Dialect(NamedTuple):
    """The delimiter of cells, and whether quotation marks and backslashes mean anything.

    With `blanks` there may be some before an opening quotation mark.
    """

    delimiter: str
    quotes: bool = True
    escapes: bool = False
    blanks: bool = False


class TableRow(NamedTuple):
    """The cells of one row, None for NULL, or its problem. What `broke` a row may hide others.

    An `unended` row has no line break behind it, nor a quotation mark that closes its last cell.
    """

    line: int
    cells: list[str | None]
    problem: str = ""
    broke: bool = False
    unended: bool = False


class _Patterns(NamedTuple):
    plain: re.Pattern[str]  # a line without anything special
    unquoted: re.Pattern[str]
    opening: re.Pattern[str]
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
        re.compile(rf"(?:[^{delimiter}\r\n{escape}]++|\r(?!\r*(?:\n|\Z)){escaped})*+", re.DOTALL),
        re.compile(' *"' if dialect.blanks else '"'),
        re.compile(rf'((?:[^"{escape}]++|""{escaped})*+)"', re.DOTALL),
        re.compile(rf" *(?={delimiter}|\r*(?:\n|\Z))"),
    )


class RowParser:
    """Reads the rows of lines, the first of which has a number; blank ones are passed over.

    Where a row is broken and took several lines, the row after it begins with its second line.
    Where the first line ends in a line feed, a carriage return alone belongs to its cell, unless
    what stands before and behind it are rows.
    """

    def __init__(self, lines: Iterator[str], dialect: Dialect, first: int, width: int = 0) -> None:
        self.lines = lines
        self.dialect = dialect
        self.patterns = _patterns(dialect)
        self.width = width  # the number of cells of every row, 0 if it is not known yet
        self.line = first - 1  # the one that was read last
        self.newest = first - 1  # of those that were read for the first time
        self.line_feeds: bool | None = None  # whether they end lines; None before the first one
        self.unended = False  # whether nothing ends the row that was read last
        self.taken: list[
            tuple[str, int]
        ] = []  # lines of the row after its first, and their numbers
        self.again: list[tuple[str, int]] = []  # to be read once more, the last of them first

    def __iter__(self) -> Iterator[TableRow]:
        """Yield the rows; DamagedSourceError where quotation marks are never closed."""
        while (text := self._next_line()) is not None:
            first = self.line
            self.taken = []
            try:
                cells = self._cells(text)
            except _StrayTextError:
                problem = "text follows a closing quotation mark; double those within a cell"
                row = self._broken(first, problem)
            else:
                if not any(cell and not cell.isspace() for cell in cells):
                    continue
                row = self._row(first, cells)
            if not (row.problem and self._reads_pieces(text, first)):
                yield row

    def _reads_pieces(self, text: str, line: int) -> bool:
        """Read what a line holds between its carriage returns as rows; False if there are none."""
        pieces = PIECE.findall(text)
        if self.taken or len(pieces) < 2:
            return False
        self.again += [(piece, line) for piece in reversed(pieces)]
        return True

    def _row(self, first: int, cells: list[str | None]) -> TableRow:
        count = len(cells)
        if self.width and count > self.width and not any(cells[self.width :]):
            cells = cells[: self.width]
        if self.width and len(cells) != self.width:
            problem = f"{count} cells where the header has {self.width}"
            return self._broken(first, problem) if self.taken else TableRow(first, [], problem)
        return TableRow(first, cells, unended=self.unended)

    def _broken(self, first: int, problem: str) -> TableRow:
        self.again += reversed(self.taken)
        return TableRow(first, [], problem, broke=True)

    def _next_line(self) -> str | None:
        if self.again:
            text, self.line = self.again.pop()
            return text
        line = next(self.lines, None)
        if line is None:
            return None
        if self.line_feeds is None:
            self.line_feeds = line.endswith("\n")
        while self.line_feeds and line.endswith("\r"):
            following = next(self.lines, None)
            if following is None:
                break
            line += following
        self.newest += 1
        self.line = self.newest
        return line

    def _cells(self, text: str) -> list[str | None]:
        if self.patterns.plain.match(text):
            self.unended = not text.endswith(("\n", "\r"))
            return [*text.rstrip("\r\n").split(self.dialect.delimiter)]
        cells: list[str | None] = []
        position = 0
        while True:
            read = self._unquoted
            opening = self.patterns.opening.match(text, position) if self.dialect.quotes else None
            if opening:
                position = opening.end()
                read = self._quoted
            cell, text, position = read(text, position)
            cells.append(cell)
            end = text[position : position + 1]
            if end in ("", "\r", "\n"):
                self.unended = not (end or opening)
                return cells
            position += 1  # the delimiter

    def _unquoted(self, text: str, position: int) -> tuple[str | None, str, int]:
        """Return a cell, the line that it ends on, and where it ends there."""
        end = _end(self.patterns.unquoted, text, position)
        cell = text[position:end]
        while cell.endswith(("\n", "\r")) and (following := self._next_line()) is not None:
            self.taken.append((following, self.line))
            text = following
            end = _end(self.patterns.unquoted, text, 0)
            cell += text[:end]
        if cell == NULL:
            return None, text, end
        return _unescaped(ESCAPED, cell) if self.dialect.escapes else cell, text, end

    def _quoted(self, text: str, position: int) -> tuple[str | None, str, int]:
        """Return a cell behind its opening mark, its last line, and where it ends there."""
        opened = self.line
        parts = []
        length = 0
        while not (closing := self.patterns.quoted.match(text, position)):
            parts.append(text[position:])
            length += len(parts[-1])
            following = self._next_line() if length < LONGEST_CELL else None
            if following is None:
                problem = "the quotation mark that opens here is never closed"
                raise DamagedSourceError(opened, problem)
            self.taken.append((following, self.line))
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
