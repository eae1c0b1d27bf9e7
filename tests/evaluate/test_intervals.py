"""Intervals that cover, and a paired test that agrees with scipy's: by simulation."""

import numpy as np
import pytest
from scipy import stats

from simrec.evaluate import bootstrap
from simrec.evaluate.graded_pairs import pearson, spearman
from simrec.metrics import mean

SIMULATIONS = 300


def covered(draw, statistic, truth: float, n_queries: int) -> float:
    """The share of simulated samples whose interval holds the truth."""
    random = np.random.default_rng(7)
    intervals = [
        bootstrap.confidence_interval(draw(random, n_queries), statistic)
        for _ in range(SIMULATIONS)
    ]
    return np.mean([within.low <= truth <= within.high for within in intervals])


def reciprocal_ranks(random: np.random.Generator, n_queries: int) -> np.ndarray:
    """Reciprocal ranks as suites see them: half of the answers rank first."""
    return np.where(random.random(n_queries) < 0.5, 1.0, 1 / random.integers(2, 200, n_queries))


def correlated(random: np.random.Generator, n_queries: int) -> np.ndarray:
    return random.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], n_queries)


@pytest.mark.parametrize(
    ("draw", "statistic", "truth"),
    [
        (reciprocal_ranks, mean, 0.5 + 0.5 * np.mean(1 / np.arange(2, 200))),
        (correlated, pearson, 0.6),
        (correlated, spearman, 6 / np.pi * np.arcsin(0.3)),
    ],
)
def test_intervals_cover_the_truth_19_times_of_20(draw, statistic, truth: float) -> None:
    # 19 of 20, within what 300 simulations and the percentile method at 80 queries allow
    assert 0.91 <= covered(draw, statistic, truth, 80) <= 0.985


def test_the_interval_is_scipys() -> None:
    values = reciprocal_ranks(np.random.default_rng(3), 300)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=4000, rng=1
    ).confidence_interval
    assert bootstrap.confidence_interval(values, mean) == pytest.approx(
        (theirs.low, theirs.high), abs=0.006
    )


@pytest.mark.parametrize("lead", [0.0, 0.03, 0.06])
def test_p_is_that_of_the_randomisation_test(lead: float) -> None:
    random = np.random.default_rng(5)
    theirs = reciprocal_ranks(random, 300)
    ours = theirs + random.normal(lead, 0.4, 300)
    exact = stats.permutation_test(
        (ours, theirs),
        lambda a, b: np.mean(a - b),
        permutation_type="samples",
        n_resamples=4000,
        rng=1,
    )
    difference = bootstrap.paired_difference(ours, theirs, mean)
    assert difference.value == pytest.approx((ours - theirs).mean())
    assert difference.low < difference.value < difference.high
    assert difference.p == pytest.approx(exact.pvalue, abs=0.04)


def test_equal_scorers_do_not_differ() -> None:
    values = reciprocal_ranks(np.random.default_rng(3), 100)
    assert bootstrap.paired_difference(values, values, mean) == (0, 0, 0, 1)


def test_p_under_no_difference_is_uniform() -> None:
    random = np.random.default_rng(11)
    p_values = [
        bootstrap.paired_difference(
            reciprocal_ranks(random, 100), reciprocal_ranks(random, 100), mean
        ).p
        for _ in range(300)
    ]
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.09


def test_correlations_are_scipys() -> None:
    pairs = np.round(correlated(np.random.default_rng(2), 200), 1)  # with ties
    assert pearson(pairs[None])[0] == pytest.approx(stats.pearsonr(*pairs.T).statistic)
    assert spearman(pairs[None])[0] == pytest.approx(stats.spearmanr(*pairs.T).statistic)
    assert pearson(np.ones((1, 9, 2)))[0] == 0
