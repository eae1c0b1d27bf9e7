"""Metrics: the field's definitions, one value for every question."""

from collections.abc import Sequence

import numpy as np


def reciprocal_ranks(scores: np.ndarray) -> np.ndarray:
    """Return 1 / rank of the right answer of every question; their mean is the MRR.

    Scores are [questions, candidates], of which candidate i is the right answer of question i. A candidate
    that ties with the right answer counts as before it: equal scores for all earn nothing.
    """
    ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
    found: np.ndarray = 1 / ranks
    return found


def precisions(scores: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Return P@k of every question: the share of the k best others that are relevant.

    Scores and relevant (bool) are [questions, candidates]; candidate i is question i itself.
    """
    others = scores.astype(np.float64)
    np.fill_diagonal(others, -np.inf)
    best = np.argsort(-others, axis=1, kind="stable")[:, :k]
    found: np.ndarray = np.take_along_axis(relevant, best, axis=1).mean(axis=1)
    return found


def same(labels: Sequence[str], questions: int) -> np.ndarray:
    """Return which candidates have the label of each question, bool [questions, candidates]."""
    named = np.asarray(labels)
    equal: np.ndarray = named[:questions, None] == named
    return equal


def mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the questions, of values [resamples, questions]."""
    means: np.ndarray = values.mean(axis=1)
    return means
