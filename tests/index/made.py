"""Builds indexes and graphs of rows in memory, as the step does for those of a release."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import write_npy
from simrec.config import IndexConfig
from simrec.index.build import build_index
from simrec.index.knn_graph import MAX_ALL_PAIRS_ROWS, KnnGraph, build_knn_graph
from simrec.index.vector_index import VectorIndex
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Run, Stages, in_turn


def index_of(
    matrix: NDArray[np.float32], config: IndexConfig, k: int, folder: Path, max_part_rows: int = 0
) -> VectorIndex:
    """An index over unit rows, with what its making left in the folder."""
    folder.mkdir(exist_ok=True)
    vectors = ReleaseFolder(folder).vectors
    write_npy(vectors, [matrix], matrix.shape, matrix.dtype.str)
    return build_index(vectors, config, k, stages(folder, max_part_rows))


def graph_of(
    index: VectorIndex,
    k: int,
    folder: Path,
    memory_mib: float = 4_096,
    max_part_rows: int = 0,
    max_all_pairs_rows: int = MAX_ALL_PAIRS_ROWS,
) -> KnnGraph:
    """The graph of an index that was built in the folder."""
    there = ReleaseFolder(folder)
    index.save(there.index)
    parts = stages(folder, max_part_rows)
    return build_knn_graph(index, there, k, parts, memory_mib, max_all_pairs_rows)


def stages(folder: Path, max_part_rows: int = 0) -> Stages:
    """Run tasks here, one after the other, in parts of at most so many rows."""
    folder.mkdir(exist_ok=True)
    return Stages(in_turn, folder / "parts", "a test", max_part_rows)


def killed(ran: list[str], after: int) -> Run:
    """Run tasks in turn and note them, until so many have been noted."""

    def run(work: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        for task in tasks:
            if len(ran) == after:
                raise KeyboardInterrupt
            ran.append("/".join(task.path.parts[-2:]))
            yield work(task)

    return run
