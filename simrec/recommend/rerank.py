"""Reranking: the nearest rows of the kNN graph in order of the hybrid score."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Rows, row_blocks
from simrec.index.knn_graph import KnnGraph
from simrec.index.neighbours import Neighbours
from simrec.recommend.hybrid import ScorerFiles
from simrec.tasks.rows import Parts, map_rows
from simrec.tasks.stages import Stages

BLOCK_ROWS = 2_048  # scored at once; after them the pages of mapped term vectors are let go


@dataclass(frozen=True)
class RankedCandidates:
    """The candidates of all rows, in order of the hybrid score."""

    parts: Parts

    def duplicates(self) -> Rows:
        """Return the pairs of rows that are near-duplicates, [pairs, 2]."""
        return self.parts.read("duplicates")

    def between(self, start: int, stop: int) -> Neighbours:
        """Return the candidates of the rows from start to stop."""
        rows = self.parts.between("rows", start, stop).astype(np.int64)
        scores = self.parts.between("scores", start, stop)
        return Neighbours(rows, scores)

    def take(self, rows: Rows, k: int) -> Neighbours:
        """Return the first k candidates of some rows, which are ascending."""
        candidates = self.parts.take("rows", rows).astype(np.int64)
        scores = self.parts.take("scores", rows)
        return Neighbours(candidates, scores).first(k)


def rerank(files: ScorerFiles, k: int, stages: Stages) -> RankedCandidates:
    """Score the k nearest rows of every row of a release."""
    rows = len(KnnGraph.open(files.release.graph))
    return RankedCandidates(map_rows(stages, "rerank", rerank_rows, rows, files, k))


def rerank_rows(rows: slice, files: ScorerFiles, k: int) -> dict[str, NDArray[Any]]:
    """Return the candidates of rows with their scores, and the pairs that are near-duplicates."""
    graph = KnnGraph.open(files.release.graph)
    blocks = []
    for block in row_blocks(rows.stop, BLOCK_ROWS, rows.start):
        blocks.append(_rerank_block(block, graph, files, k))
    arrays = {}
    for name in blocks[0]:
        arrays[name] = np.concatenate([block[name] for block in blocks])
    return arrays


def _rerank_block(
    block: slice, graph: KnnGraph, files: ScorerFiles, k: int
) -> dict[str, NDArray[Any]]:
    scorer = files.open()
    seeds = np.arange(block.start, block.stop)
    nearest, cosines = graph.between(block.start, block.stop, k)
    scores = scorer.scores(cosines, seeds, nearest)
    are_duplicates = scorer.are_duplicates(cosines, scores)
    are_duplicates &= nearest >= 0
    seed, rank = np.nonzero(are_duplicates)
    duplicates = np.column_stack([seeds[seed], nearest[seed, rank]])
    candidates = Neighbours.ranked(nearest, scores)
    return {
        "rows": candidates.rows.astype(np.int32),
        "scores": candidates.scores,
        "duplicates": duplicates,
    }
