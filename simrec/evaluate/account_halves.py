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
    ACCOUNT_LEXICAL_WEIGHT,
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
Rows = NDArray[np.int64]


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
    scores = _score_vectors(unit(np.asarray(vectors[rows])), owners, count)
    if terms is not None:
        words = account_words(terms[rows], owners, 2 * count)
        scores[OURS] = _hybrid(scores[OURS], account_terms(words))
        scores["TF-IDF"] = _cosines(words[:count], words[count:])
    ranks = {name: reciprocal_ranks(of_scorer) for name, of_scorer in scores.items()}
    return SuiteResult(SUITE, "MRR", count, ranks, n_candidates=count)


def _score_vectors(vectors: Matrix, owners: Rows, count: int) -> dict[str, Matrix]:
    """Return the scores of first halves for second halves by the vectors of their articles."""
    centred = centred_means(vectors, owners, 2 * count)
    means = _means(vectors, owners, 2 * count)
    return {
        OURS: centred[:count] @ centred[count:].T,
        "mean of embeddings": means[:count] @ means[count:].T,
    }


def deal(ids: Sequence[str], accounts: Accounts) -> tuple[Rows, list[str]]:
    """Return rows of articles, and for each its half: "0 account" or "1 account".

    So first halves come first in order of their names. Articles are dealt by turns in order of a
    hash of their ids; accounts are drawn by a hash of their names.
    """
    dealt_rows: list[int] = []
    halves: list[str] = []
    for account, account_rows in _draw_accounts(accounts):
        rows = sorted(account_rows, key=lambda row: _hash(ids[row]))[:MAX_ARTICLES]
        dealt_rows += rows
        halves += [f"{turn % 2} {account}" for turn in range(len(rows))]
    return np.array(dealt_rows, np.int64), halves


def _draw_accounts(accounts: Accounts) -> list[tuple[str, list[int]]]:
    """Return accounts of enough articles with the rows of these, in order of a hash."""
    rows_of: dict[str, list[int]] = {}
    for row, account in enumerate(accounts):
        if account is not None:
            rows_of.setdefault(account, []).append(row)
    large = [account for account, rows in rows_of.items() if len(rows) >= MIN_ARTICLES]
    drawn = sorted(large, key=_hash)[:MAX_ACCOUNTS]
    return [(account, rows_of[account]) for account in drawn]


def _means(vectors: Matrix, owners: Rows, n_halves: int) -> Matrix:
    """Return the mean direction of each half, unit rows [halves, dim]."""
    n_rows = len(owners)
    entries = (np.ones(n_rows), (owners, np.arange(n_rows)))
    membership = sparse.csr_matrix(entries, (n_halves, n_rows))
    sums: Matrix = membership @ vectors
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return sums


def _hybrid(cosines: Matrix, terms: NDArray[np.uint32]) -> Matrix:
    """Return the hybrid scores of first halves for second ones; terms are of both, in order."""
    count = len(cosines)
    every_candidate = np.broadcast_to(np.arange(count), cosines.shape)
    candidates = TermVectors(terms[count:])
    return candidates.hybrid_scores(cosines, terms[:count], every_candidate, ACCOUNT_LEXICAL_WEIGHT)


def _cosines(left: sparse.csr_matrix, right: sparse.csr_matrix) -> Matrix:
    """Return the cosines of sparse rows; a row without words has cosine 0 to all."""
    left_norms = np.maximum(norm(left, axis=1), 1e-9)
    right_norms = np.maximum(norm(right, axis=1), 1e-9)
    products: Matrix = (left @ right.T).toarray()
    return products / np.outer(left_norms, right_norms)


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
