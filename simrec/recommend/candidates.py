"""Candidates of queries, with what the ranking rules know of each article."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, Scores

TAGS = "tags"  # a field of several values: groups are "tags 0", "tags 1", ... in one numbering
NO_GROUP = -1  # the duplicate group, account, ... of an article that has none

Index = Rows | tuple[Rows, Rows]
Days = NDArray[np.datetime64]  # dates of publication, NaT for none


@dataclass(frozen=True)
class AttributeTable:
    """What the rules know of articles, one entry for each.

    rows are their rows in the release. groups are numbers by field ("account"), the same for the
    same value and NO_GROUP for none, and only of the fields that the rules read.
    """

    rows: Rows
    duplicate_groups: Rows
    days: Days
    is_recommendable: Mask
    groups: Mapping[str, Rows]

    def all(self) -> "RowAttributes":
        """Return the attributes of all articles."""
        return RowAttributes(self, np.arange(len(self.rows)))

    def as_matrix(self) -> Rows:
        """Return one line for each attribute, to be written as one array."""
        lines = [self.rows, self.duplicate_groups, self.days.view(np.int64), self.is_recommendable]
        return np.stack([*lines, *(self.groups[field] for field in sorted(self.groups))])

    @classmethod
    def from_matrix(cls, matrix: Rows, fields: Sequence[str]) -> "AttributeTable":
        """Return what `as_matrix` was made from; fields are those of the groups."""
        rows, duplicate_groups, days, is_recommendable, *groups = matrix
        return cls(
            rows,
            duplicate_groups,
            days.view("datetime64[D]"),
            is_recommendable.astype(bool),
            dict(zip(sorted(fields), groups, strict=True)),
        )


@dataclass(frozen=True)
class RowAttributes:
    """The attributes of some articles of a table, in the shape of their index.

    They are looked up when a rule asks for them.
    """

    table: AttributeTable
    index: Rows

    def at(self, index: Index) -> "RowAttributes":
        """Return the attributes at an index, in its shape."""
        return RowAttributes(self.table, self.index[index])

    def __len__(self) -> int:
        return len(self.index)

    @property
    def n_columns(self) -> int:
        """Return how many articles each query has, where the index is [queries, articles]."""
        return int(self.index.shape[1])

    @property
    def rows(self) -> Rows:
        return self.table.rows[self.index]

    @property
    def duplicate_groups(self) -> Rows:
        return self.table.duplicate_groups[self.index]

    @property
    def days(self) -> Days:
        return self.table.days[self.index]

    @property
    def is_recommendable(self) -> Mask:
        return self.table.is_recommendable[self.index]

    def groups(self, field: str) -> Rows:
        """Return the numbers of the groups by a field."""
        return self.table.groups[field][self.index]

    def tags(self) -> Rows:
        """Return the numbers of the tags, [..., tags] behind the shape of the index."""
        fields = [field for field in self.table.groups if field.startswith(TAGS)]
        columns = [self.groups(field) for field in fields]
        if not columns:
            return np.empty((*self.index.shape, 0), np.int64)
        return np.stack(columns, axis=-1)


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

    def of_queries(self, queries: Rows) -> "Candidates":
        """Return the candidates of some queries."""
        return Candidates(
            self.rows[queries],
            self.scores[queries],
            self.weights[queries],
            self.score_ranks[queries],
            self.attributes.at(queries),
        )

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


def tag_groups(tags: Iterable[str]) -> dict[str, Rows]:
    """Return the numbers of articles' tags, which come as JSON, by a name for each column.

    Upper and lower case are the same.
    """
    of_articles = [_distinct_tags(of_article) for of_article in tags]
    most = max(map(len, of_articles), default=0)
    padded: list[str | None] = []
    for of_article in of_articles:
        padded += [*of_article, *[None] * (most - len(of_article))]
    numbers = group_numbers(padded).reshape(-1, most) if most else np.empty((0, 0), np.int64)
    return {f"{TAGS} {column}": numbers[:, column] for column in range(most)}


def _distinct_tags(of_article: str) -> list[str]:
    return list(dict.fromkeys(tag.casefold() for tag in json.loads(of_article)))


def field_groups(field: str, values: Sequence[str | None]) -> Rows:
    """Return the number of each article's group by a field; languages are grouped without region.

    "en-GB" and "EN_us" are one language, as the filter on languages has it.
    """
    if field == "lang":
        values = [_language(lang) if lang else None for lang in values]
    return group_numbers(values)


def _language(lang: str) -> str:
    return lang.strip().lower().replace("_", "-").partition("-")[0]


def days_of(published: Sequence[str | None]) -> Days:
    """Return the days of ISO dates."""
    days = [date[:10] if date else "NaT" for date in published]
    return np.array(days, "datetime64[D]")
