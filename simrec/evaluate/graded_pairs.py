"""Graded pairs: how far scores agree with the grades that people gave to pairs of texts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from simrec.evaluate.scorers import Scorer, Text
from simrec.evaluate.suite_result import SuiteResult
from simrec.recommend.choose_weight import MIN_QUERIES

BLOCK = 500  # pairs that are scored at a time

Pairs = Sequence[tuple[str, ...]]
Figures = NDArray[np.float64]


def measure_graded_pairs(
    name: str, pairs: Pairs, grades: Sequence[float], scorers: dict[str, Scorer]
) -> list[SuiteResult]:
    """Correlate the score of each pair of texts with its grade."""
    count = len(pairs)
    skipped = ""
    per_query = {}
    if count < MIN_QUERIES:
        skipped = f"only {count} pairs, of {MIN_QUERIES} needed"
    else:
        for scorer_name, scorer in scorers.items():
            scores = _pair_scores(scorer, pairs)
            per_query[scorer_name] = np.stack([scores, np.array(grades)], axis=1)
    return [
        SuiteResult(name, "Pearson", count, per_query, skipped, statistic=pearson),
        SuiteResult(name, "Spearman", count, per_query, skipped, statistic=spearman),
    ]


def _pair_scores(scorer: Scorer, pairs: Pairs) -> Figures:
    """Return the score of each pair, float [pairs]; memory is that of one block."""
    scores = []
    for start in range(0, len(pairs), BLOCK):
        block = pairs[start : start + BLOCK]
        left = [Text(pair[0]) for pair in block]
        right = [Text(pair[1]) for pair in block]
        scores.append(np.diag(scorer(left, right)))
    return np.concatenate(scores)


def pearson(pairs: Figures) -> Figures:
    """Return Pearson's correlation of values [resamples, pairs, 2]; of a constant it is 0."""
    centred = pairs - pairs.mean(axis=1, keepdims=True)
    left = centred[..., 0]
    right = centred[..., 1]
    covariance: Figures = (left * right).sum(axis=1)
    spread = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    correlation = np.zeros_like(covariance)
    np.divide(covariance, spread, out=correlation, where=spread > 1e-12)
    return correlation


def spearman(pairs: Figures) -> Figures:
    """Return Spearman's correlation of values [resamples, pairs, 2]; ties share their rank."""
    return pearson(np.asarray(rankdata(pairs, axis=1)))
