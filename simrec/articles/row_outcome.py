"""Turns the rows of a source into what becomes of them."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from simrec.articles.local_ids import AUTO, prefixed
from simrec.articles.mapping import Mapping
from simrec.articles.outcomes import (
    Parsed,
    Rejected,
    Remark,
    RowOutcome,
    Unchanged,
    Unpublished,
)
from simrec.articles.publication import SCHEDULED, is_after
from simrec.articles.sources.source import Row, Source, Split, UnreadableSourceError, read_rows
from simrec.articles.store_writer import Keys
from simrec.articles.time_limit import TimeLimit, TooSlowError
from simrec.errors import SimrecError

logger = logging.getLogger(__name__)

IsUnchanged = Callable[[str, bytes], bool]  # of an article's id and its record's key
Holds = Callable[[str, str, str], bool]  # of an article's id, URL and title


# What no row is to be blamed for: the store and the machine.
ALL_WRONG = (
    "limits.bad_rows = {most:,} rows one after the other cannot be taken; the rest was not read"
)
NOT_OF_THE_ROW = (SimrecError, MemoryError, OSError, sqlite3.Error)


@dataclass(frozen=True)
class SyncState:
    """The cursors of all sources by the hash of their identity, of the last ingest and of this one.

    `mark_present` takes the ids of rows that a source holds and that were not read; it is None
    where absent articles are not deleted. `partial` names the sources read since a cursor.
    """

    previous: dict[str, str]
    current: dict[str, str] = field(default_factory=dict)
    mark_present: Callable[[Iterable[str]], None] | None = None
    partial: set[str] = field(default_factory=set)


def holds_nothing(article_id: str, url: str, title: str) -> bool:
    """Tell that no article is stored under a bare id, as in a new workspace."""
    return False


def parse_row(
    row: Row, mapping: Mapping, is_unchanged: IsUnchanged, holds: Holds = holds_nothing
) -> RowOutcome:
    """Turn a row into its article, unless it is unchanged or has to be rejected.

    `holds` tells whether an article is stored under its bare id, as it was before there were
    prefixes: it keeps that id. Whatever a row makes mapping or cleaning raise costs that row.
    """
    problem = row.problem
    if not problem:
        try:
            return _parse_record(row, mapping, is_unchanged, holds)
        except ValueError as error:
            problem = str(error)
        except NOT_OF_THE_ROW:
            raise
        except Exception as error:
            logger.debug("%s, line %d", row.file, row.line, exc_info=True)
            problem = f"cannot be read ({type(error).__name__}: {error})"
    return _rejected(row, mapping, problem, _id_if_any(row, mapping, holds))


def _parse_record(
    row: Row, mapping: Mapping, is_unchanged: IsUnchanged, holds: Holds
) -> RowOutcome:
    status = mapping.unpublished_status(row.record)
    if status:
        return Unpublished(row.file, row.line, _id_if_any(row, mapping, holds), status)
    article_id = _article_id(row, mapping, holds)
    source_key = mapping.source_key(row.record)
    if is_unchanged(article_id, source_key):
        return Unchanged(row.file, row.line, article_id, source_key, row.unended)
    article, problems = mapping.article(row.record, row.body)
    if is_after(article.published_at, mapping.now) and not mapping.limits.include_unpublished:
        until = article.published_at or ""
        return Unpublished(row.file, row.line, article_id, SCHEDULED, until)
    problems = [*row.notes, *problems]
    if not row.numbered:
        problems = [f"{problem} (id {article_id!r})" for problem in problems]
    if problems:
        source_key = b""  # so that the next ingest names the problem again
    if article_id != article.id:
        article = replace(article, id=article_id)
    keys = Keys(article.row_key, article.text_key, source_key)
    return Parsed(row.file, row.line, article, keys, problems, row.unended)


def _id_if_any(row: Row, mapping: Mapping, holds: Holds) -> str:
    """Return the id of a row, "" where it has none that can be used, as drafts may have none."""
    try:
        return _article_id(row, mapping, holds)
    except NOT_OF_THE_ROW:
        raise
    except Exception:
        return ""


def _article_id(row: Row, mapping: Mapping, holds: Holds) -> str:
    article_id = mapping.article_id(row.record)
    if not row.prefix or mapping.prefix != AUTO:
        return article_id
    url = str(row.record.get(mapping.fields.url) or "")
    title = str(row.record.get(mapping.fields.title) or "")
    return article_id if holds(article_id, url, title) else prefixed(article_id, row.prefix)


def _parse_in_time(
    row: Row, mapping: Mapping, is_unchanged: IsUnchanged, holds: Holds
) -> RowOutcome:
    """Turn a row into what becomes of it; one that takes too long is rejected."""
    try:
        with TimeLimit(mapping.bounds.row_seconds):
            return parse_row(row, mapping, is_unchanged, holds)
    except TooSlowError as error:  # between two places where the row is to blame
        return Rejected(row.file, row.line, str(error))


def parse_split(
    source: Source,
    split: Split,
    mapping: Mapping,
    is_unchanged: IsUnchanged,
    since: str | None = None,
    holds: Holds = holds_nothing,
) -> Iterator[RowOutcome]:
    """Yield what becomes of each row of a split; the rest of one that is all wrong is not read."""
    most = mapping.bounds.bad_rows
    bad_rows = 0
    for row in read_rows(source, split, since):
        if not row.file.isascii():
            row = row._replace(file=_valid_utf8(row.file))
        outcome = _parse_in_time(row, mapping, is_unchanged, holds)
        yield outcome
        bad_rows = bad_rows + 1 if isinstance(outcome, Rejected) else 0
        if bad_rows == most:
            yield Rejected(source.name, row.line, ALL_WRONG.format(most=most), end=True)
            break
    for file, remark in source.take_remarks():
        yield Remark(_valid_utf8(file), 1, _valid_utf8(remark))


def parse_since_cursor(
    source: Source,
    split: Split,
    mapping: Mapping,
    is_unchanged: IsUnchanged,
    sync: SyncState,
    holds: Holds = holds_nothing,
) -> Iterator[RowOutcome]:
    """Yield what becomes of each row since the source's cursor, then move the cursor.

    The cursor of a source that cannot be read, or not to its end, is not moved.
    """
    outcomes = _parse_since_cursor(source, split, mapping, is_unchanged, sync, holds)
    yield from end_unopened(source, outcomes)


def end_unopened(source: Source, outcomes: Iterator[RowOutcome]) -> Iterator[RowOutcome]:
    """Yield the outcomes of a source; where it cannot be opened, a last one says so."""
    try:
        yield from outcomes
    except UnreadableSourceError as error:
        reason = _valid_utf8(str(error))
        yield Rejected(source.name, 1, reason, end=True, unopened=True)


def _parse_since_cursor(
    source: Source,
    split: Split,
    mapping: Mapping,
    is_unchanged: IsUnchanged,
    sync: SyncState,
    holds: Holds,
) -> Iterator[RowOutcome]:
    key = mapping.source_key(source.identity).hex()
    cursor = source.cursor(sync.previous.get(key))
    if cursor.since is not None:
        sync.partial.add(source.name)
    damaged = False
    for outcome in parse_split(source, split, mapping, is_unchanged, cursor.since, holds):
        damaged = damaged or (isinstance(outcome, Rejected) and outcome.end)
        yield outcome
    if damaged:
        return
    if sync.mark_present and cursor.since is not None:
        sync.mark_present(_usable_ids(source, mapping))
    if cursor.newest is not None:
        sync.current[key] = cursor.newest


def _usable_ids(source: Source, mapping: Mapping) -> Iterator[str]:
    for record in source.ids():
        try:
            yield mapping.article_id(record)
        except ValueError:
            continue  # no article has such an id


def _rejected(row: Row, mapping: Mapping, problem: str, readable_id: str) -> Rejected:
    reason = _valid_utf8(problem)
    given_id = row.record.get(mapping.fields.id)
    if not row.numbered and given_id is not None and not reason.startswith("id "):
        reason = f"id {str(given_id)!r}: {reason}"
    return Rejected(row.file, row.line, reason, row.end, readable_id)


def _valid_utf8(text: str) -> str:
    """Escape halves of surrogate pairs, as in the name of a file that is no UTF-8."""
    return text.encode(errors="backslashreplace").decode()
