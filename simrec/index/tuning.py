"""Tuning of an index: the least effort that reaches a recall, as exact search measures it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.index import faiss_kinds, packing
from simrec.index.exact import nearest_candidates, rank_candidates
from simrec.index.index_facts import CurvePoint, Recall
from simrec.index.vector_index import VectorIndex
from simrec.index.vectors import Rows, unit_rows

QUERIES = 400  # rows of the index: half of them choose the effort, half measure what it reaches
RESAMPLES = 1_000
SEED = 0
TIE = 2 * 10.0**-packing.DECIMALS  # cosines closer than this are equal


@dataclass(frozen=True)
class RecallSample:
    """Rows of an index as queries, and the cosine of the k-th true neighbour of each."""

    rows: Rows
    kth_true_cosine: NDArray[np.float32]
    k: int

    @classmethod
    def measure(
        cls,
        index: VectorIndex,
        rows: Rows,
        k: int,
    ) -> "RecallSample":
        """Find the true neighbours of the rows, none of which is its own neighbour."""
        k = min(k, index.facts.rows - 1)
        queries = unit_rows(index.vectors[rows])
        candidates = nearest_candidates(queries, index.vectors, k + 1)
        candidates[candidates == rows[:, None]] = -1
        true = rank_candidates(queries, candidates, index.vectors, k)
        return cls(rows, packing.cosines_of(true[:, -1]), k)

    def half(self, number: int) -> "RecallSample":
        """Return every other query, beginning with the first or the second."""
        return RecallSample(self.rows[number::2], self.kth_true_cosine[number::2], self.k)

    def recalls(self, index: VectorIndex) -> NDArray[np.float64]:
        """Return recall@k of each query; what ties with the k-th true neighbour counts as found."""
        queries = unit_rows(index.vectors[self.rows])
        found = index.search_packed(queries, self.k + 1)
        found[packing.rows_of(found) == self.rows[:, None]] = packing.NONE
        near = packing.cosines_of(found) >= self.kth_true_cosine[:, None] - TIE
        hits = (near & (found != packing.NONE)).sum(axis=1)
        recalls: NDArray[np.float64] = np.minimum(hits, self.k) / self.k
        return recalls


def tune(
    index: VectorIndex,
    target: float,
    k: int,
) -> VectorIndex:
    """Return the index with the least effort that reaches a recall@k, which other queries measure.

    Half of the queries choose the effort by bisection. The other half measure its recall, and raise
    the effort by tenths where that is below the target.
    """
    if index.is_exact:
        return index
    sample = RecallSample.measure(index, _query_rows(index), k)
    measuring = sample.half(1)
    _, most = faiss_kinds.effort_range(index.faiss_index)
    effort = _least_effort(index, sample.half(0), target)
    tuned = _with_measured_recall(index, measuring, effort)
    while tuned.facts.recall < target and effort < most:
        effort = min(most, effort + max(1, effort // 10))
        tuned = _with_measured_recall(index, measuring, effort)
    return _with_recall_curve(tuned, measuring)


def with_measured_recall(index: VectorIndex, k: int) -> VectorIndex:
    """Return the index with its recall@k and its curve measured anew, at the effort that it has."""
    if index.is_exact:
        return index
    sample = RecallSample.measure(index, _query_rows(index)[1::2], k)
    measured = _with_measured_recall(index, sample, index.facts.effort)
    return _with_recall_curve(measured, sample)


def _query_rows(index: VectorIndex) -> Rows:
    return np.linspace(0, index.facts.rows - 1, QUERIES, dtype=np.int64)


def _with_effort(index: VectorIndex, effort: int) -> VectorIndex:
    facts = replace(index.facts, effort=effort)
    return VectorIndex(index.faiss_index, index.vectors, facts)


def _least_effort(
    index: VectorIndex,
    sample: RecallSample,
    target: float,
) -> int:
    low, high = faiss_kinds.effort_range(index.faiss_index)
    while low < high:
        middle = (low + high) // 2
        if sample.recalls(_with_effort(index, middle)).mean() >= target:
            high = middle
        else:
            low = middle + 1
    return low


def mean_recall(recalls: NDArray[np.floating[Any]], k: int) -> Recall:
    """Return the mean recall@k of queries, with its 95 % bootstrap interval."""
    rng = np.random.default_rng(SEED)
    resamples = rng.choice(recalls, (RESAMPLES, len(recalls)))
    low, high = np.quantile(resamples.mean(axis=1), [0.025, 0.975])
    return Recall(float(recalls.mean()), float(low), float(high), k, len(recalls))


def _with_measured_recall(
    index: VectorIndex,
    sample: RecallSample,
    effort: int,
) -> VectorIndex:
    """Return the index with an effort, its mean recall, and the bootstrap interval of that."""
    measured = mean_recall(sample.recalls(_with_effort(index, effort)), sample.k)
    facts = replace(
        index.facts,
        effort=effort,
        recall=measured.recall,
        recall_low=measured.low,
        recall_high=measured.high,
        recall_k=measured.k,
        recall_queries=measured.queries,
    )
    return VectorIndex(index.faiss_index, index.vectors, facts)


def _with_recall_curve(index: VectorIndex, sample: RecallSample) -> VectorIndex:
    """Return the index with its curve; work is counted, not timed, so that facts are equal."""
    efforts = faiss_kinds.effort_grid(index.faiss_index, index.facts.effort)
    curve = [_curve_point(index, sample, effort) for effort in efforts]
    facts = replace(index.facts, curve=tuple(curve))
    return VectorIndex(index.faiss_index, index.vectors, facts)


def _curve_point(
    index: VectorIndex,
    sample: RecallSample,
    effort: int,
) -> CurvePoint:
    recalls = sample.recalls(_with_effort(index, effort))
    queries = unit_rows(index.vectors[sample.rows])
    n = index.oversampled_k(sample.k + 1)
    scanned = faiss_kinds.rows_scanned(index.faiss_index, queries, n, effort)
    compared = round(scanned / index.facts.rows, 6)
    return CurvePoint(effort, compared, float(recalls.mean()))
