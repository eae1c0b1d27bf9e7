"""Packed term vectors as a sparse matrix of unit rows."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec.lexical.term_vectors import PackedTerms, unpack
from simrec.lexical.words import TERM_IDS


def unit_term_matrix(
    packed: PackedTerms,
    column_of: NDArray[np.int32] | None = None,
    columns: int = TERM_IDS,
) -> sparse.csr_matrix:
    """Return packed term vectors as unit vectors, sparse [texts, columns].

    column_of [TERM_IDS] is the column of each term; without it, a term's column is its id.
    """
    ids, weights = unpack(packed)
    norms = np.sqrt(np.einsum("rt,rt->r", weights, weights))
    weights /= np.maximum(norms, 1)[:, None]
    is_term = weights > 0
    terms = ids[is_term]
    places = terms.astype(np.int32) if column_of is None else column_of[terms]
    ends = np.concatenate([[0], is_term.sum(axis=1).cumsum()])
    return sparse.csr_matrix((weights[is_term], places, ends), (len(packed), columns))
