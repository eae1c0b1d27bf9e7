"""Making an index by tasks: lists are learned once, shards of rows are filled into them, and shards are merged."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from simrec.arrays import open_npy
from simrec.config import IndexConfig
from simrec.index import faiss_kinds
from simrec.index.index_facts import IndexFacts
from simrec.index.vector_index import Index
from simrec.index.vectors import unit_rows
from simrec.tasks.stages import Stages

SHARD_ROWS = (
    1 << 17
)  # a multiple of what FAISS adds at once: shards merged are an index that was filled at once


class Shard(NamedTuple):
    """The rows from start to stop of the stored vectors, to be filled into the lists that were learned."""

    path: Path
    learned: Path
    vectors: Path
    start: int
    stop: int

    def __str__(self) -> str:
        return str(self.path)


class Learned(NamedTuple):
    """The lists of an index over the stored vectors, without rows."""

    path: Path
    vectors: Path
    kind: str

    def __str__(self) -> str:
        return str(self.path)


def build_index(vectors: Path, config: IndexConfig, k: int, stages: Stages) -> Index:
    """Return an index over stored vectors [rows, dim], tuned for recall@k; all engines make the same."""
    stored = open_npy(vectors)
    rows, dim = stored.shape
    kind = faiss_kinds.choose(rows, dim, config)
    if kind == "exact":
        return Index.exact(stored)
    learned = stages.part("learn", 0, ".faiss")
    stages.run("learn", learn, [Learned(learned, vectors, kind)], rows)
    if kind == "hnsw":  # cannot be merged, and was built whole
        built = faiss_kinds.read(learned)
    else:
        cuts = enumerate(range(0, rows, SHARD_ROWS))
        tasks = [
            Shard(
                stages.part("fill", n, ".faiss"),
                learned,
                vectors,
                start,
                min(start + SHARD_ROWS, rows),
            )
            for n, start in cuts
        ]
        stages.run("fill", fill, tasks, rows)
        built = faiss_kinds.merge_shards([task.path for task in tasks])
    return Index.tuned_from(
        built, stored, IndexFacts(kind, rows, dim, lists=faiss_kinds.nlist(built)), config, k
    )


def learn(task: Learned) -> int:
    """Learn lists and codes from a sample of the rows; with one thread, as all engines do."""
    stored = open_npy(task.vectors)
    if not task.path.exists():
        with threadpool_limits(1):
            if task.kind == "hnsw":
                index = faiss_kinds.build_hnsw(unit_rows(stored))
            else:
                index = faiss_kinds.train_ivf(
                    task.kind, len(stored), unit_rows(stored[faiss_kinds.sample(len(stored))])
                )
        faiss_kinds.write(index, task.path)
    return len(stored)


def fill(task: Shard) -> int:
    """Write a shard: its rows in the lists they belong to."""
    if not task.path.exists():
        stored = open_npy(task.vectors)
        index = faiss_kinds.read(task.learned)
        with threadpool_limits(1):
            index.add_with_ids(
                unit_rows(stored[task.start : task.stop]), np.arange(task.start, task.stop)
            )
        faiss_kinds.write(index, task.path)
    return task.stop - task.start
