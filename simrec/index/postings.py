"""Postings: of each term the rows that have it, one sorted number for each, on disk.

From the highest bit: the term (24 bits), the row (32 bits), and the term's weight in it (8 bits).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Rows, open_npy, row_blocks, write_npy
from simrec.index import packing
from simrec.index.packing import Packed
from simrec.lexical.term_vectors import (
    MAX_WEIGHT,
    WEIGHT_BITS,
    PackedTerms,
    norms_and_counts,
    unpack,
)
from simrec.lexical.tfidf import IDF_BUCKETS, TfIdf
from simrec.release_folder import ReleaseFolder

SEARCH_TERMS = 64  # of a text, the heaviest, find candidates
ALL_TERMS_UP_TO = 50_000  # texts; beyond it the cost of an article is to grow no more, ...
MAX_TEXTS = 4_000  # ... so terms that more texts have find none
BLOCK_ROWS = 65_536
DTYPE = "<u8"  # of a posting in a file

_TERM_SHIFT = np.uint64(40)
_ROW_SHIFT = np.uint64(8)
_ROW_MASK = np.uint64(packing.MAX_ROWS - 1)

Postings = NDArray[np.uint64]


@dataclass(frozen=True)
class SearchTerms:
    """Chooses the terms of a text that find candidates.

    is_rare [IDF_BUCKETS] tells which terms few enough texts have, as word weights were fitted: so
    a text has the same search terms whatever other texts come and go.
    """

    is_rare: NDArray[np.bool_]

    @classmethod
    def of(cls, tfidf: TfIdf) -> "SearchTerms":
        """Return what chooses terms by these word weights."""
        if tfidf.n_texts <= ALL_TERMS_UP_TO:
            return cls(np.ones(IDF_BUCKETS, bool))
        return cls(tfidf.is_rare(MAX_TEXTS))

    def choose(self, packed: PackedTerms) -> PackedTerms:
        """Return the search terms of texts, 0 in place of their others, [texts, terms].

        packed are term vectors, heaviest first.
        """
        is_chosen = (packed > 0) & self.is_rare[(packed >> WEIGHT_BITS) % IDF_BUCKETS]
        is_chosen &= is_chosen.cumsum(axis=1) <= SEARCH_TERMS
        return np.where(is_chosen, packed, np.uint32(0))


def write_postings(folder: ReleaseFolder, tfidf: TfIdf) -> None:
    """Write the postings of a folder's term vectors, and the size of each vector."""
    terms = open_npy(folder.terms)
    sizes = norms_and_counts(terms)
    write_npy(folder.term_sizes, sizes, (len(terms), 2), "<f4")
    search_terms = SearchTerms.of(tfidf)
    blocks = []
    for rows in row_blocks(len(terms), BLOCK_ROWS):
        blocks.append(pack_postings(search_terms.choose(terms[rows]), rows.start))
    postings = np.concatenate([np.empty(0, np.uint64), *blocks])
    postings.sort()
    write_npy(folder.postings, [postings], postings.shape, DTYPE)


def pack_postings(terms: PackedTerms, first_row: int) -> Postings:
    """Return the postings of texts [texts, terms], of which the first is first_row; 0 is none."""
    row, _ = place = np.nonzero(terms)
    of_texts = terms[place].astype(np.uint64)
    packed: Postings = (of_texts >> np.uint64(WEIGHT_BITS)) << _TERM_SHIFT
    packed |= (row + first_row).astype(np.uint64) << _ROW_SHIFT
    packed |= of_texts & np.uint64(MAX_WEIGHT)
    return packed


def unpack_postings(postings: Postings) -> tuple[Rows, Rows, NDArray[np.float32]]:
    """Return the term, the row and the weight of each posting."""
    terms = (postings >> _TERM_SHIFT).astype(np.int64)
    rows = ((postings >> _ROW_SHIFT) & _ROW_MASK).astype(np.int64)
    weights = (postings & np.uint64(MAX_WEIGHT)).astype(np.float32)
    return terms, rows, weights


def top_packed(
    cosines: NDArray[np.float64],
    rows: NDArray[np.integer],
    k: int,
) -> Packed:
    """Return the k best of scored rows, packed, best first; ties by row."""
    if len(cosines) > k:
        kth = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
        is_near = cosines >= kth - 10.0**-packing.DECIMALS  # or it might tie with the k-th
        cosines = cosines[is_near]
        rows = rows[is_near]
    packed = packing.pack(cosines, rows)
    packed.sort()
    return packed[:k]


class WordSearch:
    """Finds the rows of a release that share most words with a text."""

    def __init__(self, folder: ReleaseFolder, tfidf: TfIdf) -> None:
        """Map the postings of a release."""
        self._postings = open_npy(folder.postings)
        self._norms = open_npy(folder.term_sizes)[:, 0]
        self._search_terms = SearchTerms.of(tfidf)

    def nearest(
        self,
        terms: PackedTerms,
        k: int,
        passing: Rows | None = None,
    ) -> Rows:
        """Return the k rows of most alike words, best first, of one text's packed terms [n].

        Only passing rows, ascending, are looked at where they are given.
        """
        chosen = self._search_terms.choose(terms[None])[0]
        rows, products = self._products(chosen[chosen > 0])
        if passing is not None:
            is_passing = np.isin(rows, passing)
            rows = rows[is_passing]
            products = products[is_passing]
        rows, sums = _sum_by_row(rows, products)
        return packing.rows_of(top_packed(sums / self._norms[rows], rows, k))

    def _products(self, terms: PackedTerms) -> tuple[Rows, NDArray[np.float64]]:
        """Return what each search term adds to each row that has it."""
        ids, weights = unpack(terms)
        first = ids.astype(np.uint64) << _TERM_SHIFT
        starts = np.searchsorted(self._postings, first)
        stops = np.searchsorted(self._postings, first + (np.uint64(1) << _TERM_SHIFT))
        rows = [np.empty(0, np.int64)]
        products = [np.empty(0)]
        for start, stop, weight in zip(starts, stops, weights, strict=True):
            _, of_term, row_weights = unpack_postings(self._postings[start:stop])
            rows.append(of_term)
            products.append(row_weights * np.float64(weight))
        return np.concatenate(rows), np.concatenate(products)


def _sum_by_row(rows: Rows, products: NDArray[np.float64]) -> tuple[Rows, NDArray[np.float64]]:
    """Return each row once, ascending, with the sum of its products."""
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    if not len(starts):
        return rows, products
    return rows[starts], np.add.reduceat(products[order], starts)
