"""Account terms: words and phrases that tell what an account writes about, and others do not."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec.arrays import Rows, open_npy, row_blocks
from simrec.lexical.shown_terms import ShownTerms
from simrec.lexical.term_vectors import unpack
from simrec.lexical.vocabulary import TermVocabulary
from simrec.lexical.words import TERM_IDS, term_id, words
from simrec.recommend.hybrid import ScorerFiles
from simrec.tasks.rows import run_whole
from simrec.tasks.stages import Stages

MOST = 8  # terms of an account
LOOKED_AT = 32  # of most log-odds, among which those that are shown are chosen
PRIOR_TERMS = 500  # an account is taken to have written so many terms as all others write
MIN_ARTICLES = 2  # of the account have a term
MIN_Z = 1.96  # standard errors that the log-odds are above 0

Items = NDArray[np.uint32]


class AccountTerm(NamedTuple):
    """One of the terms of an account: the account's row, its rank from 1, and the term."""

    account: int
    rank: int
    term: str


def find_account_terms(
    account_rows: Rows,
    ids: Sequence[str],
    files: ScorerFiles,
    stages: Stages,
) -> list[AccountTerm]:
    """Return the terms of all accounts, in order of account and rank; none where words have none.

    account_rows are the row of each article's account, -1 for none; ids are those of the accounts,
    whose own words are none of their terms.
    """
    if not (files.weight and ids):
        return []
    articles = len(account_rows)
    parts = run_whole(
        stages, "account-terms", choose_terms, articles, account_rows, list(ids), files
    )
    vocabulary = TermVocabulary.open(files.release.vocabulary)
    terms = []
    for account, items in enumerate(parts.read("items").tolist()):
        names = [name for name in map(vocabulary.name, items) if name]
        for rank, name in enumerate(names, start=1):
            terms.append(AccountTerm(account, rank, name))
    return terms


def choose_terms(
    articles: slice, account_rows: Rows, ids: list[str], files: ScorerFiles
) -> dict[str, Items]:
    """Return the items that are shown of each account, best first, [accounts, MOST], 0 for none.

    articles are all rows.
    """
    shown_terms = ShownTerms.of(TermVocabulary.open(files.release.vocabulary))
    counts = _count_articles(open_npy(files.release.terms), account_rows, len(ids))
    values = log_odds(counts)
    values[(counts.data < MIN_ARTICLES) | (values < MIN_Z)] = 0
    values *= shown_terms.weights[shown_terms.positions(counts.indices.astype(np.uint32))]
    best = np.zeros((len(ids), LOOKED_AT), np.uint32)
    for account, (begin, end) in enumerate(pairwise(counts.indptr.tolist())):
        own_words = [term_id(word) for word in words(ids[account])]
        heaviest = _heaviest(counts.indices[begin:end], values[begin:end], own_words)
        best[account, : len(heaviest)] = heaviest
    return {"items": shown_terms.choose(best, MOST)}


def log_odds(counts: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return how many standard errors more often accounts use terms than others do.

    counts are articles [accounts, terms]; what is returned has one value for each of its entries.
    It is the log-odds ratio with an informative Dirichlet prior, which is the frequency of a term
    in all accounts (Monroe, Colaresi & Quinn 2008, "Fightin' Words").
    """
    used = counts.data.astype(np.float64)
    account = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    of_account = np.bincount(account, used, minlength=counts.shape[0])[account]
    every = np.asarray(counts.sum(axis=0)).ravel().astype(np.float64)[counts.indices]
    total = max(1.0, float(used.sum()))
    prior = PRIOR_TERMS * every / total
    own = used + prior
    others = every - used + prior
    own_odds = own / (of_account + PRIOR_TERMS - own)
    other_odds = others / (total - of_account + PRIOR_TERMS - others)
    errors = np.sqrt(1 / own + 1 / others)
    values: NDArray[np.float64] = np.log(own_odds / other_odds) / errors
    return values


def _count_articles(terms: Items, account_rows: Rows, accounts: int) -> sparse.csr_matrix:
    """Return how many articles of each account have each term, sparse [accounts, TERM_IDS]."""
    counts = sparse.csr_matrix((accounts, TERM_IDS), dtype=np.float32)
    for entries in _entries(terms, account_rows):
        counts = counts + sparse.coo_matrix(entries, counts.shape).tocsr()
    counts.sort_indices()
    return counts


def _entries(
    terms: Items, account_rows: Rows
) -> Iterator[tuple[NDArray[np.float32], tuple[Rows, Items]]]:
    for block in row_blocks(len(account_rows), 1 << 16):
        ids, weights = unpack(terms[block])
        has_term = (weights > 0) & (account_rows[block] >= 0)[:, None]
        row, _ = np.nonzero(has_term)
        yield np.ones(len(row), np.float32), (account_rows[block][row], ids[has_term])


def _heaviest(ids: NDArray[np.int32], values: NDArray[np.float64], left_out: list[int]) -> Items:
    """Return the LOOKED_AT terms of most value, ties by id, none of value 0 or left out."""
    is_wanted = (values > 0) & ~np.isin(ids, left_out)
    ids = ids[is_wanted]
    order = np.lexsort((ids, -values[is_wanted]))[:LOOKED_AT]
    return ids[order].astype(np.uint32)
