"""The protocol that every kind of source keeps, with its rows and splits."""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from simrec.config import Fields
from simrec.errors import ConfigError, SimrecError, UsageError

logger = logging.getLogger(__name__)

Record = dict[str, Any]
SHOWN_COLUMNS = 20


class Row(NamedTuple):
    """One row of a source: a record, or the problem that kept it from being one.

    `end` marks the last row of a damaged source: what followed it is lost. Where a row is not
    `numbered`, its line is only a count, which differs from read to read. `body` is the kind of its
    text (text, html, markdown) where the source knows it better than the configuration. `prefix` is
    what makes an id that holds in the source alone hold among all others, without a configured one.
    An `unended` row is the last of a file that may be cut within it.
    """

    file: str
    line: int
    record: Record = {}
    problem: str = ""
    end: bool = False
    numbered: bool = True
    body: str = ""
    notes: tuple[str, ...] = ()
    prefix: str = ""
    unended: bool = False


class Split(NamedTuple):
    """What one reader reads of a source: all of it, or some lines of a file.

    `size` is in bytes; `start` is the byte and `line` the number of the first line. Without `lines`
    the split goes on to the end.
    """

    size: int
    start: int = 0
    line: int = 1
    lines: int | None = None


class Cursor(NamedTuple):
    """What to read now: rows from `since` on (None: all). The next read starts at `newest`."""

    since: str | None = None
    newest: str | None = None


NO_MEMORY = "there is not enough memory to read it from here on; cut it into several files"
NOTHING_CHANGED = "; nothing was changed"  # ends a sentence about a source that was not read


class UnreadableSourceError(ConfigError):
    """A source cannot be read now: it may not be opened, or is not what it was."""


class MissingPathError(UsageError):
    """There is nothing at the path of a source."""


class DamagedSourceError(Exception):
    """Nothing can be read of a source from a line on."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(line, problem)
        self.line = line
        self.problem = problem


class Source(Protocol):
    """One file, one folder or one query; a small value that travels to other processes."""

    @property
    def name(self) -> str:
        """Return what messages call the source."""

    @property
    def identity(self) -> Record:
        """Return what tells the source from all others; its cursor is stored under a hash of it."""

    def fingerprint(self) -> str | None:
        """Return what stands for all content of the source, or None where only reading can tell."""

    def splits(self, max_bytes: int) -> Iterator[Split]:
        """Yield splits of about `max_bytes` each, in order, that can be read independently."""

    def cursor(self, previous: str | None) -> Cursor:
        """Return what is to be read now if the last read went up to `previous`."""

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        """Yield the rows of a split, those from the cursor's `since` on.

        Raises DamagedSourceError and whatever a reading library raises: call `read_rows` instead.
        """

    def ids(self) -> Iterator[Record]:
        """Yield a record that holds the id, for every row that there is, read or not.

        Only called where `rows` left out some.
        """

    def take_remarks(self) -> list[tuple[str, str]]:
        """Return what was guessed or left out of which file since this was last asked."""


def read_rows(source: Source, split: Split, since: str | None = None) -> Iterator[Row]:
    """Yield the rows of a split; where it cannot be read any further, the last row says so.

    This is the one place that answers exceptions of reading libraries: whatever a file makes them
    raise costs the rest of that file, and other sources go on. Raises UnreadableSourceError where a
    source cannot be opened.
    """
    line = split.line
    try:
        with readable(source.name):
            for row in source.rows(split, since):
                yield row
                line = row.line + 1
    except SimrecError:
        raise
    except MemoryError:
        yield Row(source.name, line, problem=NO_MEMORY, end=True)
    except DamagedSourceError as damage:
        yield Row(source.name, damage.line, problem=damage.problem, end=True)
    except Exception as error:
        logger.debug("%s, line %d", source.name, line, exc_info=True)
        what = f"{type(error).__name__}: {error}"
        yield Row(source.name, line, problem=f"cannot be read from here on ({what})", end=True)


def read_all(sources: Iterable[Source]) -> Iterator[Row]:
    """Yield all rows of some sources, in order; remarks are logged."""
    for source in sources:
        for split in source.splits(sys.maxsize):
            yield from read_rows(source, split)
        for file, remark in source.take_remarks():
            logger.warning("%s: %s", file, remark)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn a file that cannot be opened into an UnreadableSourceError that names it."""
    try:
        yield
    except OSError as error:
        sentence = f"{name}: cannot be read ({error.strerror}){NOTHING_CHANGED}"
        raise UnreadableSourceError(sentence) from error


def watch_for_text(rows: Iterable[Row], name: str, fields: Fields) -> Iterator[Row]:
    """Yield the rows of a source without columns; say behind them if none has a text."""
    last: Record = {}
    has_text = False
    for row in rows:
        if row.record:
            last = row.record
            has_text = has_text or fields.text in last
        yield row
    if last and not has_text:
        warn_without_text(name, last, fields)


def warn_without_text(name: str, columns: Iterable[str], fields: Fields) -> None:
    """Say that no record of a source has a text, unless all that it has is a field of ours.

    The names of its columns are given; a field with a dot in its name is found when it is mapped.
    """
    if not fields.text or "." in fields.text:
        return
    ours = {getattr(fields, field) for field in fields.__struct_fields__}
    others = [column for column in columns if column and column not in ours]
    if others:
        logger.warning(
            "ingest: %s: there is no '%s', so that its articles have a title alone; set text under "
            "[fields] to one of %s",
            name,
            fields.text,
            ", ".join(others[:SHOWN_COLUMNS]),
        )


def check_columns(where: str, columns: Iterable[str], id_column: str) -> None:
    """Raise UnreadableSourceError if a table lacks the column of the id; "" if it needs none."""
    if id_column and id_column not in columns:
        raise UnreadableSourceError(
            f"{where}: no column '{id_column}' to take the id from; the columns are "
            f"{', '.join(columns)}; set id under [fields] to one of them"
        )
