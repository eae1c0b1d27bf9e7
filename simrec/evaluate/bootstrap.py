"""How sure a figure is: bootstrap intervals, and the paired test of two scorers on the same questions."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

RESAMPLES = 1_000
LEVEL = 0.95
BLOCK = 100  # resamples at a time

Statistic = Callable[
    [np.ndarray], np.ndarray
]  # values [resamples, questions, ...] to one figure a resample


class Interval(NamedTuple):
    """Where the figure would lie for other questions of the same kind, 19 times of 20."""

    low: float
    high: float


class PairedDifference(NamedTuple):
    """How far one scorer is ahead of another on the same questions, its interval, and p of no difference."""

    value: float
    low: float
    high: float
    p: float


def interval(values: np.ndarray, statistic: Statistic) -> Interval:
    """Return the percentile bootstrap interval (Efron & Tibshirani 1993) over questions, values [questions, ...]."""
    return Interval(*_quantiles(_resampled(values, statistic)))


def difference(ours: np.ndarray, theirs: np.ndarray, statistic: Statistic) -> PairedDifference:
    """Return statistic(ours) - statistic(theirs), question by question from the same resamples.

    p is two-sided, of the shifted bootstrap, which agrees with the randomisation test in retrieval
    (Smucker, Allan & Carterette 2007); it is never below 1 / (RESAMPLES + 1).
    """
    found = float(statistic(ours[None])[0] - statistic(theirs[None])[0])
    drawn = _resampled(ours, statistic) - _resampled(theirs, statistic)
    as_far = int((np.abs(drawn - drawn.mean()) >= abs(found) - 1e-12).sum())
    return PairedDifference(found, *_quantiles(drawn), (1 + as_far) / (RESAMPLES + 1))


def _resampled(values: np.ndarray, statistic: Statistic) -> np.ndarray:
    """Return the statistic of every resample; those of equal length are the same questions for every scorer."""
    random = np.random.default_rng(0)
    blocks = (
        random.integers(0, len(values), (BLOCK, len(values))) for _ in range(RESAMPLES // BLOCK)
    )
    return np.concatenate([statistic(values[draws]) for draws in blocks])


def _quantiles(drawn: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
