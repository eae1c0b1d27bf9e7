"""Halves of accounts: does an account find itself, when its articles are dealt into two."""

import hashlib
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import norm

from simrec.evaluate.suites import OURS, SuiteResult
from simrec.index.vectors import unit
from simrec.lexical.term_vectors import TermVectors
from simrec.metrics import reciprocal_ranks
from simrec.recommend.choose_weight import MIN_QUERIES
from simrec.recommend.similar_accounts import (
    WORDS_SHARE,
    account_terms,
    account_vectors,
    account_words,
)

FEWEST_ARTICLES, MOST_ARTICLES = 10, 200  # of an account
MOST_ACCOUNTS = 500


def run(
    ids: Sequence[str],
    accounts: Sequence[str | None],
    vectors: np.ndarray,
    terms: np.ndarray | None,
) -> SuiteResult:
    """Let one half of each account's articles find the other half among those of all accounts.

    ids, accounts, vectors [articles, dim] and terms [articles, TERMS] are those stored in the release, scored as
    `simrec accounts` scores; beside them stand the plain mean of the embeddings and the sum of TF-IDF.
    """
    rows, owners = deal(ids, accounts)
    count = len(set(owners)) // 2
    if count < MIN_QUERIES:
        why = f"only {count} accounts with at least {FEWEST_ARTICLES} articles, of {MIN_QUERIES} needed"
        return SuiteResult("split-half accounts", "MRR", count, skipped=why)
    own = unit(np.asarray(vectors[rows]))
    names, matrix = account_vectors(own, owners)
    row_of = {owner: row for row, owner in enumerate(names)}
    owner_rows = np.array([row_of[owner] for owner in owners])
    near = matrix[:count] @ matrix[count:].T
    deals = sparse.csr_matrix(
        (np.ones(len(rows)), (owner_rows, np.arange(len(rows)))), (2 * count, len(rows))
    )
    means = deals @ own
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    scores = {OURS: near, "mean of embeddings": means[:count] @ means[count:].T}
    if terms is not None:
        words = account_words(terms[rows], owner_rows, 2 * count)
        scores[OURS] = _joint(near, account_terms(words))
        lengths = np.maximum(norm(words, axis=1), 1e-9)
        scores["TF-IDF"] = (words[:count] @ words[count:].T).toarray() / np.outer(
            lengths[:count], lengths[count:]
        )
    scored = {who: reciprocal_ranks(found) for who, found in scores.items()}
    return SuiteResult("split-half accounts", "MRR", count, scored, candidates=count)


def deal(ids: Sequence[str], accounts: Sequence[str | None]) -> tuple[np.ndarray, list[str]]:
    """Return rows, and of each the half it belongs to: "0 name" or "1 name", so that first halves sort first.

    Articles are dealt in the order of a hash of their ids, and accounts drawn by one of their names.
    """
    of_account: dict[str, list[int]] = {}
    for row, account in enumerate(accounts):
        if account is not None:
            of_account.setdefault(account, []).append(row)
    large = [account for account, rows in of_account.items() if len(rows) >= FEWEST_ARTICLES]
    rows, owners = [], []
    for account in sorted(large, key=_hash)[:MOST_ACCOUNTS]:
        dealt = sorted(of_account[account], key=lambda row: _hash(ids[row]))[:MOST_ARTICLES]
        rows += dealt
        owners += [f"{place % 2} {account}" for place in range(len(dealt))]
    return np.array(rows, np.int64), owners


def _joint(near: np.ndarray, terms: np.ndarray) -> np.ndarray:
    others = np.broadcast_to(np.arange(len(near)), near.shape)
    return TermVectors(terms[len(near) :]).hybrid_scores(
        near, terms[: len(near)], others, WORDS_SHARE
    )


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
