"""Similar accounts: by the means of their articles' vectors and by the words typical of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec.arrays import Rows, open_npy, row_blocks, write_npy
from simrec.config import IndexConfig
from simrec.index.build import build_index
from simrec.index.exact import exact_cosines
from simrec.index.knn_graph import build_knn_graph
from simrec.index.neighbours import Neighbours
from simrec.index.vectors import unit_rows
from simrec.lexical.term_vectors import TermVectors, pack, unpack
from simrec.lexical.words import TERM_IDS
from simrec.recommend.editors_accounts import choose_accounts
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.rules.editors import EditorsChoices
from simrec.release_folder import ReleaseFolder
from simrec.tasks.rows import run_whole
from simrec.tasks.stages import Stages, in_turn

# The lexical share in the score of two accounts: of .2 to .8 the best on US news and on blogs,
# see docs/design.md.
ACCOUNT_LEXICAL_WEIGHT = 0.8
ACCOUNT_TERMS = 512
BLOCK_ROWS = 65_536


@dataclass(frozen=True)
class AccountSearch:
    """How accounts are compared: k are wanted of each; their index is built in `scratch`."""

    files: ScorerFiles
    config: IndexConfig
    k: int
    scratch: ReleaseFolder
    choices: EditorsChoices

    @classmethod
    def of(
        cls,
        files: ScorerFiles,
        config: IndexConfig,
        k: int,
        stages: Stages,
        choices: EditorsChoices | None = None,
    ) -> "AccountSearch":
        """Return the search of a release; choices are what the editors want of accounts."""
        scratch = ReleaseFolder(stages.folder / "of accounts")
        return cls(files, config, k, scratch, choices or EditorsChoices())

    @property
    def candidates(self) -> int:
        """Return how many accounts nearest by vectors are looked at."""
        if not self.files.weight and not self.choices:
            return self.k
        return max(self.k, self.config.candidates)


def similar_accounts(
    account_rows: Rows,
    accounts: int,
    search: AccountSearch,
    stages: Stages,
) -> Neighbours:
    """Return the most similar accounts of every account; rows are accounts in order of id.

    account_rows are the row of each article's account, -1 for none. The accounts nearest by vectors
    are reranked with their words, unless the lexical share in the score of articles is 0.
    """
    articles = len(account_rows)
    parts = run_whole(stages, "accounts", rank_accounts, articles, account_rows, accounts, search)
    return Neighbours(parts.read("rows"), parts.read("scores"))


def rank_accounts(
    rows: slice, account_rows: Rows, accounts: int, search: AccountSearch
) -> dict[str, NDArray[Any]]:
    """Return the accounts similar to each, as arrays of Neighbours; rows are all articles."""
    nearest = _nearest_by_vectors(account_rows, accounts, search)
    words = None
    if search.files.weight and accounts:
        terms = open_npy(search.files.release.terms)
        words = account_terms(account_words(terms, account_rows, accounts))
        scores = _with_words(nearest.scores, words, np.arange(accounts), nearest.rows)
        nearest = Neighbours.ranked(nearest.rows, scores)
    if not search.choices:
        return nearest.first(search.k)._asdict()
    pins = search.choices.pins
    seeds = np.array([pin.seed for pin in pins], np.int64)
    rows_of_pins = np.array([[pin.row] for pin in pins], np.int64).reshape(-1, 1)
    means = open_npy(search.scratch.vectors)
    scores = exact_cosines(means[seeds], rows_of_pins, means)
    if words is not None:
        scores = _with_words(scores, words, seeds, rows_of_pins)
    return choose_accounts(nearest, search.choices, scores[:, 0], search.k)._asdict()


def _with_words(
    cosines: NDArray[np.float32], words: NDArray[np.uint32], seeds: Rows, rows: Rows
) -> NDArray[np.float32]:
    """Return the scores of accounts [seeds, n], from the cosines of their vectors and words."""
    return TermVectors(words).hybrid_scores(cosines, words[seeds], rows, ACCOUNT_LEXICAL_WEIGHT)


def _nearest_by_vectors(account_rows: Rows, accounts: int, search: AccountSearch) -> Neighbours:
    scratch = search.scratch
    scratch.path.mkdir(exist_ok=True)
    vectors = open_npy(search.files.release.vectors)
    means = centred_means(vectors, account_rows, accounts)
    write_npy(scratch.vectors, [means], means.shape, "<f4")
    stages = Stages(in_turn, scratch.path / "parts", "accounts")
    k = search.candidates
    index = build_index(scratch.vectors, search.config, k, stages)
    index.save(scratch.index)
    graph = build_knn_graph(index, scratch, k, stages, search.config.memory_mib)
    return graph.between(0, accounts, k)


def account_words(
    terms: NDArray[np.uint32], account_rows: Rows, accounts: int
) -> sparse.csr_matrix:
    """Return the sums of the unit term vectors of accounts' articles, sparse [accounts, TERM_IDS].

    terms are packed, of all articles; account_rows are the row of each one's account, -1 for none.
    """
    sums = sparse.csr_matrix((accounts, TERM_IDS), dtype=np.float32)
    for block in row_blocks(len(account_rows), BLOCK_ROWS):
        rows = account_rows[block]
        has_account = rows >= 0
        ids, weights = unpack(terms[block][has_account])
        norms = np.linalg.norm(weights, axis=1, keepdims=True)
        weights /= np.maximum(norms, 1)
        row_of_term = np.repeat(rows[has_account], ids.shape[1])
        entries = (weights.ravel(), (row_of_term, ids.ravel()))
        sums = sums + sparse.coo_matrix(entries, sums.shape).tocsr()
    sums.eliminate_zeros()
    return sums


def account_terms(sums: sparse.csr_matrix) -> NDArray[np.uint32]:
    """Return the packed term vectors of accounts [accounts, ACCOUNT_TERMS].

    sums are those of `account_words`. A term weighs the root of its sum over the account's
    articles, so that a term of many articles counts more than a term of one and less than all of
    them, times ln(accounts / accounts that use it).
    """
    _, term, accounts_of_term = np.unique(sums.indices, return_inverse=True, return_counts=True)
    idf = np.log(sums.shape[0] / accounts_of_term)
    weights = np.sqrt(sums.data) * idf[term]
    packed = np.zeros((sums.shape[0], ACCOUNT_TERMS), np.uint32)
    for row, (begin, end) in enumerate(pairwise(sums.indptr)):
        heaviest = _pack_heaviest(sums.indices[begin:end], weights[begin:end])
        packed[row, : len(heaviest)] = heaviest
    return packed


def _pack_heaviest(ids: NDArray[np.int32], weights: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Return the heaviest terms of one account, heaviest first, ties by id."""
    order = np.lexsort((ids, -weights))[:ACCOUNT_TERMS]
    order = order[weights[order] > 0]
    return pack(ids[order], weights[order])


def account_vectors(
    vectors: NDArray[np.floating], accounts: Sequence[str | None]
) -> tuple[list[str], NDArray[np.float32]]:
    """Return the accounts in order of id, and their unit vectors [accounts, dim]."""
    ids = sorted({account for account in accounts if account is not None})
    account_rows = account_rows_of(ids, accounts)
    return ids, centred_means(vectors, account_rows, len(ids))


def centred_means(
    vectors: NDArray[np.floating], account_rows: Rows, accounts: int
) -> NDArray[np.float32]:
    """Return unit vectors of accounts [accounts, dim]; account_rows are of each article, or -1.

    An account is the mean of its articles less the mean over accounts, since what all accounts
    write about does not tell them apart. Where that leaves nothing (a single account), it is the
    plain mean.
    """
    means = _mean_vectors(vectors, account_rows, accounts)
    centred = means - means.mean(axis=0) if accounts > 1 else means
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    directions = np.where(norms > 1e-6, centred, means)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions.astype(np.float32)


def _mean_vectors(
    vectors: NDArray[np.floating], account_rows: Rows, accounts: int
) -> NDArray[np.float64]:
    """Return the mean unit vector of each account's articles, [accounts, dim]."""
    sums = np.zeros((accounts, vectors.shape[1]))
    for block in row_blocks(len(account_rows), BLOCK_ROWS):
        rows = account_rows[block]
        articles = np.flatnonzero(rows >= 0)
        of_articles = unit_rows(vectors[block][articles]).astype(np.float64)
        sums += _membership(rows[articles], accounts) @ of_articles
    counts = np.bincount(account_rows[account_rows >= 0], minlength=accounts)
    return sums / np.maximum(counts, 1)[:, None]


def _membership(account_rows: Rows, accounts: int) -> sparse.csr_matrix:
    """Return which articles are an account's, 1 or 0, [accounts, articles]."""
    articles = len(account_rows)
    entries = (np.ones(articles), (account_rows, np.arange(articles)))
    return sparse.csr_matrix(entries, (accounts, articles))


def account_rows_of(ids: Sequence[str], accounts: Sequence[str | None]) -> Rows:
    """Return the row of each article's account, -1 for none."""
    row_of_account: dict[str | None, int] = {}
    for row, account_id in enumerate(ids):
        row_of_account[account_id] = row
    rows = [row_of_account.get(account, -1) for account in accounts]
    return np.array(rows, np.int64)
