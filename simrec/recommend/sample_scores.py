"""Scores of a sample of texts: every query with every candidate, by any shares of a score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec.lexical.term_vectors import PackedTerms, blend
from simrec.recommend.hybrid import DUPLICATE_COSINE, DUPLICATE_LEXICAL_COSINE
from simrec.recommend.smoothing import NEIGHBOUR_WEIGHT, NEIGHBOURS
from simrec.recommend.term_matrix import unit_term_matrix

MIN_NEIGHBOURS = 3

Vectors = NDArray[np.float32]
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class SampledTexts:
    """Texts as unit vectors [texts, dim], and packed terms [texts, terms]."""

    vectors: Vectors
    terms: PackedTerms

    def cosines(self, others: "SampledTexts") -> tuple[Matrix, Matrix]:
        """Return the encoder's and the words' cosines to others, [texts, others] each."""
        words = unit_term_matrix(self.terms) @ unit_term_matrix(others.terms).T.tocsr()
        return self.vectors @ others.vectors.T, words.toarray()


class SampleScores:
    """Scores queries with candidates, of which the first may be the queries themselves.

    Candidates are smoothed over their nearest among themselves: over as many as are to be expected
    in a sample of one in `one_in` articles. Queries that are candidates are smoothed as well.
    """

    def __init__(
        self,
        queries: SampledTexts,
        candidates: SampledTexts,
        are_candidates: bool,
        one_in: float,
    ) -> None:
        self._query_terms = queries.terms
        self._are_candidates = are_candidates
        self._candidate_cosines = candidates.cosines(candidates)
        n_queries = len(queries.vectors)
        dense, words = self._candidate_cosines
        if are_candidates:
            self._cosines = (dense[:n_queries], words[:n_queries])
        else:
            self._cosines = queries.cosines(candidates)
        self._neighbours = max(MIN_NEIGHBOURS, round(NEIGHBOURS / one_in))

    def raw(self, weight: float) -> Matrix:
        """Return the hybrid scores [queries, candidates] with words of that share."""
        dense, words = self._cosines
        return blend(dense, words, self._query_terms, weight)

    def smoothed(self, weight: float) -> Matrix:
        """Return the hybrid scores of smoothed candidates [queries, candidates]."""
        mixing = self._mixing(weight)
        dense, words = self._candidate_cosines
        query_dense, query_words = self._cosines
        return blend(
            self._smooth(mixing, query_dense, dense),
            self._smooth(mixing, query_words, words),
            self._query_terms,
            weight,
        )

    def _mixing(self, weight: float) -> sparse.csr_matrix:
        """Return what of each candidate is in each smoothed one, sparse, smoothed ones as lines."""
        dense, words = self._candidate_cosines
        scores = (1 - weight) * dense + weight * words
        is_copy = (dense >= DUPLICATE_COSINE) & (words >= DUPLICATE_LEXICAL_COSINE)
        scores[is_copy] = 0
        np.fill_diagonal(scores, 0)
        n = len(scores)
        k = min(self._neighbours, n - 1)
        nearest = np.argpartition(-scores, k - 1, axis=1)[:, :k] if k else np.empty((n, 0), int)
        own = np.repeat(np.arange(n), k)
        weights = NEIGHBOUR_WEIGHT * np.maximum(scores[own, nearest.ravel()], 0)
        others = sparse.csr_matrix((weights, (own, nearest.ravel())), (n, n))
        return others + sparse.identity(n, np.float32, "csr")

    def _smooth(
        self,
        mixing: sparse.csr_matrix,
        queries: Matrix,
        candidates: Matrix,
    ) -> Matrix:
        """Return cosines [queries, candidates] after the candidates were smoothed."""
        mixed = mixing @ candidates
        squares = np.asarray(mixing.multiply(mixed).sum(axis=1)).ravel()
        norms = np.sqrt(np.maximum(squares, 1e-9)).astype(np.float32)
        if not self._are_candidates:
            of_texts: Matrix = (mixing @ queries.T).T / norms
            return of_texts
        of_queries = mixed[: len(queries)] / norms[: len(queries), None]
        smoothed: Matrix = (mixing @ of_queries.T).T / norms
        return smoothed
