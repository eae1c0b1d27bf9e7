"""Accounts: where their articles lie, seen from the middle of all accounts, and which words tell them apart."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import sparse

from simrec.config import IndexConfig
from simrec.encoder.lexical import NUMBERS, Terms, pack, unpack
from simrec.index import ranked
from simrec.index.neighbours import Graph, build
from simrec.index.search import Index

WORDS_SHARE = 0.8  # in the score of two accounts: of .2 to .8 the best on US news and on blogs, see docs/design.md
ACCOUNT_TERMS = 512
GATHERED = 65_536


def similar_accounts(
    vectors: np.ndarray,
    terms: np.ndarray | None,
    accounts: Sequence[str | None],
    config: IndexConfig,
    most: int,
    path: Path,
) -> Graph:
    """Return the nearest accounts of every account; rows are accounts in order of id. Writes the graph to path.

    vectors are the articles' unit rows [articles, dim], terms their words [articles, TERMS] where these
    have a share in scores, accounts the account of each, or None. The accounts nearest by meaning are
    then ranked by the words that tell accounts apart as well.
    """
    ids, matrix = account_vectors(vectors, accounts)
    candidates = max(most, config.candidates) if terms is not None else most
    graph = build(Index.build(matrix, config, candidates), matrix, candidates, path)
    if terms is None or not ids:
        return graph
    own = account_terms(account_words(terms, owners_of(ids, accounts), len(ids)))
    compare, packed, start = Terms(own), [], 0
    for others, near in graph.blocks(candidates):
        scores = compare.joint(near, own[start : start + len(others)], others, WORDS_SHARE)
        packed.append(np.sort(ranked.pack(scores, others), axis=1)[:, :most])
        start += len(others)
    return Graph(np.concatenate(packed))


def account_words(terms: np.ndarray, owners: np.ndarray, accounts: int) -> sparse.csr_matrix:
    """Return the sums of the unit words of accounts' articles, sparse [accounts, NUMBERS].

    owners are the row of each article's account, -1 for none.
    """
    sums = sparse.csr_matrix((accounts, NUMBERS), dtype=np.float32)
    for start in range(0, len(owners), GATHERED):
        owned = owners[start : start + GATHERED]
        numbers, weights = unpack(np.asarray(terms[start : start + GATHERED])[owned >= 0])
        weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1)
        of_account = np.repeat(owned[owned >= 0], numbers.shape[1])
        part = sparse.coo_matrix((weights.ravel(), (of_account, numbers.ravel())), sums.shape)
        sums = sums + part.tocsr()
    sums.eliminate_zeros()
    return sums


def account_terms(sums: sparse.csr_matrix) -> np.ndarray:
    """Return the words that tell accounts apart, uint32 [accounts, ACCOUNT_TERMS], from the sums of their words.

    A word weighs the root of its weights over the account's articles, so that a word of many articles
    counts more than a word of one and less than all of them, times ln(accounts / accounts that use it).
    """
    accounts = sums.shape[0]
    idf = np.log(accounts / np.bincount(sums.indices, minlength=1)[sums.indices])
    weights = np.sqrt(sums.data) * idf
    found = np.zeros((accounts, ACCOUNT_TERMS), np.uint32)
    for row, (begin, end) in enumerate(pairwise(sums.indptr)):
        best = begin + np.lexsort((sums.indices[begin:end], -weights[begin:end]))[:ACCOUNT_TERMS]
        best = best[weights[best] > 0]
        found[row, : len(best)] = pack(sums.indices[best], weights[best])
    return found


def account_vectors(vectors: np.ndarray, accounts: Sequence[str | None]) -> tuple[list[str], np.ndarray]:
    """Return the accounts in order of id, and float32 unit vectors [accounts, dim].

    An account is the mean of its articles less the mean over accounts: what all write about tells
    nobody apart. Where that leaves nothing (a single account), it is the plain mean.
    """
    ids = sorted({account for account in accounts if account is not None})
    owned = owners_of(ids, accounts)
    sums = np.zeros((len(ids), vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, owned[owned >= 0], vectors[owned >= 0])
    means = sums / np.maximum(np.bincount(owned[owned >= 0], minlength=len(ids)), 1)[:, None]
    centred = means - means.mean(axis=0) if len(ids) > 1 else means
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    directions = np.where(lengths > 1e-6, centred, means)
    return ids, (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)


def owners_of(ids: Sequence[str], accounts: Sequence[str | None]) -> np.ndarray:
    """Return the row of each article's account, -1 for none."""
    row_of: dict[str | None, int] = {account: row for row, account in enumerate(ids)}
    return np.array([row_of.get(account, -1) for account in accounts], dtype=np.int64)
