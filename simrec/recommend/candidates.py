"""Candidates of queries, with what the ranking rules know of each article."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, Scores

NO_GROUP = -1  # the duplicate group, account or category of an article that has none

Index = Rows | tuple[Rows, Rows]
Days = NDArray[np.datetime64]  # dates of publication, NaT for none


@dataclass(frozen=True)
class RowAttributes:
    """What the rules know of articles, in arrays of one shape.

    duplicate_groups, accounts and categories are numbers, the same for the same group, and NO_GROUP
    for none.
    """

    duplicate_groups: Rows
    accounts: Rows
    categories: Rows
    days: Days

    def at(self, index: Index) -> "RowAttributes":
        """Return the attributes at an index, in its shape."""
        return RowAttributes(
            self.duplicate_groups[index],
            self.accounts[index],
            self.categories[index],
            self.days[index],
        )

    def as_matrix(self) -> Rows:
        """Return one line for each attribute, to be written as one array."""
        days = self.days.view(np.int64)
        return np.stack([self.duplicate_groups, self.accounts, self.categories, days])

    @classmethod
    def from_matrix(cls, matrix: Rows) -> "RowAttributes":
        """Return what `as_matrix` was made from."""
        duplicate_groups, accounts, categories, days = matrix
        return cls(duplicate_groups, accounts, categories, days.view("datetime64[D]"))


@dataclass(frozen=True)
class Candidates:
    """Candidates of queries, best first, in arrays [queries, candidates].

    rows are -1 where there is no candidate, or none any more; weights multiply scores above 0;
    score_ranks are the ranks by score alone, from 1.
    """

    rows: Rows
    scores: Scores
    weights: NDArray[np.floating]
    score_ranks: Rows
    attributes: RowAttributes

    @classmethod
    def of(cls, rows: Rows, scores: Scores, attributes: RowAttributes) -> "Candidates":
        """Return candidates that come in order of score; attributes have the shape of rows."""
        weights = np.ones(rows.shape, np.float32)
        ranks = np.arange(1, rows.shape[1] + 1)
        score_ranks = np.broadcast_to(ranks, rows.shape)
        return cls(rows, scores, weights, score_ranks, attributes)

    @property
    def values(self) -> NDArray[np.floating]:
        """Return what the rules rank by: weighted scores; one below zero stays what it is."""
        return np.where(self.scores > 0, self.scores * self.weights, self.scores)

    @property
    def is_there(self) -> Mask:
        """Tell where there is a candidate."""
        return self.rows >= 0

    def only(self, allowed: Mask) -> "Candidates":
        """Return the allowed candidates, each in its column."""
        return replace(self, rows=np.where(allowed, self.rows, -1))

    def weighted(self, weights: NDArray[np.floating]) -> "Candidates":
        """Multiply the weights, and return the candidates in order of their new values."""
        weighted = replace(self, weights=weights * self.weights)
        keys = np.where(self.is_there, -weighted.values, np.inf)
        order = np.argsort(keys, axis=1, kind="stable")
        return weighted.take(order)

    def take(self, columns: Rows) -> "Candidates":
        """Return columns of each query [queries, n], -1 for none."""
        queries = np.arange(len(columns))[:, None]
        index = (queries, np.maximum(columns, 0))
        return Candidates(
            rows=np.where(columns >= 0, self.rows[index], -1),
            scores=self.scores[index],
            weights=self.weights[index],
            score_ranks=self.score_ranks[index],
            attributes=self.attributes.at(index),
        )

    def first(self, n: int) -> "Candidates":
        """Return the first n candidates of each query, rows -1 where there are no more."""
        return self.take(first_columns(self.is_there, n))


def first_columns(allowed: Mask, n: int) -> Rows:
    """Return the columns of the first n allowed in each row, -1 where there are no more."""
    columns = np.full((len(allowed), n), -1)
    row, column = np.nonzero(allowed)
    rank = allowed.cumsum(axis=1)[row, column] - 1
    is_first = rank < n
    columns[row[is_first], rank[is_first]] = column[is_first]
    return columns


def group_numbers(names: Sequence[str | None]) -> Rows:
    """Return a number for every name, the same for the same, and NO_GROUP for None."""
    numbers: dict[str, int] = {}
    groups = np.full(len(names), NO_GROUP)
    for position, name in enumerate(names):
        if name is not None:
            groups[position] = numbers.setdefault(name, len(numbers))
    return groups


def days_of(published: Sequence[str | None]) -> Days:
    """Return the days of ISO dates."""
    days = [date[:10] if date else "NaT" for date in published]
    return np.array(days, "datetime64[D]")
