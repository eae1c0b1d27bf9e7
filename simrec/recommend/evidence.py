"""Evidence: the pairs of articles that make two accounts similar."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, Scores, rank_in_group, row_blocks
from simrec.index.neighbours import rounded
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.rerank import RankedCandidates
from simrec.tasks.rows import map_rows
from simrec.tasks.stages import Stages

PAIRS = 3  # of articles are shown for a pair of accounts
CANDIDATES = 40  # of an article are looked at
MAX_ARTICLES = 64  # of an account are compared where no article is a candidate of the other's
BLOCK_PAIRS = 64  # of accounts are compared at once
ACCOUNT_BITS = 31  # of the second account in the number of a pair
ARTICLE_PAIR = np.dtype(
    [("account", "i8"), ("similar", "i8"), ("article", "i8"), ("other", "i8"), ("score", "f4")]
)
ArticlePairs = NDArray[np.void]


def find_evidence(
    similar: Rows,
    candidates: RankedCandidates,
    account_rows: Rows,
    files: ScorerFiles,
    stages: Stages,
) -> ArticlePairs:
    """Return the article pairs of highest score of pairs of accounts, at most PAIRS of each.

    similar are accounts [accounts, k], -1 for none; account_rows are the account of each article.
    The pairs are ARTICLE_PAIRs: two accounts, two rows of articles and their score, in order of
    accounts and score. Where no article of an account is a candidate of one of the other's, the
    last MAX_ARTICLES of each are compared.
    """
    account, rank = np.nonzero(similar >= 0)
    wanted = np.sort(_pair_ids(account, similar[account, rank]))
    parts = map_rows(
        stages, "evidence", find_pairs, len(account_rows), wanted, account_rows, candidates
    )
    pairs = parts.read("pairs")
    with_pairs = _pair_ids(pairs["account"], pairs["similar"])
    missing = np.setdiff1d(wanted, with_pairs)
    articles_of = _last_articles(account_rows, len(similar))
    compared = _compare_accounts(missing, articles_of, files)
    return _best_pairs(np.concatenate([pairs, *compared]))


def find_pairs(
    rows: slice,
    wanted: Rows,
    account_rows: Rows,
    candidates: RankedCandidates,
) -> dict[str, ArticlePairs]:
    """Return the best pairs of rows and their candidates whose accounts are wanted.

    wanted are `_pair_ids` of accounts, ascending.
    """
    others, scores = candidates.between(rows.start, rows.stop)
    others = others[:, :CANDIDATES]
    account = account_rows[rows][:, None]
    similar = account_rows[others]
    pair_ids = _pair_ids(account, similar)
    are_accounts = (others >= 0) & (account >= 0) & (similar >= 0)
    is_wanted = are_accounts & _is_among(pair_ids, wanted)
    row, column = np.nonzero(is_wanted)
    pairs = _article_pairs(
        account=account[row, 0],
        similar=similar[row, column],
        article=row + rows.start,
        other=others[row, column],
        score=scores[row, column],
    )
    return {"pairs": _best_pairs(pairs)}


def _article_pairs(
    account: Rows,
    similar: Rows,
    article: Rows,
    other: Rows,
    score: Scores,
) -> ArticlePairs:
    pairs = np.empty(len(article), ARTICLE_PAIR)
    pairs["account"] = account
    pairs["similar"] = similar
    pairs["article"] = article
    pairs["other"] = other
    pairs["score"] = score
    return pairs


def _pair_ids(account: Rows, similar: Rows) -> Rows:
    """Return a number for each pair of accounts, in order of both."""
    return (account << ACCOUNT_BITS) + similar


def _is_among(pair_ids: Rows, wanted: Rows) -> Mask:
    """Tell which numbers are among some that are ascending."""
    positions = np.searchsorted(wanted, pair_ids)
    nearest_wanted = np.append(wanted, -1)[positions]
    is_among: Mask = nearest_wanted == pair_ids
    return is_among


def _best_pairs(pairs: ArticlePairs) -> ArticlePairs:
    """Return the PAIRS of highest score of each pair of accounts, ties by row."""
    pair_ids = _pair_ids(pairs["account"], pairs["similar"])
    order = np.lexsort((pairs["other"], pairs["article"], -pairs["score"], pair_ids))
    is_best = rank_in_group(pair_ids[order]) < PAIRS
    return pairs[order[is_best]]


def _last_articles(account_rows: Rows, accounts: int) -> list[Rows]:
    """Return the rows of each account's last MAX_ARTICLES articles."""
    order = np.argsort(account_rows, kind="stable")
    edges = np.searchsorted(account_rows[order], np.arange(accounts + 1))
    articles = []
    for begin, end in pairwise(edges.tolist()):
        articles.append(order[begin:end][-MAX_ARTICLES:])
    return articles


def _compare_accounts(
    pair_ids: Rows,
    articles_of: list[Rows],
    files: ScorerFiles,
) -> Iterator[ArticlePairs]:
    """Yield the best article pairs of pairs of accounts, of all that there are."""
    scorer = files.open()
    for block in row_blocks(len(pair_ids), BLOCK_PAIRS):
        articles, others, owners = _article_lines(pair_ids[block], articles_of)
        scores = rounded(scorer.scores(articles, others))
        line, column = np.nonzero(others >= 0)
        account, similar = np.divmod(owners[line], 1 << ACCOUNT_BITS)
        pairs = _article_pairs(
            account=account,
            similar=similar,
            article=articles[line],
            other=others[line, column],
            score=scores[line, column],
        )
        yield _best_pairs(pairs)


def _article_lines(pair_ids: Rows, articles_of: list[Rows]) -> tuple[Rows, Rows, Rows]:
    """Return each article of a first account, those of the second beside it, and their pair.

    They are [lines], [lines, MAX_ARTICLES] with -1 for none, and [lines].
    """
    articles = []
    lines = []
    owners = []
    for pair_id in pair_ids.tolist():
        account, similar = divmod(pair_id, 1 << ACCOUNT_BITS)
        others = np.full(MAX_ARTICLES, -1)
        others[: len(articles_of[similar])] = articles_of[similar]
        for article in articles_of[account].tolist():
            articles.append(article)
            lines.append(others)
            owners.append(pair_id)
    width = max((int((line >= 0).sum()) for line in lines), default=0)
    matrix = np.array(lines, np.int64).reshape(-1, MAX_ARTICLES)[:, :width]
    return np.array(articles, np.int64), matrix, np.array(owners, np.int64)
