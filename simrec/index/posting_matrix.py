"""Postings as a sparse matrix: the rows of most alike words of many texts at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec.index.packing import Packed
from simrec.index.postings import Postings, pack_postings, top_packed, unpack_postings
from simrec.lexical.term_vectors import PackedTerms, unpack

SAMPLED_EVERY = 8
CUT_BELOW = np.float32(1 - 1e-5)  # float32 quotients are that near to what ranks


class PostingMatrix(NamedTuple):
    """Postings as a sparse matrix [terms, rows]; terms are the ids of its lines, ascending."""

    terms: NDArray[np.int64]
    weights: sparse.csr_matrix

    @classmethod
    def of(cls, postings: Postings, rows: int) -> "PostingMatrix":
        """Read postings of so many rows."""
        term, row, weight = unpack_postings(postings)
        starts = np.flatnonzero(np.diff(term, prepend=-1))
        ends = np.append(starts, len(term))
        shape = (len(starts), rows)
        entries = (weight, row.astype(np.int32), ends)
        return cls(term[starts], sparse.csr_matrix(entries, shape))

    @classmethod
    def of_texts(cls, texts: PackedTerms) -> "PostingMatrix":
        """Return the postings of texts by their search terms; text i is row i."""
        postings = pack_postings(texts, 0)
        postings.sort()
        return cls.of(postings, len(texts))

    def products(self, queries: PackedTerms) -> sparse.csr_matrix:
        """Return the dot products of queries and rows, sparse [queries, rows].

        queries are search terms [queries, terms]. The sums of products of weights are exact in
        float32, in any order: they stay below 2^24.
        """
        ids, weights = unpack(queries)
        lines = np.searchsorted(self.terms, ids)
        is_known = (weights > 0) & (np.append(self.terms, -1)[lines] == ids)
        ends = np.concatenate([[0], is_known.sum(axis=1).cumsum()])
        shape = (len(queries), len(self.terms))
        entries = (weights[is_known], lines[is_known].astype(np.int32), ends)
        return sparse.csr_matrix(entries, shape) @ self.weights


def nearest_by_words(
    products: sparse.csr_matrix,
    query_norms: NDArray[np.floating],
    row_norms: NDArray[np.floating],
    query: int,
    k: int,
) -> Packed:
    """Return the k rows of most alike words of one of some queries, packed, best first.

    products are those of `PostingMatrix.products`; the norms are of whole term vectors, so that
    scores are cosines in which common words are left out.
    """
    line = slice(products.indptr[query], products.indptr[query + 1])
    rows = products.indices[line]
    sums = products.data[line]
    near = _near_best(sums / row_norms[rows], k)
    rows = rows[near]
    norms = row_norms[rows].astype(np.float64) * query_norms[query]
    return top_packed(sums[near] / norms, rows, k)


def _near_best(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return where the k best scores are, and some more.

    A sample of the scores says where to cut, which takes a third of the time of a selection.
    """
    sampled = scores[::SAMPLED_EVERY]
    wanted = 2 * k // SAMPLED_EVERY
    if len(sampled) > wanted:
        least = np.partition(sampled, len(sampled) - wanted)[len(sampled) - wanted]
        near = np.flatnonzero(scores >= least * CUT_BELOW)
        if len(near) >= k:
            return near
    return np.arange(len(scores))
