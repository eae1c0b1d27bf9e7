"""The best candidates of some queries, while their cosines are computed tile by tile."""

import numpy as np
from numpy.typing import NDArray

from simrec.index import packing
from simrec.index.packing import Packed

Cosines = NDArray[np.float32]

MAX_WAITING = 4  # times k candidates a query wait, before the worse ones are dropped
ROUNDING = 2e-6  # products of other shapes differ in their last bits; ranks compare six decimals


class CandidatePool:
    """The best k candidates of some queries so far, and the least cosine that matters to each.

    thresholds [queries] is a view of the caller's array, and rises in place. Queries are numbered
    from 0, up to packing.MAX_QUERIES.
    """

    def __init__(self, k: int, thresholds: Cosines) -> None:
        self.k = k
        self.thresholds = thresholds
        self._waiting: list[Packed] = [np.empty(0, np.uint64)]
        self._count = 0

    def add(self, packed: Packed) -> None:
        """Add neighbours that are packed with their query."""
        self._waiting.append(packed)
        self._count += len(packed)
        if self._count > MAX_WAITING * self.k * len(self.thresholds):
            self._drop_worse()

    def _drop_worse(self) -> Packed:
        """Keep the best k of each query; what is worse than the last of them matters no more."""
        best = packing.top_k_per_query(np.concatenate(self._waiting), self.k)
        queries, cosines = packing.kth_scores(best, self.k)
        reached = np.maximum(self.thresholds[queries], cosines - ROUNDING)
        self.thresholds[queries] = reached
        self._waiting = [best]
        self._count = len(best)
        return best

    def rows(self) -> NDArray[np.int64]:
        """Return the rows of the best candidates [queries, k], -1 at the end, and forget them."""
        best = packing.as_table(self._drop_worse(), len(self.thresholds), self.k)
        self._waiting = []
        return packing.rows_of(best)


def near_pairs(
    cosines: Cosines, row_thresholds: Cosines, column_thresholds: Cosines
) -> tuple[NDArray[np.int64], NDArray[np.int64], Cosines]:
    """Return row, column and value of each cosine [rows, columns] that matters to either side."""
    matters = cosines >= row_thresholds[:, None]
    np.logical_or(matters, cosines >= column_thresholds[None], out=matters)
    places = packing.nonzero_sparse(matters.ravel())
    rows, columns = np.divmod(places, cosines.shape[1])
    return rows, columns, cosines.ravel()[places]
