"""Metrics of ranking, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score

from simrec.metrics import precisions, reciprocal_ranks, same


def test_reciprocal_rank_is_scikit_learns_with_one_right_answer() -> None:
    scores = np.random.default_rng(0).normal(size=(50, 50))
    assert reciprocal_ranks(scores).mean() == pytest.approx(
        label_ranking_average_precision_score(np.eye(50), scores)
    )


def test_ties_earn_nothing() -> None:
    assert reciprocal_ranks(np.ones((10, 10))).mean() == pytest.approx(0.1)
    assert reciprocal_ranks(np.eye(10)).mean() == 1


def test_precision_by_hand() -> None:
    scores = np.array(
        [[1, 0.9, 0.1, 0.2], [0.9, 1, 0.3, 0.2], [0.1, 0.3, 1, 0.8], [0.2, 0.2, 0.8, 1]]
    )
    assert precisions(scores, same(["a", "a", "b", "b"], 4), 1).mean() == 1
    assert precisions(scores, same(["a", "b", "b", "a"], 4), 1).mean() == 0
    assert precisions(scores, same(["a", "a", "b", "b"], 4), 3).mean() == pytest.approx(1 / 3)
