"""The kNN graph: the nearest rows of every row, scored exactly, on disk."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simrec import log
from simrec.arrays import open_npy, write_npy
from simrec.errors import ReleaseError
from simrec.index import packing
from simrec.index.all_pairs import all_pairs
from simrec.index.exact import rank_candidates
from simrec.index.knn_search import rows_per_slice, search_all
from simrec.index.neighbours import Neighbours
from simrec.index.packing import Packed
from simrec.index.vector_index import VectorIndex
from simrec.index.vectors import Rows, unit_rows
from simrec.release_folder import ReleaseFolder
from simrec.tasks.rows import run_whole
from simrec.tasks.stages import Stages

SPARE = 28  # neighbours kept beyond k, so that a deleted one seldom costs a search
MAX_ALL_PAIRS_ROWS = 250_000  # beyond it the waiting candidates would take over a gigabyte
BLOCK_ROWS = 1 << 15


class KnnGraph:
    """The neighbours of every row, best first: packed [rows, width]; short lines end with NONE."""

    def __init__(self, packed: Packed) -> None:
        self.packed = packed

    @classmethod
    def open(cls, path: Path) -> "KnnGraph":
        """Map a graph. ReleaseError if it is not whole."""
        try:
            return cls(np.load(path, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise ReleaseError(f"{path}: not a whole kNN graph ({error})") from error

    def __len__(self) -> int:
        return len(self.packed)

    @property
    def width(self) -> int:
        """The number of neighbours that a row has at most."""
        return int(self.packed.shape[1])

    def between(
        self,
        start: int,
        stop: int,
        k: int,
    ) -> Neighbours:
        """Return the first k neighbours of the rows from start to stop."""
        return Neighbours.unpacked(np.asarray(self.packed[start:stop, :k]))

    def take(self, rows: Rows, k: int) -> Neighbours:
        """Return the first k neighbours of some rows."""
        return Neighbours.unpacked(np.asarray(self.packed[rows, :k]))

    def blocks(self, k: int, block_rows: int = BLOCK_ROWS) -> Iterator[Neighbours]:
        """Yield the first k neighbours of all rows, block by block, in order."""
        for start in range(0, len(self), block_rows):
            yield self.between(start, start + block_rows, k)


def build_knn_graph(
    index: VectorIndex,
    folder: ReleaseFolder,
    k: int,
    stages: Stages,
    memory_mib: float,
    max_all_pairs_rows: int = MAX_ALL_PAIRS_ROWS,
) -> KnnGraph:
    """Write the graph of a folder: k neighbours of each of its rows, and SPARE more.

    The index is that over the stored vectors, and saved beside them unless it is exact. memory_mib
    is what one process may use. A run that was killed goes on where it was.
    """
    rows = index.facts.rows
    width = k + SPARE
    if index.is_exact and rows <= max_all_pairs_rows:
        parts = run_whole(stages, "neighbours", compare_all, rows, folder.vectors, width)
        write_npy(folder.graph, parts.blocks("packed"), (rows, width), packing.DTYPE)
    else:
        search_all(index, folder, width, stages, rows_per_slice(index.facts.dim, memory_mib))
    return KnnGraph.open(folder.graph)


def compare_all(rows: slice, vectors: Path, width: int) -> dict[str, Packed]:
    """Return the packed neighbours [rows, width] of all rows, with any number of threads."""
    matrix = unit_rows(open_npy(vectors))
    packed = np.empty((len(matrix), width), np.uint64)
    with log.progress("neighbours", len(matrix)) as bar:
        for block, candidates in all_pairs(matrix, width + packing.SLACK):
            packed[block] = rank_candidates(matrix[block], candidates, matrix, width)
            bar.update(len(block))
    return {"packed": packed}
