"""The dialect of a table of text: that in which the fewest of its first rows are broken."""

import re
from collections.abc import Iterable

from simrec.articles.sources.csv_rows import Dialect, RowParser, TableRow
from simrec.articles.sources.source import DamagedSourceError

DELIMITERS = ",;\t|"
SEPARATOR = re.compile(r"\ufeff?sep=(.)\s*\Z", re.IGNORECASE)
# What mysql and COPY write of a backslash; a text with others has none that mean something.
TAB_ESCAPES = re.compile(r"\\[\\ntr0bZN\t\r\n]")
QUOTED = re.compile(r'(?:\A|\t)"(?:[^"\t]|"")*"(?=\t|[\r\n]*\Z)')
DOUBLED = re.compile(r'(?:\A|\t)"(?:[^"]|"")*""(?:[^"]|"")*"(?=\t|[\r\n]*\Z)')


def separator(line: str) -> str:
    """Return the delimiter that Excel's first line `sep=;` names, "" where a line is another."""
    named = SEPARATOR.match(line)
    return named[1] if named else ""


def choose_dialect(lines: list[str], whole: bool, delimiter: str, tsv: bool) -> Dialect:
    """Return the dialect of a table's first lines; `whole` if they are all of it.

    If there are blanks before quotation marks of the header, there may be some before all others.
    """
    dialect = _least_broken(lines, whole, delimiter, tsv)
    header = next(filter(str.strip, lines), "")
    return dialect._replace(blanks=f'{dialect.delimiter} "' in header)


def _least_broken(lines: list[str], whole: bool, delimiter: str, tsv: bool) -> Dialect:
    """Return the dialect in which the fewest rows are broken.

    The `delimiter` is "" where nothing names it: it is then the one that gives the header the most
    cells. A TSV has no quoting unless it is only readable with it; other tables have it.
    """
    delimiter = delimiter or _delimiter(lines, tsv)
    quoted = [Dialect(delimiter), Dialect(delimiter, escapes=True)]
    if delimiter != "\t":
        return min(quoted, key=lambda dialect: _problems(lines, whole, dialect))
    escapes = not any("\\" in TAB_ESCAPES.sub("", line) for line in lines if "\\" in line)
    unquoted = Dialect(delimiter, quotes=False, escapes=escapes)
    if tsv and not any(map(DOUBLED.search, lines)):
        dialects = [unquoted, *quoted]
    elif tsv or any(map(QUOTED.search, lines)):
        dialects = [*quoted, unquoted]
    else:
        dialects = [quoted[0], unquoted, quoted[1]]
    return min(dialects, key=lambda dialect: _problems(lines, whole, dialect))


def _delimiter(lines: list[str], tsv: bool) -> str:
    if tsv and "\t" in next(filter(str.strip, lines), ""):
        return "\t"
    return max(DELIMITERS, key=lambda one: len(header_row(lines, Dialect(one)).cells))


def header_row(lines: Iterable[str], dialect: Dialect) -> TableRow:
    """Return the first row of some lines that is not blank; one without cells if there is none."""
    try:
        return next(iter(RowParser(iter(lines), dialect, 1)), TableRow(1, []))
    except DamagedSourceError as damage:
        return TableRow(damage.line, [], damage.problem)


def _problems(lines: list[str], whole: bool, dialect: Dialect) -> int:
    """Return how many rows of some lines are broken."""
    width = len(header_row(lines, dialect).cells)
    parser = RowParser(iter(lines), dialect, 1, width)
    try:
        return sum(1 for row in parser if row.problem)
    except DamagedSourceError:
        return int(whole)
