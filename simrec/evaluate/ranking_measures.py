"""The field's measures of a ranking, by ir-measures; needs the extra `evaluate`."""

import ir_measures
import numpy as np
from ir_measures import AP, RR, Measure, R, nDCG
from numpy.typing import NDArray

MEASURES: tuple[Measure, ...] = (nDCG @ 10, R @ 10, RR, AP)
CUTOFF = 1_000  # candidates of a ranking that are measured, as in TREC


def measure_rankings(
    scores: NDArray[np.floating], grades: list[dict[int, int]]
) -> NDArray[np.float64]:
    """Return every measure of every query, float [queries, measures].

    scores are [queries, candidates], and candidate i is query i itself, which is left out; grades
    are those of the judged candidates of each query. A candidate that ties with a better one ranks
    before it, as in all suites: equal scores for all earn nothing.
    """
    np.fill_diagonal(scores, -np.inf)
    qrels: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    for query, query_scores in enumerate(scores):
        judged = grades[query]
        qrels[str(query)] = {str(candidate): grade for candidate, grade in judged.items()}
        run[str(query)] = _ranking(query_scores, judged)
    values = np.zeros((len(scores), len(MEASURES)))
    for metric in ir_measures.iter_calc(MEASURES, qrels, run):
        values[int(metric.query_id), MEASURES.index(metric.measure)] = metric.value
    return values


def _ranking(scores: NDArray[np.floating], judged: dict[int, int]) -> dict[str, float]:
    """Return the best candidates with scores that say their order; the query itself is last."""
    grades = np.zeros(len(scores))
    for candidate, grade in judged.items():
        grades[candidate] = grade
    cutoff = min(CUTOFF, len(scores) - 1)
    best = np.lexsort((grades, -scores))[:cutoff]
    return {str(candidate): float(CUTOFF - rank) for rank, candidate in enumerate(best)}
