"""Inverted lists of FAISS whose rows are moved, cut and merged, and whose lists stay."""

from collections.abc import Iterable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from simrec.index.vectors import Rows, Vectors, unit_rows

CODED_DIMS = 2  # dimensions of a vector in one code of 4 bits


def empty_lists(kind: str, dim: int, nlist: int) -> Any:
    """Return an ivf_flat or ivf_pq index that has learned nothing."""
    coarse = faiss.IndexFlatIP(dim)
    if kind == "ivf_flat":
        return faiss.IndexIVFFlat(coarse, dim, nlist, faiss.METRIC_INNER_PRODUCT)
    return faiss.IndexIVFPQ(coarse, dim, nlist, dim // CODED_DIMS, 4, faiss.METRIC_INNER_PRODUCT)


def list_order(index: Any) -> Rows:
    """Return all rows in order of their list."""
    return np.concatenate([_ids(index, number) for number in range(index.nlist)])


def merge(shards: Iterable[Any]) -> Any:
    """Return one index with the rows of all shards, each list in the order of the shards."""
    shards = iter(shards)  # one in memory at a time
    merged = next(shards)
    for shard in shards:
        merged.merge_from(shard, 0)
    return merged


def slice_rows(index: Any, start: int, stop: int) -> Any:
    """Return the same lists with the rows from start to stop only, which keep their numbers."""
    result = _without_rows(index)
    for number in range(index.nlist):
        ids = _ids(index, number)
        inside = (ids >= start) & (ids < stop)
        _add(result, number, ids[inside], _codes(index, number)[inside])
    return result


def update_rows(
    index: Any,
    current_row: Rows,
    vectors: Vectors,
    new_rows: Rows,
) -> Any:
    """Return the same lists with old rows renumbered or deleted, and new rows added.

    current_row [rows before] is what a row is now; vectors are those of now.
    """
    result = _without_rows(index)
    for number in range(index.nlist):
        ids = current_row[_ids(index, number)]
        _add(result, number, ids[ids >= 0], _codes(index, number)[ids >= 0])
    if len(new_rows):
        result.add_with_ids(unit_rows(vectors[new_rows]), new_rows.astype(np.int64))
    return result


def _without_rows(index: Any) -> Any:
    """Return an index with the same lists and codes, and no rows."""
    has_codes = isinstance(index, faiss.IndexIVFPQ)
    result = empty_lists("ivf_pq" if has_codes else "ivf_flat", index.d, index.nlist)
    result.quantizer.add(index.quantizer.reconstruct_n(0, index.nlist))
    if has_codes:
        centroids = faiss.vector_to_array(index.pq.centroids)
        faiss.copy_array_to_vector(centroids, result.pq.centroids)
    result.is_trained = True
    result.nprobe = index.nprobe
    return result


def _add(
    index: Any,
    number: int,
    ids: Rows,
    codes: NDArray[np.uint8],
) -> None:
    """Add rows that are coded already to one list."""
    if len(ids):
        ids = np.ascontiguousarray(ids)
        codes = np.ascontiguousarray(codes)
        index.invlists.add_entries(number, len(ids), faiss.swig_ptr(ids), faiss.swig_ptr(codes))
        index.ntotal += len(ids)


def _ids(index: Any, number: int) -> Rows:
    """Return the rows of one list."""
    size = index.invlists.list_size(number)
    ids: Rows = faiss.rev_swig_ptr(index.invlists.get_ids(number), size).copy()
    return ids


def _codes(index: Any, number: int) -> NDArray[np.uint8]:
    """Return the codes of one list [rows, bytes], as a view of FAISS's memory."""
    size = index.invlists.list_size(number)
    width = index.code_size
    codes = faiss.rev_swig_ptr(index.invlists.get_codes(number), size * width)
    lines: NDArray[np.uint8] = codes.reshape(size, width)
    return lines
