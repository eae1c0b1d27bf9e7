"""Tables of a release as sinks take them: columns, rows in order, and what changed between two of them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter, lt
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow
from pyarrow import compute, parquet

from simrec.errors import ConfigError
from simrec.release_folder import ReleaseFolder

Kind = Literal["text", "integer", "real", "truth"]
Row = tuple[Any, ...]

BATCH_ROWS = 10_000
DECIMALS = 6  # of a score: what is beyond is the machine's, and no reason to change a row
KEY = 2  # columns name a row of a ranked table: of what it is, and its rank


class Disordered(Exception):
    """A table does not come in the order of its key, so that two cannot be compared as they pass by."""


class ReleaseStamp(NamedTuple):
    """Which release is written."""

    release_id: str
    released_at: str


class RowDifference(NamedTuple):
    """Rows that are new, rows whose other columns changed, and keys that are gone."""

    added: list[Row]
    changed: list[Row]
    removed: list[Row]


@dataclass(frozen=True)
class Table:
    """One Parquet file of a release."""

    name: str
    path: Path
    kinds: dict[str, Kind]
    rows: int

    @classmethod
    def open(cls, folder: ReleaseFolder, name: str) -> "Table":
        """Open a table by its name; ConfigError names those there are."""
        path = folder.table(name)
        known = folder.table_names()
        if name not in known:
            raise ConfigError(
                f"sinks.tables: the release has no table '{name}'; it has {', '.join(known)}"
            )
        with parquet.ParquetFile(path) as file:
            kinds = {field.name: _kind(field.type) for field in file.schema_arrow}
            return cls(name, path, kinds, file.metadata.num_rows)

    @property
    def columns(self) -> list[str]:
        return list(self.kinds)

    @property
    def key(self) -> list[str]:
        """The columns that name a row of a ranked table; other tables have none."""
        return self.columns[:KEY] if self.columns[1:KEY] == ["rank"] else []

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[list[Row]]:
        """Yield all rows in order, some thousands at a time; scores to six decimals, lists as JSON."""
        wanted = list(columns or self.columns)
        with parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
                values = [_values(batch.column(name), self.kinds[name]) for name in wanted]
                yield list(zip(*values, strict=True))


def difference(before: Iterator[list[Row]], after: Iterator[list[Row]]) -> Iterator[RowDifference]:
    """Yield what changed from one table to another, in the order of their keys; Disordered if they have none.

    Both are read once, side by side, up to the smaller of the two last keys at hand.
    """
    old: list[Row] = []
    new: list[Row] = []
    while True:
        old, new = old or _next(before), new or _next(after)
        if not (old or new):
            return
        bound = min(rows[-1][:KEY] for rows in (old, new) if rows)
        (gone, old), (come, new) = _split(old, bound), _split(new, bound)
        if gone != come:
            yield _compare(set(gone), set(come))


def _compare(gone: set[Row], come: set[Row]) -> RowDifference:
    before = {row[:KEY] for row in gone - come}
    now = sorted(come - gone, key=itemgetter(slice(KEY)))
    kept = {row[:KEY] for row in now}
    return RowDifference(
        [row for row in now if row[:KEY] not in before],
        [row for row in now if row[:KEY] in before],
        sorted(before - kept),
    )


def _next(batches: Iterator[list[Row]]) -> list[Row]:
    rows = next((batch for batch in batches if batch), [])
    keys = [row[:KEY] for row in rows]
    if not all(map(lt, keys, keys[1:])):
        raise Disordered
    return rows


def _split(rows: list[Row], bound: Row) -> tuple[list[Row], list[Row]]:
    """Return the rows up to a key, and those beyond."""
    if not rows or rows[-1][:KEY] <= bound:
        return rows, []
    place = next(n for n, row in enumerate(rows) if row[:KEY] > bound)
    return rows[:place], rows[place:]


def _kind(kind: Any) -> Kind:
    if pyarrow.types.is_floating(kind):
        return "real"
    if pyarrow.types.is_boolean(kind):
        return "truth"
    return "integer" if pyarrow.types.is_integer(kind) else "text"


def _values(column: Any, kind: Kind) -> list[Any]:
    if pyarrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()  # value by value it takes twenty times as long
    if kind == "real":
        column = compute.round(column.cast(pyarrow.float64()), ndigits=DECIMALS)
    values = list(column.to_pylist())
    if kind == "text" and not pyarrow.types.is_string(column.type):
        values = [
            None if value is None else json.dumps(value, ensure_ascii=False, default=str)
            for value in values
        ]
    return values
