"""The difference of two tables, for the tables of changes and for sinks."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute

from simrec.recommend.tables.parquet import ParquetTable, arrow_schema, write_parquet
from simrec.recommend.tables.schema import TableSchema, changes_schema

WRITTEN_ROWS = 65_536  # of a table of changes that are written at once
CHANGES = ("added", "removed", "changed")  # in the order in which they are listed


class DisorderedError(Exception):
    """A table is not in the order of its first column, or names a row twice."""


class RowChanges(NamedTuple):
    """The rows by which two tables differ, over some range of their first column."""

    added: pyarrow.Table
    removed: pyarrow.Table
    changed: pyarrow.Table  # as they are in the new table


def diff_tables(
    old: Iterable[pyarrow.Table],
    new: Iterable[pyarrow.Table],
    identity: Sequence[str],
    min_score_change: float = 0.0,
) -> Iterator[RowChanges]:
    """Yield how a table changed, in order of its first column; DisorderedError if it has no order.

    Both tables come in batches of any size, with the same columns, and are read once, side by side.
    `identity` names the columns by which a row is known again; it begins with the first column. Two
    notions of equal are in use:

    - a sink takes the key (article, rank) as identity and scores rounded to six decimals: a row is
      equal if every column is;
    - a table of changes takes the pair (article, similar) and looks at ranks and scores alone: a
      score is equal unless it moved by more than min_score_change.
    """
    for old_rows, new_rows in _side_by_side(old, new, identity[0]):
        if not old_rows.equals(new_rows):
            yield _diff_rows(old_rows, new_rows, identity, min_score_change)


def _diff_rows(
    old: pyarrow.Table, new: pyarrow.Table, identity: Sequence[str], min_score_change: float
) -> RowChanges:
    old_numbers, new_numbers = _numbered(old, new, identity)
    _, old_at, new_at = np.intersect1d(
        old_numbers, new_numbers, assume_unique=True, return_indices=True
    )
    order = np.argsort(new_at)
    old_at = old_at[order]
    new_at = new_at[order]
    differs = np.zeros(len(new_at), bool)
    for name in new.column_names:
        if name not in identity:
            before = old[name].take(old_at).combine_chunks()
            after = new[name].take(new_at).combine_chunks()
            differs |= _differs(before, after, min_score_change)
    return RowChanges(
        added=new.take(np.setdiff1d(np.arange(len(new)), new_at)),
        removed=old.take(np.setdiff1d(np.arange(len(old)), old_at)),
        changed=new.take(new_at[differs]),
    )


def _numbered(
    old: pyarrow.Table, new: pyarrow.Table, identity: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a number for each row, equal for equal identities; none may repeat in a table."""
    rows = pyarrow.concat_tables([old.select(identity), new.select(identity)])
    numbers = np.zeros(len(rows), np.int64)
    for name in identity:
        codes = rows[name].combine_chunks().dictionary_encode()
        numbers = numbers * len(codes.dictionary) + codes.indices.to_numpy()
    old_numbers = numbers[: len(old)]
    new_numbers = numbers[len(old) :]
    for side in (old_numbers, new_numbers):
        if len(np.unique(side)) < len(side):
            raise DisorderedError
    return old_numbers, new_numbers


def _differs(
    before: pyarrow.Array, after: pyarrow.Array, min_score_change: float
) -> NDArray[np.bool_]:
    differs: NDArray[np.bool_]
    if pyarrow.types.is_floating(after.type):
        differs = np.abs(before.to_numpy() - after.to_numpy()) > min_score_change
        return differs
    one_is_null = compute.xor(compute.is_null(before), compute.is_null(after))
    unequal = compute.coalesce(compute.not_equal(before, after), one_is_null)
    differs = unequal.to_numpy(zero_copy_only=False)
    return differs


class _Side:
    """The batches of one table, and the rows of them that have not been taken yet."""

    def __init__(self, batches: Iterable[pyarrow.Table], group: str) -> None:
        self._batches = iter(batches)
        self._group = group
        self._rows = next(self._batches)
        self.last = ""  # the group of the last row that was read
        self.is_exhausted = False
        self._check_order(self._rows)

    def read(self) -> None:
        """Read one more batch."""
        batch = next(self._batches, None)
        if batch is None:
            self.is_exhausted = True
        else:
            self._check_order(batch)
            self._rows = pyarrow.concat_tables([self._rows, batch])

    def take(self, bound: str | None) -> pyarrow.Table:
        """Return the rows whose group comes before the bound, or all rows, and keep the others."""
        count = len(self._rows)
        if bound is not None:
            count = compute.sum(compute.less(self._rows[self._group], bound)).as_py() or 0
        rows = self._rows.slice(0, count)
        self._rows = self._rows.slice(count)
        return rows

    def _check_order(self, batch: pyarrow.Table) -> None:
        if not len(batch):
            return
        groups = batch[self._group].combine_chunks()
        descends = compute.any(compute.greater(groups[:-1], groups[1:])).as_py()
        if descends or groups[0].as_py() < self.last:
            raise DisorderedError
        self.last = groups[-1].as_py()


def _side_by_side(
    old: Iterable[pyarrow.Table], new: Iterable[pyarrow.Table], group: str
) -> Iterator[tuple[pyarrow.Table, pyarrow.Table]]:
    """Yield the rows of both tables for the same ranges of groups, each group whole.

    The last group at hand may go on in the next batch, so rows are yielded up to the smaller of the
    two last groups.
    """
    left = _Side(old, group)
    right = _Side(new, group)
    while True:
        unfinished = [side for side in (left, right) if not side.is_exhausted]
        bound = min((side.last for side in unfinished), default=None)
        old_rows = left.take(bound)
        new_rows = right.take(bound)
        if len(old_rows) or len(new_rows):
            yield old_rows, new_rows
        if bound is None:
            return
        min(unfinished, key=lambda side: side.last).read()


def write_changes(old: ParquetTable, new: ParquetTable, path: Path, min_score_change: float) -> int:
    """Write how a ranked table differs from the one before; return in how many rows.

    A pair is added; removed, with the rank and score that it had; or changed, being of another rank
    or of a score that moved by more than min_score_change.
    """
    schema = changes_schema(new.schema)
    subject = schema.columns[0].name
    columns = [subject, "similar", "rank", "score"]
    identity = [subject, "similar"]
    count = 0
    with write_parquet(path, schema) as writer:
        pending: list[pyarrow.Table] = []
        for changes in diff_tables(
            old.batches(columns), new.batches(columns), identity, min_score_change
        ):
            rows = _labelled(changes, schema)
            count += len(rows)
            pending.append(rows)
            if sum(map(len, pending)) >= WRITTEN_ROWS:
                writer.write_table(pyarrow.concat_tables(pending))
                pending.clear()
        if pending:
            writer.write_table(pyarrow.concat_tables(pending))
    return count


def _labelled(changes: RowChanges, schema: TableSchema) -> pyarrow.Table:
    """Return the changed rows with a column that says how they changed, in order."""
    kinds = np.repeat(range(len(CHANGES)), [len(rows) for rows in changes])
    rows = pyarrow.concat_tables(changes).append_column("kind", pyarrow.array(kinds))
    subject = schema.columns[0].name
    rows = rows.sort_by([(name, "ascending") for name in (subject, "kind", "rank")])
    labels = pyarrow.array(CHANGES).take(rows["kind"])
    rows = rows.append_column("change", labels)
    names = [column.name for column in schema.columns]
    return rows.select(names).cast(arrow_schema(schema))
