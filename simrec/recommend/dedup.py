"""Near-duplicates: articles that were posted several times."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from simrec.arrays import Rows
from simrec.recommend.candidates import NO_GROUP

UNDATED = "~"  # sorts after every date


def duplicate_groups(pairs: Rows, published: Sequence[str | None]) -> Rows:
    """Return the original of every row that has near-duplicates, NO_GROUP for all others, [rows].

    pairs are rows [n, 2] that are near-duplicates; a group is a connected component of them. The
    original is the article that was published first, undated ones last, ties by row.
    """
    component = _components(pairs, len(published))
    sizes = np.bincount(component)
    duplicates = np.flatnonzero(sizes[component] > 1)

    def date_and_row(row: int) -> tuple[str, int]:
        return published[row] or UNDATED, row

    original_of: dict[int, int] = {}
    groups = np.full(len(published), NO_GROUP)
    for row in sorted(duplicates.tolist(), key=date_and_row):
        groups[row] = original_of.setdefault(int(component[row]), row)
    return groups


def _components(pairs: Rows, rows: int) -> NDArray[np.int32]:
    """Return the number of the connected component of every row."""
    is_edge = np.ones(len(pairs), bool)
    graph = sparse.coo_matrix((is_edge, pairs.T), (rows, rows))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component)
