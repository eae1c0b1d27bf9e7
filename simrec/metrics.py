"""Metrics of ranking: the field's definitions, one value for each query."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def reciprocal_ranks(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return 1 / rank of the right answer of each query; their mean is the MRR.

    Scores are [queries, candidates]; candidate i is the right answer of query i. A candidate that
    ties with the right answer counts as before it: equal scores for all earn nothing.
    """
    ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
    reciprocals: NDArray[np.float64] = 1 / ranks
    return reciprocals


def precisions(
    scores: NDArray[np.floating], relevant: NDArray[np.bool_], k: int
) -> NDArray[np.float64]:
    """Return P@k of each query: the share of relevant candidates among the k best others.

    Scores and relevant are [queries, candidates]; candidate i is query i itself.
    """
    others = scores.astype(np.float64)
    np.fill_diagonal(others, -np.inf)
    best = np.argsort(-others, axis=1, kind="stable")[:, :k]
    shares: NDArray[np.float64] = np.take_along_axis(relevant, best, axis=1).mean(axis=1)
    return shares


def same(labels: Sequence[str], n_queries: int) -> NDArray[np.bool_]:
    """Return which candidates have the label of each query, [n_queries, candidates]."""
    label_array = np.asarray(labels)
    equal: NDArray[np.bool_] = label_array[:n_queries, None] == label_array
    return equal


def mean(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the mean over the queries, of values [resamples, queries]."""
    means: NDArray[np.floating] = values.mean(axis=1)
    return means
