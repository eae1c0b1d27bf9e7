"""Candidates of queries, with what the ranking rules know of each article."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

NO_GROUP = -1  # the duplicate group, account or category of an article that has none

Index = NDArray[np.int64] | tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class RowAttributes:
    """What the rules know of articles, in arrays of one shape.

    duplicate_groups, accounts and categories are numbers, the same for the same group, and NO_GROUP
    for none; days are dates of publication, datetime64[D], NaT for none.
    """

    duplicate_groups: NDArray[np.int64]
    accounts: NDArray[np.int64]
    categories: NDArray[np.int64]
    days: NDArray[np.datetime64]

    def at(self, index: Index) -> "RowAttributes":
        """Return the attributes at an index, in its shape."""
        return RowAttributes(
            self.duplicate_groups[index],
            self.accounts[index],
            self.categories[index],
            self.days[index],
        )


@dataclass(frozen=True)
class Candidates:
    """Candidates of queries, best first, in arrays [queries, candidates].

    rows are int64, -1 where there is no candidate, or none any more; weights multiply scores above 0;
    score_ranks are the ranks by score alone, from 1.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    weights: NDArray[np.floating]
    score_ranks: NDArray[np.int64]
    attributes: RowAttributes

    @classmethod
    def of(
        cls, rows: NDArray[np.int64], scores: NDArray[np.float32], attributes: RowAttributes
    ) -> "Candidates":
        """Return candidates in order of score; attributes are those of the candidates, of their shape."""
        weights = np.ones(rows.shape, np.float32)
        score_ranks = np.broadcast_to(np.arange(1, rows.shape[1] + 1), rows.shape)
        return cls(rows, scores, weights, score_ranks, attributes)

    @property
    def values(self) -> NDArray[np.floating]:
        """Return what the rules rank by: weighted scores; one below zero stays what it is."""
        return np.where(self.scores > 0, self.scores * self.weights, self.scores)

    @property
    def is_there(self) -> NDArray[np.bool_]:
        """Tell where there is a candidate."""
        return self.rows >= 0

    def only(self, allowed: NDArray[np.bool_]) -> "Candidates":
        """Return the candidates without those that are not allowed; every column keeps its place."""
        return replace(self, rows=np.where(allowed, self.rows, -1))

    def weighted(self, weights: NDArray[np.floating]) -> "Candidates":
        """Multiply the weights, and return the candidates in order of their new values."""
        weighted = replace(self, weights=weights * self.weights)
        keys = np.where(self.is_there, -weighted.values, np.inf)
        return weighted.take(np.argsort(keys, axis=1, kind="stable"))

    def take(self, columns: NDArray[np.int64]) -> "Candidates":
        """Return columns of each query [queries, n], -1 for none."""
        query = np.arange(len(columns))[:, None]
        column = np.maximum(columns, 0)
        return Candidates(
            rows=np.where(columns >= 0, self.rows[query, column], -1),
            scores=self.scores[query, column],
            weights=self.weights[query, column],
            score_ranks=self.score_ranks[query, column],
            attributes=self.attributes.at((query, column)),
        )

    def first(self, n: int) -> "Candidates":
        """Return the first n candidates of each query, rows -1 where there are no more."""
        return self.take(first_columns(self.is_there, n))


def first_columns(allowed: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """Return the columns of the first n that are allowed in each row, -1 where there are no more."""
    columns = np.full((len(allowed), n), -1)
    row, column = np.nonzero(allowed)
    rank = allowed.cumsum(axis=1)[row, column] - 1
    is_first = rank < n
    columns[row[is_first], rank[is_first]] = column[is_first]
    return columns


def group_numbers(names: Sequence[str | None]) -> NDArray[np.int64]:
    """Return a number for every name, the same for the same, and NO_GROUP for None."""
    numbers: dict[str, int] = {}
    return np.array(
        [NO_GROUP if name is None else numbers.setdefault(name, len(numbers)) for name in names],
        np.int64,
    )


def days_of(published: Sequence[str | None]) -> NDArray[np.datetime64]:
    """Return the days of ISO dates, datetime64[D], NaT for None."""
    return np.array([date[:10] if date else "NaT" for date in published], "datetime64[D]")
