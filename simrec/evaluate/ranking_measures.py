"""The field's measures of a ranking, by ir-measures; needs the extra `evaluate`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ir_measures
import numpy as np
from ir_measures import AP, RR, Judged, Measure, R, nDCG
from numpy.typing import NDArray

MEASURES: tuple[Measure, ...] = (nDCG @ 10, R @ 10, RR, AP)
LIST_MEASURES: tuple[Measure, ...] = (nDCG @ 10, R @ 10, RR)
JUDGED = Judged @ 10  # the share of the first ten that has a grade
CUTOFF = 1_000  # candidates of a ranking that are measured, as in TREC

Grades = dict[int, int]  # by candidate
Scores = NDArray[Any]


class RankingFigures(NamedTuple):
    """The measures of each query [queries, measures], and the judged share of the first ten."""

    values: NDArray[np.float64]
    judged: float


def measure_rankings(
    scores: Scores,
    grades: list[Grades],
) -> RankingFigures:
    """Return every measure of every query.

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
    return _measure(MEASURES, qrels, run)


def measure_runs(
    lists: Sequence[Sequence[str]],
    grades: Sequence[Mapping[str, int]],
) -> RankingFigures:
    """Return what lists of ids are worth by the grades of each query's articles.

    An empty list is worth nothing.
    """
    qrels = {}
    run = {}
    for query, (ids, judged) in enumerate(zip(lists, grades, strict=True)):
        qrels[str(query)] = dict(judged)
        run[str(query)] = {article: float(-rank) for rank, article in enumerate(ids)}
    return _measure(LIST_MEASURES, qrels, run)


def _measure(
    measures: tuple[Measure, ...],
    qrels: dict[str, dict[str, int]],
    run: dict[str, dict[str, float]],
) -> RankingFigures:
    values = np.zeros((len(qrels), len(measures)))
    judged = np.zeros(len(qrels))
    for metric in ir_measures.iter_calc([*measures, JUDGED], qrels, run):
        if metric.measure == JUDGED:
            judged[int(metric.query_id)] = metric.value
        else:
            values[int(metric.query_id), measures.index(metric.measure)] = metric.value
    return RankingFigures(values, float(judged.mean()))


def _rank(
    scores: Scores,
    judged: Grades,
) -> dict[str, float]:
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
