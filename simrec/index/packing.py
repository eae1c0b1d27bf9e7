"""A neighbour as one number: packed so that ranking is sorting, and used inside this room only.

From the highest bit: the query it belongs to (11 bits), how far its cosine is below 1 in millionths
(21 bits), and its row (32 bits).
"""

import numpy as np
from numpy.typing import NDArray

Packed = NDArray[np.uint64]

DTYPE = "<u8"  # of packed neighbours in a file
DECIMALS = (
    6  # of a cosine; beyond them float32 sums depend on their order, so ties would not be ties
)
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

    Cosines are clipped to [-1, 1]. A negative row gives NONE; ValueError for one of MAX_ROWS or more.
    """
    if rows.max(initial=0) >= MAX_ROWS:
        raise ValueError(f"row {rows.max()} cannot be packed: rows end at {MAX_ROWS - 1}")
    distance = np.rint((1 - np.clip(cosines, -1, 1)) * 10**DECIMALS).astype(np.uint64)
    packed = (distance << _DISTANCE_SHIFT) | (rows.astype(np.uint64) & _ROW_MASK)
    return np.where(rows < 0, NONE, packed)


def rows_of(packed: Packed) -> NDArray[np.int64]:
    """Return the rows of packed neighbours, -1 for NONE."""
    return np.where(packed == NONE, -1, (packed & _ROW_MASK).astype(np.int64))


def cosines_of(packed: Packed) -> NDArray[np.float32]:
    """Return the cosines of packed neighbours, to six decimals, 0 for NONE."""
    distance = ((packed >> _DISTANCE_SHIFT) & _DISTANCE_MASK).astype(np.float64)
    return np.where(packed == NONE, 0, 1 - distance / 10**DECIMALS).astype(np.float32)


def with_query(queries: NDArray[np.integer], packed: Packed) -> Packed:
    """Add its query to each packed neighbour, none of them NONE, so that they sort by query first.

    ValueError if a query is not below MAX_QUERIES: it would be taken for another one.
    """
    if queries.max(initial=0) >= MAX_QUERIES or queries.min(initial=0) < 0:
        wrong = queries.max() if queries.min() >= 0 else queries.min()
        raise ValueError(f"query {wrong} cannot be packed: queries end at {MAX_QUERIES - 1}")
    if packed.max(initial=np.uint64(0)) > _NEIGHBOUR_MASK:
        raise ValueError("a neighbour that is NONE, or has a query already, cannot be given one")
    with_queries: Packed = (queries.astype(np.uint64) << _QUERY_SHIFT) | packed
    return with_queries


def query_of(packed: Packed) -> NDArray[np.int64]:
    """Return the query of each neighbour."""
    queries: NDArray[np.int64] = (packed >> _QUERY_SHIFT).astype(np.int64)
    return queries


def top_k_per_query(packed: Packed, k: int) -> Packed:
    """Return the k best neighbours of each query, in order; one that is given twice counts once."""
    packed = np.sort(packed)  # np.unique hashes first, which is slower here
    if len(packed):
        packed = packed[np.append(True, packed[1:] != packed[:-1])]
    best: Packed = packed[rank_in_group(query_of(packed)) < k]
    return best


def kth_scores(best: Packed, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the queries that have k of these ordered neighbours, and the cosine of the k-th."""
    queries = query_of(best)
    of_full_queries = np.flatnonzero(np.bincount(queries)[queries] == k)
    last = of_full_queries[k - 1 :: k]
    return queries[last], cosines_of(best[last])


def as_table(best: Packed, queries: int, k: int) -> Packed:
    """Return ordered neighbours, at most k of a query, as lines [queries, k] that end with NONE."""
    table = np.full((queries, k), NONE)
    query = query_of(best)
    table[query, rank_in_group(query)] = best & _NEIGHBOUR_MASK
    return table


def rank_in_group(groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the rank, from 0, of each element in its group; a group's elements stand together."""
    starts = np.empty(0, np.int64)
    if len(groups):
        starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    sizes = np.diff(np.append(starts, len(groups)))
    return np.arange(len(groups)) - np.repeat(starts, sizes)


def nonzero_sparse(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where a mask [n] is true, in order; fast where few are, by skipping eight at a time."""
    whole = len(mask) // 8 * 8
    eights = mask[:whole]
    words = np.flatnonzero(eights.view(np.uint64))
    word, byte = np.nonzero(eights.reshape(-1, 8)[words])
    rest = whole + np.flatnonzero(mask[whole:])
    return np.concatenate([words[word] * 8 + byte, rest])
