"""The suite of accounts: one half of an account's articles has to find the other half."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import norm

from simrec.evaluate.report_format import OURS
from simrec.evaluate.suite_result import SuiteResult
from simrec.index.vectors import unit
from simrec.lexical.term_vectors import TermVectors
from simrec.metrics import reciprocal_ranks
from simrec.recommend.choose_weight import MIN_QUERIES
from simrec.recommend.similar_accounts import (
    WORDS_SHARE,
    account_rows_of,
    account_terms,
    account_words,
    centred_means,
)

SUITE = "split-half accounts"
MIN_ARTICLES = 10  # of an account
MAX_ARTICLES = 200  # of an account
MAX_ACCOUNTS = 500

Accounts = Sequence[str | None]
Matrix = NDArray[Any]


def measure_account_halves(
    ids: Sequence[str], accounts: Accounts, vectors: Matrix, terms: NDArray[np.uint32] | None
) -> SuiteResult:
    """Let one half of each account find the other half among those of all accounts.

    ids, accounts, vectors [articles, dim] and terms [articles, n] are those of the release; terms
    are None where words have no share in a score. simrec scores as `simrec accounts` does; it is
    compared with the plain mean of the embeddings and with the sum of TF-IDF.
    """
    rows, half_of_row = deal(ids, accounts)
    half_names = sorted(set(half_of_row))
    count = len(half_names) // 2
    if count < MIN_QUERIES:
        needed = f"accounts with at least {MIN_ARTICLES} articles, of {MIN_QUERIES} needed"
        return SuiteResult(SUITE, "MRR", count, skipped=f"only {count} {needed}")
    owners = account_rows_of(half_names, half_of_row)
    embeddings = unit(np.asarray(vectors[rows]))
    centred = centred_means(embeddings, owners, len(half_names))
    means = _means(embeddings, owners, len(half_names))
    scores = {
        OURS: centred[:count] @ centred[count:].T,
        "mean of embeddings": means[:count] @ means[count:].T,
    }
    if terms is not None:
        words = account_words(terms[rows], owners, len(half_names))
        scores[OURS] = _hybrid(scores[OURS], account_terms(words))
        scores["TF-IDF"] = _cosines(words[:count], words[count:])
    ranks = {name: reciprocal_ranks(of_scorer) for name, of_scorer in scores.items()}
    return SuiteResult(SUITE, "MRR", count, ranks, n_candidates=count)


def deal(ids: Sequence[str], accounts: Accounts) -> tuple[NDArray[np.int64], list[str]]:
    """Return rows of articles, and for each its half: "0 account" or "1 account".

    So first halves come first in order of their names. Articles are dealt by turns in order of a
    hash of their ids; accounts are drawn by a hash of their names.
    """
    rows_of: dict[str, list[int]] = {}
    for row, account in enumerate(accounts):
        if account is not None:
            rows_of.setdefault(account, []).append(row)
    large = [account for account, rows in rows_of.items() if len(rows) >= MIN_ARTICLES]
    dealt_rows: list[int] = []
    halves: list[str] = []
    for account in sorted(large, key=_hash)[:MAX_ACCOUNTS]:
        rows = sorted(rows_of[account], key=lambda row: _hash(ids[row]))[:MAX_ARTICLES]
        dealt_rows += rows
        halves += [f"{turn % 2} {account}" for turn in range(len(rows))]
    return np.array(dealt_rows, np.int64), halves


def _means(embeddings: Matrix, owners: NDArray[np.int64], count: int) -> Matrix:
    """Return the mean direction of each half, unit rows [halves, dim]."""
    columns = np.arange(len(owners))
    membership = sparse.csr_matrix((np.ones(len(owners)), (owners, columns)), (count, len(owners)))
    sums: Matrix = membership @ embeddings
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return sums


def _hybrid(cosines: Matrix, terms: NDArray[np.uint32]) -> Matrix:
    """Return the hybrid scores of first halves for second ones; terms are of both, in order."""
    count = len(cosines)
    every_candidate = np.broadcast_to(np.arange(count), cosines.shape)
    candidates = TermVectors(terms[count:])
    return candidates.hybrid_scores(cosines, terms[:count], every_candidate, WORDS_SHARE)


def _cosines(left: sparse.csr_matrix, right: sparse.csr_matrix) -> Matrix:
    """Return the cosines of sparse rows; a row without words has cosine 0 to all."""
    left_norms = np.maximum(norm(left, axis=1), 1e-9)
    right_norms = np.maximum(norm(right, axis=1), 1e-9)
    products: Matrix = (left @ right.T).toarray()
    return products / np.outer(left_norms, right_norms)


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
