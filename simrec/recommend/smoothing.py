"""Smoothing: an article's vectors averaged with those of its nearest articles.

Database-side feature augmentation (Arandjelović & Zisserman 2012) with neighbours weighted by their
scores, as alpha query expansion does (Radenović et al. 2018). It needs the neighbours alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec.arrays import Mask, Rows, Scores, open_npy, row_blocks, write_npy
from simrec.index.neighbours import Neighbours
from simrec.index.vectors import UnitVectors, unit_rows
from simrec.lexical.term_vectors import PackedTerms, pack, unpack
from simrec.lexical.words import TERM_IDS
from simrec.recommend.candidates import NO_GROUP, first_columns
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.rerank import RankedCandidates
from simrec.recommend.rules.rule import is_within_cap
from simrec.recommend.term_matrix import unit_term_matrix
from simrec.tasks.rows import map_rows
from simrec.tasks.stages import Stages

NEIGHBOURS = 20  # that an article is averaged with
NEIGHBOUR_WEIGHT = 0.3  # of a neighbour of score 1, where the article itself counts 1
SMOOTHED_TERMS = 64  # the heaviest of the average are kept; more do not score better
BLOCK_ROWS = 512


def smooth(
    files: ScorerFiles,
    candidates: RankedCandidates,
    duplicate_groups: Rows,
    stages: Stages,
) -> None:
    """Write the smoothed vectors and terms of all articles of a release.

    candidates are in order of the score without smoothing. Near-duplicates of an article are not
    among its neighbours, and of other groups of them only the first is: copies have one vote.
    """
    release = files.release
    rows = len(duplicate_groups)
    parts = map_rows(stages, "smoothed", smooth_rows, rows, files, candidates, duplicate_groups)
    vectors = open_npy(release.vectors)
    write_npy(release.smoothed_vectors, parts.blocks("vectors"), vectors.shape, "<f2")
    if files.weight:
        shape = (rows, SMOOTHED_TERMS)
        write_npy(release.smoothed_terms, parts.blocks("terms"), shape, "<u4")


def smooth_rows(
    rows: slice,
    files: ScorerFiles,
    candidates: RankedCandidates,
    duplicate_groups: Rows,
) -> dict[str, NDArray[Any]]:
    """Return the smoothed vectors [rows, dim] and, where words count, terms of rows."""
    stored = open_npy(files.release.vectors)
    averaging = TermAveraging(open_npy(files.release.terms)) if files.weight else None
    vectors = np.empty((rows.stop - rows.start, stored.shape[1]), np.float16)
    terms = np.zeros((len(vectors), SMOOTHED_TERMS), np.uint32)
    for block in row_blocks(rows.stop, BLOCK_ROWS, rows.start):
        own = np.arange(block.start, block.stop)
        ranked = candidates.between(block.start, block.stop)
        nearest, weights = neighbours_of(own, ranked, duplicate_groups)
        here = slice(
            block.start - rows.start,
            block.stop - rows.start,
        )
        vectors[here] = average_vectors(stored, own, nearest, weights)
        if averaging:
            terms[here] = averaging.average(own, nearest, weights)
    return {"vectors": vectors, "terms": terms} if averaging else {"vectors": vectors}


def neighbours_of(
    own: Rows,
    ranked: Neighbours,
    duplicate_groups: Rows,
) -> tuple[Rows, Scores]:
    """Return the NEIGHBOURS of rows and the weight of each in the average, both [rows, n].

    Where there are no more, a row is -1 of weight 0.
    """
    nearest, scores = ranked
    groups = duplicate_groups[nearest]
    groups[nearest < 0] = NO_GROUP
    is_own_copy = groups == duplicate_groups[own][:, None]
    is_own_copy &= groups != NO_GROUP
    is_voter: Mask = (nearest >= 0) & (scores > 0)
    is_voter &= ~is_own_copy
    is_voter &= is_within_cap(groups, 1, is_voter)
    columns = first_columns(is_voter, NEIGHBOURS)
    places = np.maximum(columns, 0)
    voters = np.take_along_axis(nearest, places, axis=1)
    voters[columns < 0] = -1
    weights = np.take_along_axis(scores, places, axis=1)
    weights = np.float32(NEIGHBOUR_WEIGHT) * weights
    weights[columns < 0] = 0
    return voters, weights


def average_vectors(
    stored: NDArray[np.floating[Any]],
    own: Rows,
    nearest: Rows,
    weights: Scores,
) -> UnitVectors:
    """Return the unit average of the vectors of rows and of their neighbours, [rows, dim]."""
    average = unit_rows(stored[own])
    for column in range(nearest.shape[1]):  # in order, so that sums are the same in any block
        rows = np.maximum(nearest[:, column], 0)
        vectors = unit_rows(stored[rows])
        vectors *= weights[:, column, None]
        average += vectors
    average /= np.linalg.norm(average, axis=1, keepdims=True)
    return average


class TermAveraging:
    """Averages packed term vectors [rows, terms]."""

    def __init__(self, packed: PackedTerms) -> None:
        self._packed = packed
        is_used = np.zeros(TERM_IDS, bool)
        for block in row_blocks(len(packed), 1 << 14):
            ids, _ = unpack(packed[block])
            is_used[ids.ravel()] = True
        self._ids = np.flatnonzero(is_used)
        self._column_of = is_used.cumsum(dtype=np.int32) - 1

    def average(
        self,
        own: Rows,
        nearest: Rows,
        weights: Scores,
    ) -> PackedTerms:
        """Return the heaviest terms of the average of rows and neighbours, [rows, terms]."""
        rows = np.column_stack([own, np.maximum(nearest, 0)])
        own_weights = np.ones(len(own), np.float32)
        shares = np.column_stack([own_weights, weights])
        needed, places = np.unique(rows, return_inverse=True)
        ends = np.arange(0, rows.size + 1, rows.shape[1])
        mixing = sparse.csr_matrix(
            (shares.ravel(), places.ravel(), ends),
            (len(own), len(needed)),
        )
        terms = unit_term_matrix(self._packed[needed], self._column_of, len(self._ids))
        sums = mixing @ terms
        packed = np.zeros((len(own), SMOOTHED_TERMS), np.uint32)
        for row in range(len(own)):
            begin = sums.indptr[row]
            end = sums.indptr[row + 1]
            ids = self._ids[sums.indices[begin:end]]
            heaviest = heaviest_terms(ids, sums.data[begin:end])
            packed[row, : len(heaviest)] = heaviest
        return packed


def heaviest_terms(ids: Rows, weights: NDArray[np.float32]) -> PackedTerms:
    """Return the SMOOTHED_TERMS of most weight, packed, heaviest first; ties by id."""
    if len(ids) > SMOOTHED_TERMS:
        cut = len(ids) - SMOOTHED_TERMS
        least = np.partition(weights, cut)[cut]
        is_heavy = weights >= least
        ids = ids[is_heavy]
        weights = weights[is_heavy]
    order = np.lexsort((ids, -weights))[:SMOOTHED_TERMS]
    order = order[weights[order] > 0]
    return pack(ids[order], weights[order])
