"""The nearest rows of some queries with their scores, in the order of every published list."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.index import packing

DECIMALS = packing.DECIMALS  # of a score


def rounded(scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return scores as lists and tables have them: clipped to [-1, 1], to six decimals."""
    return packing.cosines_of(packing.pack(scores, np.zeros(scores.shape, np.int64)))


class Neighbours(NamedTuple):
    """The rows nearest to each query, int64 [queries, k], and their scores, float32 [queries, k].

    Best first: by score down, compared to six decimals, then by row up. Where a query has fewer
    than k, its line ends with rows -1 and scores 0.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]

    @classmethod
    def ranked(
        cls,
        rows: NDArray[np.int64],
        scores: NDArray[np.floating[Any]],
        k: int | None = None,
    ) -> "Neighbours":
        """Put the rows of each query [queries, n] in order, and keep the first k; -1 is no row.

        Scores are clipped to [-1, 1] and rounded to six decimals.
        """
        packed = packing.pack(scores, rows)
        packed.sort(axis=1)
        return cls.unpacked(packed[:, :k])

    @classmethod
    def unpacked(cls, packed: NDArray[np.uint64]) -> "Neighbours":
        """Return packed neighbours as rows and scores."""
        return cls(packing.rows_of(packed), packing.cosines_of(packed))

    def first(self, k: int) -> "Neighbours":
        """Return the first k of each query."""
        return Neighbours(self.rows[:, :k], self.scores[:, :k])
