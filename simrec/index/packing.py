"""Neighbours as sortable numbers: how near and which row, packed so that their order is the ranking."""

import numpy as np

DECIMALS = 6  # of a cosine: beyond them float32 sums depend on the order of adding, and ties would not be ties
NONE = np.uint64(2**64 - 1)  # stands after every neighbour
SLACK = 8  # more than asked for, so that ties at the last place are broken by row and not by chance
MAX_QUERIES = 1 << 11
_OWN, _FALL = np.uint64(53), np.uint64(32)
_FALL_MASK, _ROW_MASK = np.uint64((1 << 21) - 1), np.uint64((1 << 32) - 1)


def pack(cosines: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return uint64 numbers whose order is (cosine down to six decimals, row up).

    Cosines are clipped to [-1, 1]; rows are below 2**32, and a negative row gives NONE.
    """
    fall = np.rint((1 - np.clip(cosines, -1, 1)) * 10**DECIMALS).astype(np.uint64)
    packed = (fall << _FALL) | (rows.astype(np.uint64) & _ROW_MASK)
    return np.where(rows < 0, NONE, packed)


def rows_of(packed: np.ndarray) -> np.ndarray:
    """Return the rows of packed neighbours, int64, -1 for NONE."""
    return np.where(packed == NONE, -1, (packed & _ROW_MASK).astype(np.int64))


def cosines_of(packed: np.ndarray) -> np.ndarray:
    """Return the cosines of packed neighbours, float32 to six decimals, 0 for NONE."""
    fall = ((packed >> _FALL) & _FALL_MASK).astype(np.float64)
    return np.where(packed == NONE, 0, 1 - fall / 10**DECIMALS).astype(np.float32)


def with_query(own: np.ndarray, packed: np.ndarray) -> np.ndarray:
    """Return packed neighbours that sort by whose they are first; own is below MOST_OWN."""
    owned: np.ndarray = (own.astype(np.uint64) << _OWN) | packed
    return owned


def query_of(owned: np.ndarray) -> np.ndarray:
    """Return whose the neighbours are, int64."""
    own: np.ndarray = (owned >> _OWN).astype(np.int64)
    return own


def top_k_per_query(owned: np.ndarray, k: int) -> np.ndarray:
    """Return, in order, the k first neighbours of each owner; one that is there twice counts once."""
    owned = np.sort(owned)  # np.unique hashes first, which is slower here
    owned = owned[np.append(True, owned[1:] != owned[:-1])] if len(owned) else owned
    kept: np.ndarray = owned[rank_in_group(owned >> _OWN) < k]
    return kept


def kth_scores(best: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, of ordered neighbours, the owners that have k, int64, and the cosines of their k-th, float32."""
    own = query_of(best)
    last = np.flatnonzero(np.bincount(own)[own] == k)[k - 1 :: k]
    return own[last], cosines_of(best[last])


def as_table(owned: np.ndarray, count: int, k: int) -> np.ndarray:
    """Return ordered neighbours, at most k of each of `count` owners, as packed rows [count, k] that end with NONE."""
    own = query_of(owned)
    found = np.full((count, k), NONE)
    found[own, rank_in_group(own)] = owned & ((np.uint64(1) << _OWN) - np.uint64(1))
    return found


def rank_in_group(own: np.ndarray) -> np.ndarray:
    """Return the place, from 0, of each number among its equals, which stand together."""
    starts = (
        np.flatnonzero(np.append(True, own[1:] != own[:-1])) if len(own) else np.empty(0, np.int64)
    )
    counts = np.diff(np.append(starts, len(own)))
    return np.arange(len(own)) - np.repeat(starts, counts)


def nonzero_sparse(mask: np.ndarray) -> np.ndarray:
    """Return where a mask [n] is true, in order; where few are, eight at once are passed over."""
    whole = len(mask) // 8 * 8
    words = np.flatnonzero(mask[:whole].view(np.uint64))
    word, byte = np.nonzero(mask[:whole].reshape(-1, 8)[words])
    return np.concatenate([words[word] * 8 + byte, whole + np.flatnonzero(mask[whole:])])
