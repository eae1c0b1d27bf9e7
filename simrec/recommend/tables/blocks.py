"""The rows of a release's tables as columns, block by block, for SQLite and Parquet alike."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from simrec.arrays import rank_in_group, row_blocks
from simrec.articles.article import Account
from simrec.index.neighbours import Neighbours
from simrec.recommend.account_terms import AccountTerm
from simrec.recommend.candidates import NO_GROUP
from simrec.recommend.exposure import RankedLists
from simrec.recommend.shared_words import WORDS, SharedWords
from simrec.recommend.stories import Stories
from simrec.recommend.tables.reasons import PairReasons
from simrec.recommend.tables.schema import WORD_BITS, Block

BLOCK_ROWS = 65_536  # articles whose lists are in one block
ACCOUNT_BLOCK_ROWS = 32_768


def similar_articles(
    lists: RankedLists, shared_words: SharedWords, reasons: PairReasons
) -> Iterator[Block]:
    """Yield the lists of all articles, in order of article and rank."""
    for start in range(0, len(lists.rows), BLOCK_ROWS):
        part = slice(start, min(start + BLOCK_ROWS, len(lists.rows)))
        rows = lists.rows[part]
        score_ranks = lists.score_ranks[part]
        article, position = np.nonzero(rows >= 0)
        words = shared_words.of(part.start, part.stop)[article, position]
        similar = rows[article, position]
        score_rank = score_ranks[article, position]
        yield {
            "article": article + start,
            "rank": position + 1,
            "similar": similar,
            "score": lists.scores[part][article, position],
            "score_rank": score_rank,
            "words": pack_words(words),
            "reason": reasons.texts(article + start, similar, words),
            "rules": reasons.rules(article + start, similar, score_rank),
        }


def pack_words(words: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the numbers of the words of pairs [pairs, WORDS] as one integer for each pair."""
    shifts = WORD_BITS * np.arange(WORDS)
    packed: NDArray[np.int64] = (words.astype(np.int64) << shifts).sum(axis=1)
    return packed


def similar_accounts(
    neighbours: Neighbours, accounts: Sequence[Account], min_articles: int
) -> Iterator[Block]:
    """Yield the neighbours of all accounts, in order of account and rank."""
    articles = np.array([account.articles for account in accounts], np.int32)
    for part in row_blocks(len(accounts), ACCOUNT_BLOCK_ROWS):
        account, position = np.nonzero(neighbours.rows[part] >= 0)
        account += part.start
        similar = neighbours.rows[account, position]
        fewer = np.minimum(articles[account], articles[similar])
        yield {
            "account": account,
            "rank": position + 1,
            "similar": similar,
            "score": neighbours.scores[account, position],
            "articles": articles[similar],
            "few_articles": fewer < min_articles,
        }


def account_evidence(evidence: NDArray[Any]) -> Iterator[Block]:
    """Yield the article pairs that make accounts similar, in order of both accounts and rank."""
    pairs = evidence["account"] * (1 << 31) + evidence["similar"]
    yield {
        "account": evidence["account"],
        "similar": evidence["similar"],
        "rank": rank_in_group(pairs) + 1,
        "article": evidence["article"],
        "similar_article": evidence["other"],
        "score": evidence["score"],
    }


def account_terms(terms: Sequence[AccountTerm]) -> Iterator[Block]:
    """Yield the terms of all accounts, in order of account and rank."""
    yield {
        "account": np.array([term.account for term in terms], np.int64),
        "rank": np.array([term.rank for term in terms], np.int64),
        "term": pyarrow.array([term.term for term in terms], pyarrow.string()),
    }


def stories(stories: Stories, characters: Sequence[int]) -> Iterator[Block]:
    """Yield the articles of all stories, in order of story; characters are those of the members."""
    rows = stories.members
    yield {
        "story": stories.first[rows],
        "article": rows,
        "lead": stories.is_lead[rows],
        "characters": np.array(characters, np.int32),
    }


def duplicates(originals: NDArray[np.int64]) -> Iterator[Block]:
    """Yield the articles that are near-duplicates of one that was published first."""
    is_duplicate = (originals != NO_GROUP) & (originals != np.arange(len(originals)))
    rows = np.flatnonzero(is_duplicate)
    yield {"article": rows, "original": originals[rows]}
