"""Near-duplicates: one story that was posted several times."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from simrec.recommend.candidates import NO_GROUP


def duplicate_groups(pairs: np.ndarray, published: Sequence[str | None]) -> np.ndarray:
    """Return the original of every row that has near-duplicates, NOBODY for all others, int64 [rows].

    pairs are rows [n, 2] that are near-duplicates; those of those are as well. The original is what was
    published first, undated ones last, ties by row.
    """
    count = len(published)
    graph = sparse.coo_matrix(
        (np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count)
    )
    _, labels = connected_components(graph, directed=False)
    told_twice = np.flatnonzero(np.bincount(labels, minlength=count)[labels] > 1)
    by_age = sorted(told_twice.tolist(), key=lambda row: (published[row] or "~", row))
    originals: dict[int, int] = {}
    for row in by_age:
        originals.setdefault(int(labels[row]), row)
    found = np.full(count, NO_GROUP)
    found[told_twice] = [originals[label] for label in labels[told_twice].tolist()]
    return found
