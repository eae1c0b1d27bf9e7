"""The field's measures of a ranking, by ir-measures; needs the extra `evaluate`."""

from typing import Any

import ir_measures
import numpy as np
from ir_measures import AP, RR, Measure, R, nDCG
from numpy.typing import NDArray

MEASURES: tuple[Measure, ...] = (nDCG @ 10, R @ 10, RR, AP)
CUTOFF = 1_000  # candidates of a ranking that are measured, as in TREC

Grades = dict[int, int]  # by candidate
Scores = NDArray[Any]


def measure_rankings(scores: Scores, grades: list[Grades]) -> NDArray[np.float64]:
    """Return every measure of every query, float [queries, measures].

    scores are [queries, candidates], and candidate i is query i itself, which is left out; grades
    are those of the judged candidates of each query. A candidate that ties with a better one ranks
    before it, as in all suites: equal scores for all earn nothing.
    """
    np.fill_diagonal(scores, -np.inf)
    qrels = {}
    run = {}
    for query, judged in enumerate(grades):
        query_id = str(query)
        qrels[query_id] = {str(candidate): grade for candidate, grade in judged.items()}
        run[query_id] = _rank(scores[query], judged)
    values = np.zeros((len(scores), len(MEASURES)))
    for metric in ir_measures.iter_calc(MEASURES, qrels, run):
        column = MEASURES.index(metric.measure)
        values[int(metric.query_id), column] = metric.value
    return values


def _rank(scores: Scores, judged: Grades) -> dict[str, float]:
    """Return the best candidates with scores that say their order; the query itself is last."""
    n_candidates = len(scores)
    grades = np.zeros(n_candidates)
    for candidate, grade in judged.items():
        grades[candidate] = grade
    best = np.lexsort((grades, -scores))
    cutoff = min(CUTOFF, n_candidates - 1)
    ranking = {}
    for rank, candidate in enumerate(best[:cutoff]):
        ranking[str(candidate)] = float(CUTOFF - rank)
    return ranking
