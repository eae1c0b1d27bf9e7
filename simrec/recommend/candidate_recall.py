"""Candidate recall: the share of the true best articles that is among the candidates.

The true ones are those of highest hybrid score of all articles, which are all scored for a sample.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Rows, Scores, open_npy, row_blocks
from simrec.index.index_facts import Recall
from simrec.index.neighbours import DECIMALS
from simrec.index.tuning import mean_recall
from simrec.index.vectors import Vectors, unit_rows
from simrec.lexical.term_vectors import PackedTerms
from simrec.recommend.clicks import Clicks
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.rerank import RankedCandidates
from simrec.recommend.term_matrix import unit_term_matrix
from simrec.tasks.rows import run_whole
from simrec.tasks.stages import Stages

SAMPLED_ROWS = 400
BLOCK_ROWS = 8_192
TIE = 5 * 10.0**-DECIMALS  # sums in another order differ by less; what ties with the k-th is found


def measure_candidate_recall(
    files: ScorerFiles,
    candidates: RankedCandidates,
    k: int,
    stages: Stages,
) -> Recall:
    """Return the share of the k articles of highest score that is among the candidates."""
    rows = len(open_npy(files.release.vectors))
    if rows < 2:
        return Recall(k=k)
    sampled = np.unique(np.linspace(0, rows - 1, SAMPLED_ROWS, dtype=np.int64))
    k = min(k, rows - 1)
    parts = run_whole(stages, "true-scores", find_kth_scores, rows, sampled, k, files)
    least = parts.read("kth_scores") - TIE
    found = candidates.take(sampled, k)
    is_true = (found.rows >= 0) & (found.scores >= least[:, None])
    return mean_recall(is_true.sum(axis=1) / k, k)


def find_kth_scores(
    rows: slice,
    sampled: Rows,
    k: int,
    files: ScorerFiles,
) -> dict[str, NDArray[Any]]:
    """Return the k-th highest score of each sampled row among all rows but itself, [sampled]."""
    best = np.full((len(sampled), k), -np.inf, np.float32)
    layers = _layers(files, sampled)
    clicks = Clicks.open(files.release)
    for block in row_blocks(rows.stop, BLOCK_ROWS, rows.start):
        scores = np.zeros((len(sampled), block.stop - block.start), np.float32)
        for layer in layers:
            scores += layer.share * layer.scores(block, files.weight)
        if clicks:
            _add_clicks(scores, clicks, sampled, block)
        is_inside = (sampled >= block.start) & (sampled < block.stop)
        scores[is_inside, sampled[is_inside] - block.start] = -np.inf
        both = np.column_stack([best, scores])
        both.partition(both.shape[1] - k, axis=1)
        best = both[:, -k:]
    return {"kth_scores": best.min(axis=1)}


def _add_clicks(
    scores: Scores,
    clicks: Clicks,
    sampled: Rows,
    block: slice,
) -> None:
    """Bring the scores of what was read with sampled rows nearer to 1, in place."""
    for line, row in enumerate(sampled.tolist()):
        rows, strengths = clicks.of_row(row)
        is_inside = (rows >= block.start) & (rows < block.stop)
        columns = rows[is_inside] - block.start
        scores[line, columns] = clicks.lifted(scores[line, columns], strengths[is_inside])


def _layers(files: ScorerFiles, sampled: Rows) -> "list[_Layer]":
    release = files.release
    terms = open_npy(release.terms) if files.weight else None
    layers = [_Layer(open_npy(release.vectors), terms, sampled, 1 - files.smoothing)]
    if files.smoothing:
        terms = open_npy(release.smoothed_terms) if files.weight else None
        vectors = open_npy(release.smoothed_vectors)
        layers.append(_Layer(vectors, terms, sampled, files.smoothing))
    return layers


class _Layer:
    """Texts, raw or smoothed, with the share of their scores, and some of them as queries."""

    def __init__(
        self,
        vectors: Vectors,
        terms: PackedTerms | None,
        sampled: Rows,
        share: float,
    ) -> None:
        self.share = share
        self._vectors = vectors
        self._terms = terms
        self._queries = unit_rows(vectors[sampled])
        if terms is not None:
            self._query_terms = unit_term_matrix(terms[sampled]).T.tocsr()
            self._without_terms = terms[sampled, 0] == 0

    def scores(self, rows: slice, weight: float) -> Scores:
        """Return the hybrid scores of rows to the queries, [queries, rows]."""
        cosines: Scores = self._queries @ unit_rows(self._vectors[rows]).T
        if self._terms is None:
            return cosines
        words = (unit_term_matrix(self._terms[rows]) @ self._query_terms).toarray().T
        scores: Scores = (1 - weight) * cosines + weight * words
        scores[self._without_terms] = cosines[self._without_terms]
        return scores
