"""Metrics of ranking: the field's definitions, on arrays of scores."""

from collections.abc import Sequence

import numpy as np


def reciprocal_rank(scores: np.ndarray) -> float:
    """Return the MRR of scores [queries, candidates], of which candidate i is the right answer of query i.

    A candidate that ties with the right answer counts as before it: equal scores for all earn nothing.
    """
    ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
    return float((1 / ranks).mean())


def precision(scores: np.ndarray, labels: Sequence[str], k: int) -> float:
    """Return P@k: the share of the k best others that have the label of the one that asks.

    Scores are [queries, candidates], labels those of the candidates; candidate i is query i itself.
    """
    named = np.asarray(labels)
    others = scores.astype(np.float64)
    np.fill_diagonal(others, -np.inf)
    best = np.argsort(-others, axis=1, kind="stable")[:, :k]
    return float((named[best] == named[: len(scores), None]).mean())
