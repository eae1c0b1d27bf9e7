"""Near-duplicates: articles that were posted several times."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from simrec.arrays import Rows
from simrec.recommend.candidates import NO_GROUP


def duplicate_groups(pairs: Rows, published: Sequence[str | None]) -> Rows:
    """Return the original of every row that has near-duplicates, NO_GROUP for all others, [rows].

    pairs are rows [n, 2] that are near-duplicates; a group is a connected component of them. The
    original is the article that was published first, undated ones last, ties by row.
    """
    rows = len(published)
    edges = (np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1]))
    graph = sparse.coo_matrix(edges, (rows, rows))
    _, component = connected_components(graph, directed=False)
    duplicates = np.flatnonzero(np.bincount(component, minlength=rows)[component] > 1)
    original_of: dict[int, int] = {}
    for row in sorted(duplicates.tolist(), key=lambda row: (published[row] or "~", row)):
        original_of.setdefault(int(component[row]), row)
    groups = np.full(rows, NO_GROUP)
    groups[duplicates] = [original_of[label] for label in component[duplicates].tolist()]
    return groups
