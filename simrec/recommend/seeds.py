"""The seeds of a query: which rows of a release it starts from, and what each counts."""

from collections.abc import Sequence
from typing import NamedTuple

from simrec.errors import UnknownIdError
from simrec.recommend.query import Query
from simrec.recommend.table_reader import TableReader

MAX_SEEDS = 50  # of a history or of an account, the latest
HISTORY_HALF_LIFE = 10  # articles read after one, until it counts half
LESS_LIKE_WEIGHT = -0.5  # beside 1 of what hits are to be similar to (Rocchio 1971)


class Seeds(NamedTuple):
    """The articles that a query starts from, with their rows and weights, all in one order.

    No hit is one of excluded_rows. With `max_over_seeds` a hit is scored by the seed it is nearest
    to, otherwise by the weighted mean over all seeds. A query with a text has one seed, which is no
    article.
    """

    ids: Sequence[str] = ()
    rows: Sequence[int] = ()
    weights: Sequence[float] = (1.0,)
    excluded_rows: frozenset[int] = frozenset()
    max_over_seeds: bool = False


def find_seeds(query: Query, tables: TableReader) -> Seeds:
    """Return the seeds of a query. UnknownIdError if the release does not hold them."""
    if query.text is not None:
        return Seeds()
    if query.history is not None:
        return _of_history(query.history, tables)
    if query.account is not None:
        return _of_account(query.account, tables)
    return _of_articles(query.ids, query.less_like, tables)


def _of_articles(ids: Sequence[str], less_like: Sequence[str], tables: TableReader) -> Seeds:
    all_ids = [*ids, *less_like]
    rows = [tables.article_row(article_id) for article_id in all_ids]
    weights = [1 / len(ids)] * len(ids)
    if less_like:
        weights += [LESS_LIKE_WEIGHT / len(less_like)] * len(less_like)
    return Seeds(all_ids, rows, weights, frozenset(rows))


def _of_history(history: Sequence[str], tables: TableReader) -> Seeds:
    """Return the last MAX_SEEDS articles of a history, the last first; all of it is excluded."""
    row_of: dict[str, int] = {}
    for article_id in reversed(history):
        row = tables.find_article(article_id)
        if row is not None:
            row_of.setdefault(article_id, row)
    if not row_of:
        raise UnknownIdError(
            f"none of the {len(history):,} articles of the history is in the current release"
        )
    recent = list(row_of)[:MAX_SEEDS]
    weights = [0.5 ** (read_after / HISTORY_HALF_LIFE) for read_after in range(len(recent))]
    rows = [row_of[article_id] for article_id in recent]
    return Seeds(recent, rows, weights, frozenset(row_of.values()), max_over_seeds=True)


def _of_account(account: str, tables: TableReader) -> Seeds:
    """Return the latest MAX_SEEDS articles of an account; all that it published is excluded."""
    tables.account_row(account)
    articles = tables.latest_articles(account)
    latest = articles[:MAX_SEEDS]
    return Seeds(
        ids=[article_id for _, article_id in latest],
        rows=[row for row, _ in latest],
        weights=[1.0] * len(latest),
        excluded_rows=frozenset(row for row, _ in articles),
        max_over_seeds=True,
    )
