"""Reranking: what vectors and words find for every article, in order of the hybrid score."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, row_blocks
from simrec.index.knn_graph import KnnGraph
from simrec.index.neighbours import Neighbours
from simrec.recommend.hybrid import HybridScorer, ScorerFiles
from simrec.tasks.rows import Parts, map_rows
from simrec.tasks.stages import Stages

BLOCK_ROWS = 2_048  # scored at once; after them the pages of mapped term vectors are let go
HOPS = 12  # nearest of the nearest are candidates as well: so many of so many


@dataclass(frozen=True)
class Depth:
    """How many candidates of an article are found by vectors and by words; the former are kept."""

    vectors: int
    words: int


@dataclass(frozen=True)
class RankedCandidates:
    """The candidates of all rows, in order of a score."""

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

    def closest(self, k: int) -> NDArray[np.int32]:
        """Return the first k candidates of all rows, [rows, k]."""
        return np.concatenate([block[:, :k] for block in self.parts.blocks("rows")])


def rerank(
    files: ScorerFiles,
    depth: Depth,
    stages: Stages,
) -> RankedCandidates:
    """Score what vectors and words find for every row of a release, without smoothing."""
    rows = len(KnnGraph.open(files.release.graph))
    return RankedCandidates(map_rows(stages, "rerank", rerank_rows, rows, files, depth))


def rerank_rows(
    rows: slice,
    files: ScorerFiles,
    depth: Depth,
) -> dict[str, NDArray[Any]]:
    """Return the candidates of rows with their scores, and the pairs that are near-duplicates."""
    scorer = files.open_raw()
    blocks = []
    for block in row_blocks(rows.stop, BLOCK_ROWS, rows.start):
        blocks.append(_rerank_block(block, files, scorer, depth))
    return _concatenate(blocks)


def _rerank_block(
    block: slice,
    files: ScorerFiles,
    scorer: HybridScorer,
    depth: Depth,
) -> dict[str, NDArray[Any]]:
    seeds = np.arange(block.start, block.stop)
    graph = KnnGraph.open(files.release.graph)
    nearest, cosines = graph.between(block.start, block.stop, depth.vectors)
    if scorer.weight:
        words = KnnGraph.open(files.release.word_graph)
        by_words = words.between(block.start, block.stop, depth.words).rows
        by_words[is_among(by_words, nearest)] = -1
        more_cosines = scorer.texts.cosines(seeds, by_words)
        nearest = np.column_stack([nearest, by_words])
        cosines = np.column_stack([cosines, more_cosines])
    scores = scorer.raw_scores(cosines, seeds, nearest)
    are_duplicates = scorer.are_duplicates(cosines, scores)
    are_duplicates &= nearest >= 0
    seed, rank = np.nonzero(are_duplicates)
    candidates = Neighbours.ranked(nearest, scores, depth.vectors)
    return {
        "rows": candidates.rows.astype(np.int32),
        "scores": candidates.scores,
        "duplicates": np.column_stack([seeds[seed], nearest[seed, rank]]),
    }


def rescore(
    files: ScorerFiles,
    candidates: RankedCandidates,
    depth: Depth,
    stages: Stages,
) -> RankedCandidates:
    """Score by the whole score what was found, the nearest of the nearest, and what was clicked."""
    closest = candidates.closest(HOPS)
    rows = len(closest)
    parts = map_rows(
        stages, "rescore", rescore_rows, rows, files, candidates, closest, depth.vectors
    )
    return RankedCandidates(parts)


def rescore_rows(
    rows: slice,
    files: ScorerFiles,
    candidates: RankedCandidates,
    closest: Rows,
    k: int,
) -> dict[str, NDArray[Any]]:
    """Return the k best candidates of rows with their scores."""
    scorer = files.open()
    blocks = []
    for block in row_blocks(rows.stop, BLOCK_ROWS, rows.start):
        blocks.append(_rescore_block(block, scorer, candidates, closest, k))
    return _concatenate(blocks)


def _rescore_block(
    block: slice,
    scorer: HybridScorer,
    candidates: RankedCandidates,
    closest: Rows,
    k: int,
) -> dict[str, NDArray[Any]]:
    seeds = np.arange(block.start, block.stop)
    found, raw = candidates.between(block.start, block.stop)
    more = nearest_of_nearest(seeds, closest)
    if scorer.clicks:
        partners = scorer.clicks.partners(seeds)
        partners[is_among(partners, more)] = -1
        more = np.column_stack([more, partners])
    more[is_among(more, found)] = -1
    cosines = scorer.texts.cosines(seeds, more)
    every = np.column_stack([found, more])
    raw = np.column_stack([raw, scorer.raw_scores(cosines, seeds, more)])
    scores = scorer.whole_scores(raw, seeds, every)
    ranked = Neighbours.ranked(every, scores, k)
    return {"rows": ranked.rows.astype(np.int32), "scores": ranked.scores}


def nearest_of_nearest(seeds: Rows, closest: Rows) -> Rows:
    """Return the nearest of the nearest of seeds, once each, [seeds, n], -1 for none.

    closest are the nearest rows of every row [rows, HOPS], -1 for none.
    """
    nearest = closest[seeds].astype(np.int64)
    hops = closest[nearest].astype(np.int64)
    hops[nearest < 0] = -1
    hops = np.sort(hops.reshape(len(seeds), -1), axis=1)
    is_again = np.zeros(hops.shape, bool)
    is_again[:, 1:] = hops[:, 1:] == hops[:, :-1]
    is_again |= hops == seeds[:, None]
    hops[is_again] = -1
    return hops


def is_among(rows: Rows, others: Rows) -> Mask:
    """Tell which rows [lines, n] are among the others of their line [lines, m]."""
    width = max(rows.max(initial=0), others.max(initial=0)) + 2
    line = width * np.arange(len(rows))[:, None]
    in_order = np.sort((others + line).ravel())
    wanted = rows + line
    places = np.searchsorted(in_order, wanted).clip(max=len(in_order) - 1)
    are_among: Mask = in_order[places] == wanted
    return are_among


def _concatenate(blocks: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    arrays = {}
    for name in blocks[0]:
        arrays[name] = np.concatenate([block[name] for block in blocks])
    return arrays
