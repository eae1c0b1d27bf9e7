"""The rule on diversity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simrec.recommend.candidates import Candidates
from simrec.recommend.rules.rule import Rule, VectorsOf


@dataclass(frozen=True)
class Diversity(Rule):
    """What is like the articles above it stands lower; `share` says how much that counts."""

    share: float

    def reranked(self, shortlist: Candidates, vectors_of: VectorsOf) -> Candidates:
        """Rank by maximal marginal relevance."""
        vectors = vectors_of(np.maximum(shortlist.rows, 0))
        return mmr(shortlist, vectors, self.share)


def mmr(
    candidates: Candidates,
    vectors: NDArray[np.float32],
    diversity: float,
) -> Candidates:
    """Return candidates in the order of maximal marginal relevance (Carbonell & Goldstein 1998).

    Next comes what has the most of (1 - diversity) value - diversity * the highest cosine to one
    before it. vectors are unit vectors of the candidates [queries, candidates, dim].
    """
    cosines = vectors @ vectors.transpose(0, 2, 1)
    queries = np.arange(len(candidates.rows))
    relevance = (1 - diversity) * candidates.values
    relevance[~candidates.is_there] = -np.inf
    redundancy = np.zeros(relevance.shape, np.float32)
    order = np.full(relevance.shape, -1)
    for rank in range(relevance.shape[1]):
        best = (relevance - diversity * redundancy).argmax(axis=1)
        is_left = relevance[queries, best] > -np.inf
        order[:, rank] = np.where(is_left, best, -1)
        relevance[queries, best] = -np.inf
        to_best = cosines[queries, best]
        redundancy = np.maximum(redundancy, to_best) if rank else to_best
    return candidates.take(order)
