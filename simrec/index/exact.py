"""Exact cosines and exact search over stored vectors: the oracle of every index."""

from collections.abc import Iterator
from contextlib import contextmanager

import faiss
import numpy as np
from numpy.typing import NDArray

from simrec.arrays import row_blocks
from simrec.index import packing
from simrec.index.neighbours import Neighbours
from simrec.index.packing import Packed
from simrec.index.vectors import Rows, Vectors, unit, unit_rows

FEW_PAIRS = 1 << 14  # fewer are scored before another thread has woken
BLOCK_ROWS = 65_536  # stored rows converted to float32 at a time


def nearest(
    queries: Vectors,
    vectors: Vectors,
    rows: Rows,
    k: int,
    block_rows: int = BLOCK_ROWS,
) -> Neighbours:
    """Return the k nearest of the given rows, ascending, of each query [queries, min(k, rows)].

    Queries may have any length but zero. The stored vectors are read in blocks.
    """
    queries = unit(queries)
    best: Packed = np.empty((len(queries), 0), np.uint64)
    for block_of_rows in row_blocks(len(rows), block_rows):
        block = rows[block_of_rows]
        block_vectors = unit(vectors[block])
        # One product a query: a matrix product differs in the seventh decimal and reorders ties.
        cosines = np.stack([block_vectors @ query for query in queries])
        packed = packing.pack(cosines, np.broadcast_to(block, cosines.shape))
        best = packing.merge([best, packed], k)
    return Neighbours.unpacked(best)


def nearest_candidates(
    queries: Vectors,
    vectors: Vectors,
    k: int,
    first_row: int = 0,
) -> Rows:
    """Return the k rows nearest to each query [queries, k], from a matrix product over all rows.

    Its cosines are not exact in the last digits, so candidates are in no sure order. first_row is
    the number of the first vector.
    """
    in_memory = vectors.dtype == np.float32
    block_rows = max(1, len(vectors)) if in_memory else BLOCK_ROWS
    all_scores = []
    all_rows = []
    for block in row_blocks(len(vectors), block_rows):
        found = min(k, block.stop - block.start)
        block_vectors = unit_rows(vectors[block])
        with threads_for(len(queries)):
            scores, columns = faiss.knn(queries, block_vectors, found, faiss.METRIC_INNER_PRODUCT)
        all_scores.append(scores)
        all_rows.append(columns + block.start + first_row)
    rows = np.concatenate(all_rows, axis=1)
    best = np.argsort(-np.concatenate(all_scores, axis=1), axis=1, kind="stable")
    return np.take_along_axis(rows, best[:, :k], axis=1)


def rank_candidates(
    queries: Vectors,
    candidates: Rows,
    vectors: Vectors,
    k: int,
    first_row: int = 0,
) -> Packed:
    """Score candidates [queries, n], -1 for none, exactly; return the k best packed [queries, k].

    first_row is the number of the first vector.
    """
    places = np.where(candidates >= 0, candidates - first_row, -1)
    packed = packing.pack(exact_cosines(queries, places, vectors), candidates)
    packed.sort(axis=1)
    return packed[:, :k]


def exact_cosines(
    queries: Vectors,
    rows: Rows,
    vectors: Vectors,
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
    cosines: NDArray[np.float32],
    queries: Vectors,
    vectors: Vectors,
    rows: Rows,
) -> None:
    queries = np.ascontiguousarray(queries, np.float32)
    vectors = np.ascontiguousarray(vectors)
    with threads_for(len(cosines) if rows.size > FEW_PAIRS else 1):
        faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
            faiss.swig_ptr(cosines),
            faiss.swig_ptr(queries),
            faiss.swig_ptr(vectors),
            faiss.swig_ptr(rows),
            vectors.shape[1],
            *cosines.shape,
        )


@contextmanager
def threads_for(queries: int) -> Iterator[None]:
    """Let FAISS compute one query on the calling thread alone: it takes longer to wake others.

    On a busy machine of two cores, a search of 20,000 rows takes .8 ms of CPU so, and else 15 ms.
    """
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1 if queries == 1 else threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
