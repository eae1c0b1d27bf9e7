"""Exact search of stored vectors: the oracle, and the answer wherever few rows are asked about."""

import numpy as np

from simrec.index import packing
from simrec.index.vectors import unit

BLOCK_ROWS = 65_536


def nearest(queries: np.ndarray, vectors: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    """Return the n of `rows` (int64, ascending) nearest to each query, packed [queries, min(n, rows)].

    vectors is the stored matrix [all rows, dim], mapped or in memory; it is read in blocks. The
    queries [queries, dim] may be of any length but zero.
    """
    queries = unit(queries)
    best = np.empty((len(queries), 0), np.uint64)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        asked = unit(vectors[block])
        # One product a query: a matrix product would differ from it in the seventh decimal, and reorder ties.
        cosines = np.stack([asked @ query for query in queries])
        best = np.concatenate(
            [best, packing.pack(cosines, np.broadcast_to(block, cosines.shape))], axis=1
        )
        best = np.sort(best, axis=1)[:, :n]
    return best
