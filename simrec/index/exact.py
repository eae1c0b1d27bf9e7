"""Exact search of stored vectors: the oracle, and the answer wherever few rows are asked about."""

import numpy as np

from simrec.index import ranked
from simrec.index.vectors import unit

BLOCK_ROWS = 65_536


def nearest(vector: np.ndarray, vectors: np.ndarray, rows: np.ndarray, n: int) -> tuple[list[int], list[float]]:
    """Return the n of `rows` nearest to `vector`, and their cosines, by (cosine down, row up).

    vectors is the stored matrix [all rows, dim], mapped or in memory; it is read in blocks. The
    vector [dim] may be of any length but zero.
    """
    query = unit(vector)
    blocks = (rows[start : start + BLOCK_ROWS] for start in range(0, len(rows), BLOCK_ROWS))
    cosines = np.concatenate([np.empty(0, np.float32), *(unit(vectors[block]) @ query for block in blocks)])
    cosines = np.clip(cosines.round(ranked.DECIMALS), -1, 1)
    order = np.lexsort((rows, -cosines))[:n]
    return rows[order].tolist(), cosines[order].tolist()
