"""A neighbour as one number: packed so that ranking is sorting, and used inside this room only.

From the highest bit: the query it belongs to (11 bits), how far its cosine is below 1 in millionths
(21 bits), and its row (32 bits).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import rank_in_group

Packed = NDArray[np.uint64]
Rows = NDArray[np.int64]
Cosines = NDArray[np.float32]

DTYPE = "<u8"  # of packed neighbours in a file
# Of a cosine: beyond them float32 sums depend on their order, so ties would not be ties.
DECIMALS = 6
NONE = np.uint64(2**64 - 1)  # sorts after every neighbour
SLACK = 8  # rows searched beyond k, so that ties at the k-th place are broken by row, not by chance
MAX_QUERIES = 1 << 11
MAX_ROWS = 1 << 32

_QUERY_SHIFT = np.uint64(53)
_DISTANCE_SHIFT = np.uint64(32)
_DISTANCE_MASK = np.uint64((1 << 21) - 1)
_ROW_MASK = np.uint64(MAX_ROWS - 1)
_NEIGHBOUR_MASK = np.uint64((1 << 53) - 1)


def pack(cosines: NDArray[np.floating], rows: NDArray[np.integer]) -> Packed:
    """Pack neighbours; their order is (cosine down, compared to six decimals, then row up).

    Cosines are clipped to [-1, 1]. A negative row gives NONE; ValueError for one of MAX_ROWS or
    more.
    """
    if rows.max(initial=0) >= MAX_ROWS:
        raise ValueError(f"row {rows.max()} cannot be packed: rows end at {MAX_ROWS - 1}")
    distances = (1 - np.clip(cosines, -1, 1)) * 10**DECIMALS
    packed = np.rint(distances).astype(np.uint64) << _DISTANCE_SHIFT
    packed |= rows.astype(np.uint64) & _ROW_MASK
    return np.where(rows < 0, NONE, packed)


def rows_of(packed: Packed) -> Rows:
    """Return the rows of packed neighbours, -1 for NONE."""
    rows = packed & _ROW_MASK
    return np.where(packed == NONE, -1, rows.astype(np.int64))


def cosines_of(packed: Packed) -> Cosines:
    """Return the cosines of packed neighbours, to six decimals, 0 for NONE."""
    distances = (packed >> _DISTANCE_SHIFT) & _DISTANCE_MASK
    cosines = 1 - distances.astype(np.float64) / 10**DECIMALS
    return np.where(packed == NONE, 0, cosines).astype(np.float32)


def merge(tables: Sequence[Packed], k: int) -> Packed:
    """Return the k best neighbours in each line of tables [queries, any], side by side."""
    merged = np.concatenate(tables, axis=1)
    merged.sort(axis=1)
    return np.ascontiguousarray(merged[:, :k])


def with_query(queries: NDArray[np.integer], packed: Packed) -> Packed:
    """Add its query to each packed neighbour, none of them NONE, so that they sort by query first.

    ValueError if a query is not below MAX_QUERIES: it would be taken for another one.
    """
    wrong = queries[(queries < 0) | (queries >= MAX_QUERIES)]
    if len(wrong):
        raise ValueError(f"query {wrong[0]} cannot be packed: queries end at {MAX_QUERIES - 1}")
    if (packed > _NEIGHBOUR_MASK).any():
        raise ValueError("a neighbour that is NONE, or has a query already, cannot be given one")
    shifted: Packed = queries.astype(np.uint64) << _QUERY_SHIFT
    return shifted | packed


def query_of(packed: Packed) -> Rows:
    """Return the query of each neighbour."""
    queries: Packed = packed >> _QUERY_SHIFT
    return queries.astype(np.int64)


def top_k_per_query(packed: Packed, k: int) -> Packed:
    """Return the k best neighbours of each query, in order; one that is given twice counts once."""
    packed = np.sort(packed)  # np.unique hashes first, which is slower here
    is_first = np.ones(len(packed), bool)
    is_first[1:] = packed[1:] != packed[:-1]
    packed = packed[is_first]
    best: Packed = packed[rank_in_group(query_of(packed)) < k]
    return best


def kth_scores(best: Packed, k: int) -> tuple[Rows, Cosines]:
    """Return the queries that have k of these ordered neighbours, and the cosine of the k-th."""
    queries = query_of(best)
    sizes = np.bincount(queries)
    of_full_queries = np.flatnonzero(sizes[queries] == k)
    last = of_full_queries[k - 1 :: k]
    return queries[last], cosines_of(best[last])


def as_table(best: Packed, queries: int, k: int) -> Packed:
    """Return ordered neighbours, at most k of a query, as lines [queries, k] that end with NONE."""
    table = np.full((queries, k), NONE)
    query = query_of(best)
    table[query, rank_in_group(query)] = best & _NEIGHBOUR_MASK
    return table


def nonzero_sparse(mask: NDArray[np.bool_]) -> Rows:
    """Return where a mask [n] is true, in order; fast where few are, by skipping eights."""
    whole = len(mask) // 8 * 8
    eights = mask[:whole]
    words = np.flatnonzero(eights.view(np.uint64))
    word, byte = np.nonzero(eights.reshape(-1, 8)[words])
    rest = whole + np.flatnonzero(mask[whole:])
    return np.concatenate([words[word] * 8 + byte, rest])
