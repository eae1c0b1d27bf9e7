"""Search an index for the neighbours of all its rows, one slice of it after the other."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from simrec import files
from simrec.arrays import npy_header, open_npy, row_blocks
from simrec.index import packing
from simrec.index.index_facts import IndexFacts
from simrec.index.packing import Packed
from simrec.index.vector_index import VectorIndex
from simrec.index.vectors import Rows, Vectors, unit_rows
from simrec.release_folder import ReleaseFolder
from simrec.tasks.rows import Parts, map_rows, parts_of
from simrec.tasks.stages import Stages

QUERY_BLOCK = 512
SLICE_SHARE = 0.4  # of the memory of a process is for the vectors and codes of its slice
MIN_SLICE_ROWS = 100


class IndexSlice(NamedTuple):
    """The rows from start to stop of a saved index."""

    vectors: Path
    saved: Path
    facts: IndexFacts
    start: int
    stop: int


def search_all(
    index: VectorIndex,
    folder: ReleaseFolder,
    width: int,
    stages: Stages,
    slice_rows: int,
) -> None:
    """Write the graph of a folder as its index finds it: packed neighbours [rows, width].

    Queries go in the order of the lists, since those of one list probe the same lists. One slice of
    the index answers all queries before the next one does: then a process holds one slice, and what
    was found is on disk once or twice.
    """
    rows = index.facts.rows
    order = index.list_order()
    slices = list(row_blocks(rows, slice_rows))
    if index.facts.kind == "hnsw":  # its links lead anywhere
        slices = [slice(0, rows)]
    names = [f"neighbours-{number + 1}-of-{len(slices)}" for number in range(len(slices))]
    for number in range(_first_to_search(names, stages), len(slices)):
        start, stop = slices[number].start, slices[number].stop
        searched = IndexSlice(folder.vectors, folder.index, index.facts, start, stop)
        previous = parts_of(stages, names[number - 1], rows) if number else None
        map_rows(stages, names[number], search_slice, rows, order, searched, width, previous)
        if previous:
            stages.drop(names[number - 1])
    _open_slice.cache_clear()  # this process searches no more
    _write_in_order(order, parts_of(stages, names[-1], rows), folder.graph, width)


def _first_to_search(names: list[str], stages: Stages) -> int:
    """Return the slice that a killed run had come to; what it found in those before is merged."""
    begun = [number for number, name in enumerate(names) if stages.has_begun(name)]
    return max(begun, default=0)


def rows_per_slice(dim: int, memory_mib: float) -> int:
    """Return the rows of a slice: float32 vectors and codes, twice while these are repacked."""
    row_bytes = 4 * dim + dim + 32
    return max(MIN_SLICE_ROWS, int(SLICE_SHARE * memory_mib * 2**20) // row_bytes)


def search_slice(
    rows: slice,
    order: Rows,
    index_slice: IndexSlice,
    width: int,
    previous: Parts | None,
) -> dict[str, Packed]:
    """Return the packed neighbours [queries, width] of some queries in this slice and those before.

    The queries are the stored rows order[rows]; none is its own neighbour. With one thread, as
    every engine does.
    """
    queries = order[rows]
    stored = open_npy(index_slice.vectors)
    packed = np.empty((len(queries), width), np.uint64)
    with threadpool_limits(1):
        index = _open_slice(index_slice)
        blocks = max(1, len(queries) // QUERY_BLOCK)
        for block in np.array_split(np.arange(len(queries)), blocks):
            vectors = unit_rows(stored[queries[block]])
            packed[block] = _neighbours(index, vectors, queries[block], width)
    if previous:
        packed = packing.merge([packed, previous.open("packed", rows.start)], width)
    return {"packed": packed}


@lru_cache(maxsize=1)  # one process searches one slice for many queries
def _open_slice(index_slice: IndexSlice) -> VectorIndex:
    stored = open_npy(index_slice.vectors)
    index = VectorIndex.open(index_slice.saved, index_slice.facts, stored)
    return index.slice(index_slice.start, index_slice.stop)


def _neighbours(
    index: VectorIndex,
    vectors: Vectors,
    rows: Rows,
    width: int,
) -> Packed:
    """Return the packed neighbours [rows, width] of rows of the index, none being its own."""
    found = index.search_packed(vectors, width + 1)
    found[packing.rows_of(found) == rows[:, None]] = packing.NONE
    no_neighbours = np.full((len(rows), width), packing.NONE)
    return packing.merge([found, no_neighbours], width)


def _write_in_order(
    order: Rows,
    found: Parts,
    path: Path,
    width: int,
) -> None:
    """Write packed neighbours in the order of the rows.

    Through a mapping, for which the disk is sure to have room.
    """
    growing = path.with_suffix(".growing")
    head = npy_header((len(order), width), packing.DTYPE)
    files.allocate(growing, head, len(order) * width * packing.NONE.itemsize)
    for rows in found:
        graph = np.load(growing, mmap_mode="r+", allow_pickle=False)
        graph[order[rows]] = found.open("packed", rows.start)
        graph.flush()
        del graph  # lets its pages go
    files.move_file(growing, path)
