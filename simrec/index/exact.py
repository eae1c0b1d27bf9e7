"""Exact cosines and exact search over stored vectors: the oracle that every index is measured by."""

import faiss
import numpy as np
from numpy.typing import NDArray

from simrec.index import packing
from simrec.index.neighbours import Neighbours
from simrec.index.packing import Packed
from simrec.index.vectors import Vectors, unit, unit_rows

BLOCK_ROWS = 65_536  # stored rows converted to float32 at a time


def nearest(
    queries: Vectors,
    vectors: Vectors,
    rows: NDArray[np.int64],
    k: int,
    block_rows: int = BLOCK_ROWS,
) -> Neighbours:
    """Return the k nearest of the given rows, ascending, of each query [queries, min(k, rows)].

    Queries may have any length but zero. The stored vectors are read in blocks.
    """
    queries = unit(queries)
    best: Packed = np.empty((len(queries), 0), np.uint64)
    for start in range(0, len(rows), block_rows):
        block = rows[start : start + block_rows]
        block_vectors = unit(vectors[block])
        # One product a query: a matrix product would differ in the seventh decimal and reorder ties.
        cosines = np.stack([block_vectors @ query for query in queries])
        packed = packing.pack(cosines, np.broadcast_to(block, cosines.shape))
        best = np.sort(np.concatenate([best, packed], axis=1), axis=1)[:, :k]
    return Neighbours.unpacked(best)


def nearest_candidates(
    queries: Vectors, vectors: Vectors, k: int, first_row: int = 0
) -> NDArray[np.int64]:
    """Return the k rows nearest to each query [queries, k], from a matrix product over all rows.

    Its cosines are not exact in the last digits, so candidates are in no sure order. first_row is the
    number of the first vector.
    """
    step = max(1, len(vectors)) if vectors.dtype == np.float32 else BLOCK_ROWS
    scores = np.empty((len(queries), 0), np.float32)
    rows = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(vectors), step):
        block = unit_rows(vectors[start : start + step])
        k_of_block = min(k, len(block))
        block_scores, columns = faiss.knn(queries, block, k_of_block, faiss.METRIC_INNER_PRODUCT)
        scores = np.concatenate([scores, block_scores], axis=1)
        rows = np.concatenate([rows, columns + start + first_row], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores = np.take_along_axis(scores, best, 1)
        rows = np.take_along_axis(rows, best, 1)
    return rows


def rank_candidates(
    queries: Vectors, candidates: NDArray[np.int64], vectors: Vectors, k: int, first_row: int = 0
) -> Packed:
    """Score candidates [queries, n], -1 for none, exactly, and return the k best packed [queries, k].

    first_row is the number of the first vector.
    """
    places = np.where(candidates >= 0, candidates - first_row, -1)
    packed = packing.pack(exact_cosines(queries, places, vectors), candidates)
    packed.sort(axis=1)
    return packed[:, :k]


def exact_cosines(
    queries: Vectors, rows: NDArray[np.int64], vectors: Vectors
) -> NDArray[np.float32]:
    """Return the cosine of each query [queries, dim] and each of its rows [queries, n], 0 for -1.

    A pair has one cosine, to the bit, whichever of the two is the query and whatever else is
    compared: this is what makes an updated graph equal to one from scratch.
    """
    rows = np.ascontiguousarray(rows, np.int64)
    cosines = np.zeros(rows.shape, np.float32)
    if vectors.dtype == np.float32:
        _inner_products(cosines, queries, vectors, rows)
        return cosines
    columns = np.arange(rows.shape[1])
    for query in range(len(rows)):
        of_query = cosines[query : query + 1]
        _inner_products(of_query, queries[query], unit_rows(vectors[rows[query]]), columns)
    cosines[rows < 0] = 0
    return cosines


def _inner_products(
    cosines: NDArray[np.float32], queries: Vectors, vectors: Vectors, rows: NDArray[np.int64]
) -> None:
    queries = np.ascontiguousarray(queries, np.float32)
    vectors = np.ascontiguousarray(vectors)
    faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
        faiss.swig_ptr(cosines),
        faiss.swig_ptr(queries),
        faiss.swig_ptr(vectors),
        faiss.swig_ptr(rows),
        vectors.shape[1],
        *cosines.shape,
    )
