"""Makes the index and the neighbour graph of a release: from the release before where little changed, else anew."""

import json
import logging
from collections.abc import Sequence
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from simrec import files
from simrec.arrays import open_npy
from simrec.config import IndexConfig
from simrec.index import build, faiss_kinds, knn_graph
from simrec.index.incremental import RowChange, diff_rows, update_knn_graph
from simrec.index.index_facts import IndexFacts
from simrec.index.knn_graph import SPARE, KnnGraph
from simrec.index.vector_index import Index
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages

logger = logging.getLogger(__name__)

MOST_CHANGED = 0.2  # of the rows: beyond it a graph from scratch costs no more
MOST_NEW = 1 << 18  # rows: beyond it to compare them with all costs more than to search for all
MOST_SINCE_LEARNED = 0.5  # of the rows the lists were learned from


class PreviousIndex(NamedTuple):
    """A release of the same encoder: its folder, its ids in order, and the facts of its index."""

    folder: ReleaseFolder
    ids: Sequence[str]
    facts: IndexFacts


def refresh(
    staged: ReleaseFolder,
    ids: Sequence[str],
    before: PreviousIndex | None,
    config: IndexConfig,
    k: int,
    stages: Stages,
) -> str:
    """Write index and graph over the staged vectors, tuned for recall@k; return a sentence.

    ids are those of the rows, in order. A run that was killed goes on where it was.
    """
    changed = _little_changed(before, ids, staged, config) if before else None
    with threadpool_limits(
        1
    ):  # or sums, and with them what was tuned, could differ from machine to machine
        index = _index(staged, before, changed, config, k, stages)
    if before and changed and _same_rules(before, index.facts):
        update_knn_graph(
            before.folder.graph,
            staged.vectors,
            changed,
            config.candidates,
            staged.graph,
            stages,
        )
        how = f"{len(changed.new):,} new rows and {int((changed.place < 0).sum()):,} gone"
    else:
        knn_graph.build_knn_graph(index, staged, config.candidates, stages, config.memory_mib)
        how = "from scratch"
    facts = index.facts
    measured = f"recall@{facts.recall_k} {facts.recall:.3f} ({facts.recall_low:.3f} to {facts.recall_high:.3f})"
    return f"{facts.kind} index, {'recall 1' if facts.kind == 'exact' else measured}, {how}"


def _little_changed(
    before: PreviousIndex, ids: Sequence[str], staged: ReleaseFolder, config: IndexConfig
) -> RowChange | None:
    kind = faiss_kinds.choose(len(ids), before.facts.dim, config)
    graph = before.folder.graph
    if (
        not graph.exists()
        or kind != before.facts.kind
        or KnnGraph.open(graph).width != config.candidates + SPARE
    ):
        return None
    changed = diff_rows(before.ids, ids, open_npy(before.folder.vectors), open_npy(staged.vectors))
    return changed if changed.share <= MOST_CHANGED and len(changed.new) <= MOST_NEW else None


def _index(
    staged: ReleaseFolder,
    before: PreviousIndex | None,
    changed: RowChange | None,
    config: IndexConfig,
    k: int,
    stages: Stages,
) -> Index:
    """Return the index that a killed run has saved, or that of before with the change, or a new one."""
    if staged.index_facts.exists():
        facts = IndexFacts.from_dict(json.loads(staged.index_facts.read_bytes()))
        return Index.open(staged.index, facts, open_npy(staged.vectors))
    index = None
    if before and changed:
        index = Index.open(before.folder.index, before.facts, open_npy(before.folder.vectors))
        index = index.changed(
            changed.place, open_npy(staged.vectors), changed.new
        ).with_measured_recall(k)
        if index.facts.recall < config.recall_target:
            index = index.tuned(config.recall_target, k)
        facts = index.facts
        if (
            facts.recall < config.recall_target
            or facts.changed > MOST_SINCE_LEARNED * facts.learned_rows
        ):
            logger.info(
                "index: recall %.3f after %d changes; it is learned anew",
                facts.recall,
                facts.changed,
            )
            index = None
    index = index or build.build_index(staged.vectors, config, k, stages)
    index.save(staged.index)
    files.write_json(staged.index_facts, index.facts.as_dict())
    return index


def _same_rules(before: PreviousIndex, facts: IndexFacts) -> bool:
    """Tell whether the graph of before is as good as one from scratch: exact, or of the lists that are still used."""
    return facts.kind == "exact" or facts.learned_rows == before.facts.learned_rows
