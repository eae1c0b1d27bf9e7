"""Build an index as tasks: learn its lists once, add rows shard by shard, merge the shards."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from simrec.arrays import open_npy
from simrec.config import IndexConfig
from simrec.index import faiss_kinds, inverted_lists
from simrec.index.index_facts import IndexFacts
from simrec.index.tuning import tune
from simrec.index.vector_index import VectorIndex
from simrec.index.vectors import unit_rows
from simrec.tasks.rows import Parts, map_rows, run_whole
from simrec.tasks.stages import Stages

logger = logging.getLogger(__name__)

# A multiple of the rows that FAISS adds at once: merged shards equal an index filled at once.
SHARD_ROWS = 1 << 17


def build_index(
    vectors: Path,
    config: IndexConfig,
    k: int,
    stages: Stages,
    shard_rows: int = SHARD_ROWS,
) -> VectorIndex:
    """Return an index over stored vectors [rows, dim], tuned for recall@k, whatever the engine.

    Where `auto` chose codes, and these do not tell the nearest rows apart however many lists are
    searched, the lists hold whole vectors instead, if memory allows.
    """
    rows, dim = open_npy(vectors).shape
    kind = faiss_kinds.choose(rows, dim, config)
    if kind == "exact":
        return VectorIndex.exact(open_npy(vectors))
    built = _built(kind, vectors, stages, shard_rows)
    index = _tuned(kind, built, vectors, config.recall_target, k)
    other_kind = faiss_kinds.fallback(rows, dim, config)
    if index.facts.recall >= config.recall_target or other_kind is None:
        return index
    sentence = "index: codes of 4 bits reach a recall of %.3f of %.3f: lists hold whole vectors"
    logger.warning(sentence, index.facts.recall, config.recall_target)
    built = _built(other_kind, vectors, stages, shard_rows, suffix="-flat")
    return _tuned(other_kind, built, vectors, config.recall_target, k)


def _built(kind: str, vectors: Path, stages: Stages, shard_rows: int, suffix: str = "") -> Any:
    """Return the FAISS index of all rows; its stages are named with the suffix."""
    rows = len(open_npy(vectors))
    trained = run_whole(stages, f"train{suffix}", train, rows, vectors, kind)
    if kind == "hnsw":  # cannot be merged, and was built whole
        return faiss_kinds.from_array(trained.open("index"))
    add = f"add{suffix}"
    shards = map_rows(stages, add, add_shard, rows, vectors, trained, part_rows=shard_rows)
    return inverted_lists.merge(faiss_kinds.from_array(shard) for shard in shards.blocks("index"))


def _tuned(kind: str, built: Any, vectors: Path, recall_target: float, k: int) -> VectorIndex:
    stored = open_npy(vectors)
    rows, dim = stored.shape
    nlist = faiss_kinds.nlist(built)
    facts = IndexFacts(kind, rows, dim, lists=nlist, learned_rows=rows)
    fastest = VectorIndex(faiss_kinds.to_fastscan(built), stored, facts)
    tuned = tune(fastest, recall_target, k)
    return VectorIndex(built, stored, tuned.facts)


def train(rows: slice, vectors: Path, kind: str) -> dict[str, NDArray[np.uint8]]:
    """Learn the lists and codes from a sample of all rows, or build HNSW over them.

    With one thread, as every engine does, so that all build the same.
    """
    stored = open_npy(vectors)
    with threadpool_limits(1):
        if kind == "hnsw":
            index = faiss_kinds.build_hnsw(unit_rows(stored))
        else:
            sampled = unit_rows(stored[faiss_kinds.training_rows(len(stored))])
            index = faiss_kinds.train_ivf(kind, len(stored), sampled)
    return {"index": faiss_kinds.to_array(index)}


def add_shard(rows: slice, vectors: Path, trained: Parts) -> dict[str, NDArray[np.uint8]]:
    """Add the vectors of some rows to the learned lists, which hold no others."""
    index = faiss_kinds.from_array(trained.open("index"))
    added = unit_rows(open_npy(vectors)[rows])
    with threadpool_limits(1):
        index.add_with_ids(added, np.arange(rows.start, rows.stop))
    return {"index": faiss_kinds.to_array(index)}
