"""The file of clicks: how often two articles were read together, for the articles of a release."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec import files
from simrec.arrays import Rows
from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import Row, read_all
from simrec.config import Fields, SourceConfig
from simrec.errors import ConfigError, GateError

logger = logging.getLogger(__name__)

COLUMNS = ("id_a", "id_b")  # and "count", without which each row counts once
SHOWN = 3  # unknown ids and bad rows that are named
ROW_BITS = 32

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class ClickPairs:
    """Pairs of rows that were read together, each once and ascending, left < right; all [pairs]."""

    left: Rows
    right: Rows
    counts: Counts

    @classmethod
    def of(cls, left: Rows, right: Rows, counts: Counts) -> "ClickPairs":
        """Add up the counts of each pair, whichever of its rows comes first."""
        first = np.minimum(left, right)
        second = np.maximum(left, right)
        pairs, places = np.unique((first << ROW_BITS) + second, return_inverse=True)
        sums = np.bincount(places, counts, minlength=len(pairs))
        left, right = np.divmod(pairs, 1 << ROW_BITS)
        return cls(left, right, sums.astype(np.float64))

    def with_counts(self, counts: Counts) -> "ClickPairs":
        """Return the pairs with other counts; those of 0 are left out."""
        is_there = counts > 0
        return ClickPairs(self.left[is_there], self.right[is_there], counts[is_there])


@dataclass(frozen=True)
class ClickFacts:
    """The checksum of a file of clicks, and how many of its rows are pairs, unknown and bad."""

    sha256: str
    pairs: int
    unknown: int
    bad: int


def checksum(path: Path) -> str:
    """Return the checksum of a file of clicks; ConfigError if it cannot be read."""
    try:
        return files.sha256(path)
    except OSError as error:
        raise ConfigError(f"recommend.clicks: {path}: {error.strerror}") from error


def read_clicks(
    path: Path, row_of: Mapping[str, int], max_reject_share: float
) -> tuple[ClickPairs, ClickFacts]:
    """Read a CSV, JSONL or Parquet file of id_a, id_b, count; row_of gives the row of each id.

    What names an article that is not there, or is no pair, is counted, named and left out.
    GateError for a larger share of rows that are no pairs, ConfigError for other columns.
    """
    reader = _Reader(row_of)
    for row in read_all(open_sources(SourceConfig(path=str(path)), Fields(id="", text=""))):
        reader.add(path, row)
    reader.report(path, max_reject_share)
    left, right = np.array(reader.rows, np.int64).reshape(-1, 2).T
    pairs = ClickPairs.of(left, right, np.array(reader.counts))
    facts = ClickFacts(checksum(path), len(pairs.left), reader.n_unknown, len(reader.problems))
    return pairs, facts


class _Reader:
    """The pairs of a file so far, and what was wrong with others."""

    def __init__(self, row_of: Mapping[str, int]) -> None:
        self._row_of = row_of
        self.rows: list[tuple[int, int]] = []
        self.counts: list[float] = []
        self.n_unknown = 0
        self._unknown: dict[str, str] = {}  # the first ids, and where they stand
        self.problems: list[str] = []

    def add(self, path: Path, row: Row) -> None:
        where = f"{row.file}, line {row.line}"
        if not row.problem and not set(COLUMNS) <= row.record.keys():
            raise ConfigError(
                f"{where}: its columns are {', '.join(row.record)}; recommend.clicks needs id_a, "
                "id_b and count"
            )
        try:
            if row.problem:
                raise ValueError(row.problem)
            ids = [_id(row.record[column], column) for column in COLUMNS]
            count = _count(row.record.get("count", 1))
        except ValueError as problem:
            self.problems.append(f"{where}: {problem}")
            return
        unknown = [article_id for article_id in ids if article_id not in self._row_of]
        if unknown:
            self.n_unknown += 1
            if len(self._unknown) < SHOWN:
                self._unknown.setdefault(unknown[0], where)
        elif ids[0] != ids[1] and count:
            self.rows.append((self._row_of[ids[0]], self._row_of[ids[1]]))
            self.counts.append(count)

    def report(self, path: Path, max_reject_share: float) -> None:
        """Name what was left out; GateError if it is too much."""
        n_rows = len(self.problems) + self.n_unknown + len(self.rows)
        problems = "\n".join(self.problems[:SHOWN])
        if len(self.problems) > max_reject_share * n_rows:
            raise GateError(
                f"{problems}\n{len(self.problems):,} of {n_rows:,} rows of {path} are no pairs, "
                "which is more than ingest.max_reject_share; mend them"
            )
        if self.problems:
            logger.warning("recommend: clicks: %s rows left out\n%s", len(self.problems), problems)
        if self.n_unknown:
            named = "; ".join(f"'{name}', {where}" for name, where in self._unknown.items())
            logger.warning(
                "recommend: clicks: %s of %s rows name articles that are not there (%s)",
                f"{self.n_unknown:,}",
                f"{n_rows:,}",
                named,
            )


def _id(value: Any, column: str) -> str:
    """Return an id; whole numbers are ids, too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{column} is {value!r}, which is no id")
    return value.strip()


def _count(value: Any) -> float:
    try:
        count = float(value)
    except (TypeError, ValueError):
        count = math.nan
    if not (math.isfinite(count) and count >= 0):
        raise ValueError(f"count is {value!r}; it says how often both were read, 0 or more")
    return count
