"""The neighbour graph: the nearest rows of every row, scored exactly, on disk as it grows."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simrec import files, log
from simrec.arrays import open_npy, write_npy
from simrec.errors import ReleaseError
from simrec.index import packing
from simrec.index.all_pairs import all_pairs
from simrec.index.knn_search import PACKED, PART, ask_all
from simrec.index.vector_index import Index, rank
from simrec.index.vectors import unit_rows
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages

SPARE = 28  # neighbours beyond those asked for, so that one that is deleted seldom has to be searched for anew
ALL_PAIRS_UP_TO = 250_000  # rows: beyond it what waits for its turn would be over a gigabyte


class KnnGraph:
    """The neighbours of every row, best first: packed [rows, width], NONE at the end where there are fewer."""

    def __init__(self, packed: np.ndarray) -> None:
        self.packed = packed

    @classmethod
    def open(cls, path: Path) -> "KnnGraph":
        """Open a graph, mapped. ReleaseError if it is none."""
        try:
            packed = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ReleaseError(f"{path}: no whole neighbour graph ({error})") from error
        return cls(packed)

    @property
    def width(self) -> int:
        return int(self.packed.shape[1])

    def rows(self, k: int) -> np.ndarray:
        """Return the first k neighbours of all rows, int64 [rows, k], -1 for none."""
        return packing.rows_of(np.asarray(self.packed[:, :k]))

    def of(self, rows: np.ndarray, k: int) -> np.ndarray:
        """Return the first packed neighbours of some rows, [rows, k]."""
        return np.asarray(self.packed[rows, :k])

    def blocks(self, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield neighbours (int64 rows, -1 for none, and float32 cosines, each [b, k]) of all rows in order."""
        for start in range(0, len(self.packed), PART):
            packed = np.asarray(self.packed[start : start + PART, :k])
            yield packing.rows_of(packed), packing.cosines_of(packed)


def build_knn_graph(
    index: Index, folder: ReleaseFolder, k: int, stages: Stages, memory_mib: int
) -> KnnGraph:
    """Write the graph of a folder: of all its rows, with k neighbours each and some to spare.

    index is the one over the stored vectors, and saved beside them unless it is exact. A killed run goes
    on where it was. memory_mib is what one process may use.
    """
    rows, width = index.facts.rows, k + SPARE
    if index.facts.kind == "exact" and rows <= ALL_PAIRS_UP_TO:
        task = AllPairs(stages.part("neighbours", 0), folder.vectors, width)
        stages.run("neighbours", compare_all, [task], rows)
        files.move_file(task.path, folder.graph)
    else:
        ask_all(index, folder, width, stages, memory_mib)
    return KnnGraph.open(folder.graph)


class AllPairs(NamedTuple):
    """All rows of the stored vectors, and how many neighbours are kept of each."""

    path: Path
    vectors: Path
    width: int

    def __str__(self) -> str:
        return str(self.path)


def compare_all(task: AllPairs) -> int:
    """Write the packed neighbours [rows, width] of all rows; the same with any number of threads."""
    stored = open_npy(task.vectors)
    if not task.path.exists():
        matrix, packed = unit_rows(stored), np.empty((len(stored), task.width), np.uint64)
        with log.progress("neighbours", len(stored)) as bar:
            for block, found in all_pairs(matrix, task.width + packing.SLACK):
                packed[block] = rank(matrix[block], packing.rows_of(found), matrix, task.width)
                bar.update(len(block))
        write_npy(task.path, [packed], packed.shape, PACKED)
    return len(stored)


def pairs(graph: KnnGraph, k: int) -> Iterator[tuple[int, int, int, float]]:
    """Yield (row, rank from 1, neighbour row, cosine) of the first k neighbours, in order."""
    row = 0
    for found, cosines in graph.blocks(k):
        kept = (found >= 0).sum(axis=1)
        for others, scores, count in zip(
            found.tolist(), cosines.tolist(), kept.tolist(), strict=True
        ):
            for place in range(count):
                yield row, place + 1, others[place], round(scores[place], packing.DECIMALS)
            row += 1
