"""Makes indexes and graphs of rows in memory, as the step does of those of a release."""

from pathlib import Path

import numpy as np

from simrec.arrays import write_npy
from simrec.config import IndexConfig
from simrec.index import build, knn_graph
from simrec.index.vector_index import Index
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages, in_turn


def index_of(matrix: np.ndarray, config: IndexConfig, k: int, folder: Path) -> Index:
    """An index over unit rows, with what its making left in the folder."""
    folder.mkdir(exist_ok=True)
    write_npy(folder / "vectors.npy", [matrix], matrix.shape, matrix.dtype.str)  # type: ignore[arg-type]
    return build.build_index(folder / "vectors.npy", config, k, stages(folder))


def graph_of(index: Index, k: int, folder: Path, memory_mib: int = 4_096) -> knn_graph.KnnGraph:
    """The graph of an index that was made in the folder."""
    index.save(folder / "index.faiss")
    return knn_graph.build_knn_graph(index, ReleaseFolder(folder), k, stages(folder), memory_mib)


def stages(folder: Path) -> Stages:
    """Run tasks here, one after the other."""
    folder.mkdir(exist_ok=True)
    return Stages(in_turn, folder / "parts", "a test")
