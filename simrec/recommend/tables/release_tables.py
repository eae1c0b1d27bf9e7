"""All tables of a release, written to SQLite and Parquet in one pass."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from simrec import files
from simrec.articles.article import Account
from simrec.articles.store import ArticleMeta
from simrec.config import RecommendConfig
from simrec.index.neighbours import Neighbours
from simrec.recommend.account_terms import AccountTerm
from simrec.recommend.candidates import NO_GROUP
from simrec.recommend.clicks import Clicks
from simrec.recommend.exposure import RankedLists
from simrec.recommend.rules.editors import EditorsChoices
from simrec.recommend.shared_words import SharedWords
from simrec.recommend.stories import Stories
from simrec.recommend.tables import blocks, schema
from simrec.recommend.tables.diff import write_changes
from simrec.recommend.tables.parquet import Ids, ParquetTable, to_arrow, write_parquet
from simrec.recommend.tables.reasons import PairReasons
from simrec.recommend.tables.schema import Block, TableSchema
from simrec.recommend.tables.sqlite import SqliteTables
from simrec.release_folder import ReleaseFolder


@dataclass(frozen=True)
class RankedRelease:
    """All that the tables are written from.

    images are (id, address) of the articles that have one, in order of id;
    originals are the rows of the articles that were published first, NO_GROUP of an article without
    near-duplicates; choices are the editors' of articles, clicks None where they have no share in a
    score; evidence is the structured array of pairs of articles of similar accounts; characters are
    those of the articles of stories.
    """

    articles: Sequence[ArticleMeta]
    images: Sequence[tuple[str, str]]
    originals: NDArray[np.int64]
    lists: RankedLists
    shared_words: SharedWords
    choices: EditorsChoices
    clicks: Clicks | None
    accounts: Sequence[Account]
    similar_accounts: Neighbours
    evidence: NDArray[Any]
    account_terms: Sequence[AccountTerm]
    stories: Stories
    characters: Sequence[int]


def write_tables(
    folder: ReleaseFolder,
    release: RankedRelease,
    article_rows: Iterable[Sequence[Any]],
    config: RecommendConfig,
    before: ReleaseFolder | None,
) -> int | None:
    """Write all tables; return how many rows of similar articles changed since the release before.

    article_rows are the columns of the articles in the store, in order of id. The answer is None
    where there is no release before. The SQLite file gets its name last: if it is there, all are.
    """
    ids: Ids = {
        "article": pyarrow.array([article.id for article in release.articles], pyarrow.string()),
        "account": pyarrow.array([account.id for account in release.accounts], pyarrow.string()),
    }
    with SqliteTables.write(folder.tables) as sqlite:
        _write_rows(sqlite, release, article_rows, config)
        for table, table_blocks in _blocks(release, config):
            with write_parquet(folder.table(table.name), table) as parquet:
                for block in table_blocks:
                    parquet.write_table(to_arrow(table, block, ids))
                    sqlite.insert_block(table, block)
        return _write_changes(folder, before, config.min_score_change) if before else None


def _write_rows(
    sqlite: SqliteTables,
    release: RankedRelease,
    article_rows: Iterable[Sequence[Any]],
    config: RecommendConfig,
) -> None:
    """Write the tables that SQLite alone has."""
    sqlite.insert_rows(schema.ARTICLES, _with_originals(article_rows, release.originals))
    sqlite.insert_rows(schema.IMAGES, _image_rows(release))
    sqlite.insert_rows(schema.WORDS, enumerate(release.shared_words.words, start=1))
    sqlite.insert_rows(schema.ACCOUNTS, _account_rows(release.accounts))
    facts = (config.similar_articles, config.similar_accounts, config.min_articles)
    sqlite.insert_rows(schema.FACTS, [facts])


def _with_originals(
    article_rows: Iterable[Sequence[Any]], originals: NDArray[np.int64]
) -> Iterator[Sequence[Any]]:
    for row, (values, original) in enumerate(zip(article_rows, originals.tolist(), strict=True)):
        yield row, *values, None if original == NO_GROUP else original


def _image_rows(release: RankedRelease) -> Iterator[Sequence[Any]]:
    rows = iter(enumerate(release.articles))
    for article_id, image in release.images:
        yield next(row for row, article in rows if article.id == article_id), image


def _account_rows(accounts: Sequence[Account]) -> Iterator[Sequence[Any]]:
    for row, account in enumerate(accounts):
        yield row, account.id, account.articles, account.first, account.last


def _blocks(
    release: RankedRelease, config: RecommendConfig
) -> Iterator[tuple[TableSchema, Iterator[Block]]]:
    """Yield the tables that Parquet has, with their rows."""
    words = release.shared_words.words
    places = release.lists.rows.shape[1]
    reasons = PairReasons(release.articles, words, places, release.choices, release.clicks)
    lists = blocks.similar_articles(release.lists, release.shared_words, reasons)
    yield schema.SIMILAR_ARTICLES, lists
    accounts = blocks.similar_accounts(
        release.similar_accounts, release.accounts, config.min_articles
    )
    yield schema.SIMILAR_ACCOUNTS, accounts
    yield schema.EVIDENCE, blocks.account_evidence(release.evidence)
    yield schema.ACCOUNT_TERMS, blocks.account_terms(release.account_terms)
    yield schema.DUPLICATES, blocks.duplicates(release.originals)
    yield schema.STORIES, blocks.stories(release.stories, release.characters)


def _write_changes(
    folder: ReleaseFolder, before: ReleaseFolder, min_score_change: float
) -> int | None:
    counts: dict[str, int] = {}
    for table in schema.RANKED:
        if before.table(table.name).exists():
            old = ParquetTable.open(before, table.name)
            new = ParquetTable.open(folder, table.name)
            path = folder.changes_of(new.path)
            subject = table.columns[0].name
            counts[subject] = write_changes(old, new, path, min_score_change)
    if counts:
        files.write_json(folder.changes, {"since": before.release_id, "rows": counts})
    return counts.get("article")
