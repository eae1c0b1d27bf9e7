"""Near-duplicates: articles that were posted several times."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from simrec.arrays import Rows
from simrec.recommend.candidates import NO_GROUP

UNDATED = "~"  # sorts after every date
DAY = len("2024-05-31")


def duplicate_groups(
    pairs: Rows, published: Sequence[str | None], seen: Sequence[int], today: str
) -> Rows:
    """Return the original of every row that has near-duplicates, NO_GROUP for all others, [rows].

    pairs are rows [n, 2] that are near-duplicates; a group is a connected component of them. The
    original is the article that simrec saw first: `seen` are the nights of their coming, since a
    date is what a source claims. Of one night it is the one that was published first, what is
    undated or dated after today last, ties by row.
    """
    component = _components(pairs, len(published))
    sizes = np.bincount(component)
    duplicates = np.flatnonzero(sizes[component] > 1)

    def age(row: int) -> tuple[int, str, int]:
        date = published[row] or UNDATED
        return seen[row], UNDATED if date[:DAY] > today[:DAY] else date, row

    original_of: dict[int, int] = {}
    groups = np.full(len(published), NO_GROUP)
    for row in sorted(duplicates.tolist(), key=age):
        groups[row] = original_of.setdefault(int(component[row]), row)
    return groups


def with_originals(rows: Rows, seeds: Rows, groups: Rows) -> Rows:
    """Return rows of candidates [queries, n] with originals that are missing among them.

    Each takes the place of the first of its copies, but not of copies of the seed. groups are the
    originals of all articles.
    """
    originals = np.where(rows >= 0, groups[rows], NO_GROUP)
    is_copy = (originals != NO_GROUP) & (originals != rows)
    is_copy &= originals != groups[seeds][:, None]
    replaced = rows.copy()
    for query in np.flatnonzero(is_copy.any(axis=1)).tolist():
        columns = np.flatnonzero(is_copy[query])
        missing, first = np.unique(originals[query, columns], return_index=True)
        is_missing = ~np.isin(missing, rows[query])
        replaced[query, columns[first[is_missing]]] = missing[is_missing]
    return replaced


def _components(pairs: Rows, rows: int) -> NDArray[np.int32]:
    """Return the number of the connected component of every row."""
    is_edge = np.ones(len(pairs), bool)
    graph = sparse.coo_matrix((is_edge, pairs.T), (rows, rows))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component)
