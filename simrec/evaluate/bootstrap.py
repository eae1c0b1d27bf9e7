"""Bootstrap: confidence intervals of figures, and the paired test of two scorers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
LEVEL = 0.95
BLOCK = 100  # resamples at a time, which bounds memory

Figures = NDArray[Any]  # one or more for each query, [queries, ...]
Statistic = Callable[[Figures], Figures]  # of [resamples, queries, ...], one for each resample


class Interval(NamedTuple):
    """Where the figure would lie for other queries of the same kind, 19 times of 20."""

    low: float
    high: float


class PairedDifference(NamedTuple):
    """How far one scorer is ahead of another, its interval, and p of no difference."""

    value: float
    low: float
    high: float
    p: float


def confidence_interval(figures: Figures, statistic: Statistic) -> Interval:
    """Return the percentile bootstrap interval (Efron & Tibshirani 1993) over queries."""
    return _interval(_resample(figures, statistic))


def paired_difference(ours: Figures, theirs: Figures, statistic: Statistic) -> PairedDifference:
    """Return statistic(ours) - statistic(theirs) on the same queries.

    p is two-sided, of the shifted bootstrap, which agrees with the randomisation test in retrieval
    (Smucker, Allan & Carterette 2007); it is never below 1 / (RESAMPLES + 1).
    """
    difference = float(statistic(ours[None])[0] - statistic(theirs[None])[0])
    resampled = _resample(ours, statistic) - _resample(theirs, statistic)
    shifted = np.abs(resampled - resampled.mean())
    as_far = int((shifted >= abs(difference) - 1e-12).sum())
    p = (1 + as_far) / (RESAMPLES + 1)
    return PairedDifference(difference, *_interval(resampled), p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number, in the same order (Holm 1979).

    If none of the comparisons differs, the chance that any corrected p is below .05 is .05 at most.
    """
    corrected = [1.0] * len(p_values)
    largest = 0.0
    ascending = sorted(range(len(p_values)), key=lambda place: p_values[place])
    for n_smaller, place in enumerate(ascending):
        largest = max(largest, (len(p_values) - n_smaller) * p_values[place])
        corrected[place] = min(1.0, largest)
    return corrected


def _resample(figures: Figures, statistic: Statistic) -> Figures:
    """Return the statistic of every resample; all scorers are resampled by the same queries."""
    rng = np.random.default_rng(0)
    blocks = []
    for _ in range(RESAMPLES // BLOCK):
        rows = rng.integers(0, len(figures), (BLOCK, len(figures)))
        blocks.append(statistic(figures[rows]))
    return np.concatenate(blocks)


def _interval(resampled: Figures) -> Interval:
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
