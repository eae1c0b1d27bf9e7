"""Make the index and the kNN graph of a release, from the previous one where little changed."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from simrec.arrays import open_npy
from simrec.config import IndexConfig
from simrec.index import faiss_kinds
from simrec.index.build import build_index
from simrec.index.incremental import RowChange, diff_rows, update_knn_graph
from simrec.index.index_facts import IndexFacts
from simrec.index.knn_graph import SPARE, KnnGraph, build_knn_graph
from simrec.index.tuning import tune, with_measured_recall
from simrec.index.vector_index import VectorIndex
from simrec.index.word_graph import build_word_graph, update_word_graph
from simrec.lexical.tfidf import TfIdf
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages

logger = logging.getLogger(__name__)

MAX_CHANGE = 0.2  # of the rows; beyond it a graph from scratch costs no more
MAX_NEW_ROWS = 1 << 18  # beyond it comparing them with all costs more than searching for all
MAX_LISTS_CHANGE = 0.5  # of the rows that the lists were learned from


class PreviousIndex(NamedTuple):
    """A release of the same encoder: its folder, its ids in order, and the facts of its index."""

    folder: ReleaseFolder
    ids: Sequence[str]
    facts: IndexFacts


def refresh(
    staged: ReleaseFolder,
    ids: Sequence[str],
    previous: PreviousIndex | None,
    config: IndexConfig,
    k: int,
    stages: Stages,
) -> str:
    """Write index and graph over the staged vectors, tuned for recall@k; return a sentence.

    ids are those of the rows, in order. A run that was killed goes on where it was.
    """
    change = _small_change(previous, ids, staged, config) if previous else None
    # With more threads sums, and so the tuning, could differ from machine to machine.
    with threadpool_limits(1):
        index = _staged_index(staged, previous, change, config, k, stages)
    if previous and change and _is_graph_reusable(previous, index.facts):
        graph = previous.folder.graph
        update_knn_graph(graph, staged.vectors, change, staged.graph, stages)
        how = f"{len(change.new_rows):,} new rows and {change.gone:,} gone"
    else:
        build_knn_graph(index, staged, config.candidates, stages, config.memory_mib)
        how = "from scratch"
    return f"{index.facts.kind} index, {_recall(index.facts)}, {how}"


def refresh_word_graph(
    staged: ReleaseFolder,
    ids: Sequence[str],
    previous: PreviousIndex | None,
    k: int,
    stages: Stages,
) -> str:
    """Write the word graph over the staged terms, k neighbours of each row; return a clause."""
    change = _small_word_change(previous, ids, staged, k) if previous else None
    if previous and change:
        update_word_graph(staged, previous.folder, change, k, stages)
        return f"; of words, {len(change.new_rows):,} new rows and {change.gone:,} gone"
    build_word_graph(staged, k, stages)
    return "; of words, from scratch"


def _small_word_change(
    previous: PreviousIndex,
    ids: Sequence[str],
    staged: ReleaseFolder,
    k: int,
) -> RowChange | None:
    """Return how the rows of terms changed, or None where the previous word graph is no use."""
    folder = previous.folder
    if not folder.word_graph.exists() or KnnGraph.open(folder.word_graph).width != k + SPARE:
        return None
    if TfIdf.open(folder.tfidf).id != TfIdf.open(staged.tfidf).id:
        return None
    change = diff_rows(previous.ids, ids, open_npy(folder.terms), open_npy(staged.terms))
    return None if change.share > MAX_CHANGE else change


def _recall(facts: IndexFacts) -> str:
    if facts.kind == "exact":
        return "recall 1"
    interval = f"{facts.recall_low:.3f} to {facts.recall_high:.3f}"
    return f"recall@{facts.recall_k} {facts.recall:.3f} ({interval})"


def _small_change(
    previous: PreviousIndex,
    ids: Sequence[str],
    staged: ReleaseFolder,
    config: IndexConfig,
) -> RowChange | None:
    """Return how the rows changed, or None where the previous graph is no use."""
    graph = previous.folder.graph
    if not graph.exists() or KnnGraph.open(graph).width != config.candidates + SPARE:
        return None
    kind, rows, dim = previous.facts.kind, len(ids), previous.facts.dim
    if kind not in (faiss_kinds.choose(rows, dim, config), faiss_kinds.fallback(rows, dim, config)):
        return None
    stored = open_npy(previous.folder.vectors)
    change = diff_rows(previous.ids, ids, stored, open_npy(staged.vectors))
    if change.share > MAX_CHANGE or len(change.new_rows) > MAX_NEW_ROWS:
        return None
    return change


def _staged_index(
    staged: ReleaseFolder,
    previous: PreviousIndex | None,
    change: RowChange | None,
    config: IndexConfig,
    k: int,
    stages: Stages,
) -> VectorIndex:
    """Return the index that a killed run saved, or the previous one updated, or a new one."""
    if (staged.index_facts).exists():
        facts = IndexFacts.read(staged.index_facts)
        return VectorIndex.open(staged.index, facts, open_npy(staged.vectors))
    index = None
    if previous and change:
        index = _updated_index(staged, previous, change, config, k)
    if index is None:
        index = build_index(staged.vectors, config, k, stages)
    index.save(staged.index)
    index.facts.write(staged.index_facts)
    return index


def _updated_index(
    staged: ReleaseFolder,
    previous: PreviousIndex,
    change: RowChange,
    config: IndexConfig,
    k: int,
) -> VectorIndex | None:
    """Return the previous index updated, or None where its lists have to be learned anew."""
    stored = open_npy(previous.folder.vectors)
    index = VectorIndex.open(previous.folder.index, previous.facts, stored)
    index = index.updated(change.current_row, open_npy(staged.vectors), change.new_rows)
    index = with_measured_recall(index, k)
    if index.facts.recall < config.recall_target:
        index = tune(index, config.recall_target, k)
    facts = index.facts
    if facts.recall >= config.recall_target and not _is_outgrown(facts):
        return index
    sentence = "index: recall %.3f after %d changes; it is learned anew"
    logger.info(sentence, facts.recall, facts.changed)
    return None


def _is_outgrown(facts: IndexFacts) -> bool:
    """Tell whether so many rows came or went that the lists have to be learned anew."""
    return facts.changed > MAX_LISTS_CHANGE * facts.learned_rows


def _is_graph_reusable(previous: PreviousIndex, facts: IndexFacts) -> bool:
    """Tell whether the previous graph is as good as a new one: exact, or of the same lists."""
    return facts.kind == "exact" or facts.learned_rows == previous.facts.learned_rows
