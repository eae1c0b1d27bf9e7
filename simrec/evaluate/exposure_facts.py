"""How the lists of a release spread over the articles that may be recommended, by all rules."""

from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew

from simrec.arrays import Mask
from simrec.evaluate.recommendations import Recommendations
from simrec.evaluate.report_format import ExposureFacts
from simrec.recommend.candidates import Days
from simrec.recommend.editors_file import EditorsFile
from simrec.recommend.row_attributes import attribute_table, find_recommendable, originals_of
from simrec.recommend.rules.editors import find_choices
from simrec.recommend.rules.published_rules import PublishedRules
from simrec.recommend.rules.recommendable import Conditions
from simrec.recommend.table_reader import ArticleAttributes
from simrec.recommend.tables.sqlite import read_ids
from simrec.release_folder import ReleaseFolder

Counts = NDArray[np.int64]


def read_attributes(folder: ReleaseFolder) -> list[ArticleAttributes]:
    """Return what the rules may ask of all articles of a release, by row; equal texts are one."""
    columns = ", ".join(ArticleAttributes._fields)
    interned: dict[str | None, str] = {}
    articles = []
    with closing(folder.open_tables()) as db:
        for original, *texts in db.execute(f"SELECT {columns} FROM articles ORDER BY row"):
            texts = [text and interned.setdefault(text, text) for text in texts]
            articles.append(ArticleAttributes(original, *texts))
    return articles


class ListCounts(NamedTuple):
    """In how many lists each article is, in any place, and how many places lists have."""

    of_articles: Counts
    places: int


class Recommendable(NamedTuple):
    """Of all articles by row: whether they may be recommended, and their days of publication."""

    mask: Mask
    days: Days


def find_what_may_be_recommended(
    folder: ReleaseFolder, articles: Sequence[ArticleAttributes]
) -> Recommendable:
    """Return which articles may be recommended: no copies, and nothing that a rule forbids."""
    rules = PublishedRules.read(folder)
    conditions = Conditions(rules.not_recommendable)
    is_recommendable = find_recommendable(
        articles, (article.tags for article in articles), conditions
    )
    rows = np.arange(len(articles))
    table = attribute_table(rows, originals_of(articles), articles, [], is_recommendable)
    mask = np.ones(len(articles), bool)
    entries = EditorsFile.of_release(folder).entries
    row_of = {article_id: row for row, article_id in enumerate(read_ids(folder))} if entries else {}
    choices, _ = find_choices(entries, "article", row_of.get)
    for rule in rules.rules(choices):
        mask &= rule.needs_place(table.all())
    return Recommendable(mask, table.days)


def describe_exposure(
    may_be_recommended: Recommendable,
    lists: Recommendations,
    list_counts: ListCounts,
) -> ExposureFacts:
    """Return how many of the articles that may be recommended are, and how often; lists have K."""
    mask, days = may_be_recommended
    counts, places = list_counts
    first_places = lists.count_occurrences(len(mask))
    return ExposureFacts(
        articles=int(mask.sum()),
        places=places,
        recommended=_share(first_places > 0, mask),
        recommended_in_any_place=_share(counts > 0, mask),
        most_lists=int(counts.max(initial=0)),
        skewness=_skewness(counts[mask]),
        median_age=_median_age(days, lists),
        median_age_of_articles=_median_age(days),
    )


def count_lists(folder: ReleaseFolder, n_articles: int) -> ListCounts:
    """Count in how many lists each article is."""
    counts = np.zeros(n_articles, np.int64)
    with closing(folder.open_tables()) as db:
        for row, count in db.execute("SELECT similar, count(*) FROM similar_articles GROUP BY 1"):
            counts[row] = count
        (places,) = db.execute("SELECT similar_articles FROM facts").fetchone()
    return ListCounts(counts, places)


def _share(is_exposed: Mask, may_be_recommended: Mask) -> float:
    """Return the share of what may be recommended that is; of nothing all of it."""
    if not may_be_recommended.any():
        return 1.0
    return round(float(is_exposed[may_be_recommended].mean()), 4)


def _skewness(counts: Counts) -> float:
    return round(float(skew(counts)), 4) if len(counts) and np.ptp(counts) else 0.0


def _median_age(days: Days, lists: Recommendations | None = None) -> float | None:
    """Return the median age in days of articles, or of what is recommended in the first K places.

    Ages are counted from the newest article; None without dates.
    """
    is_dated = ~np.isnat(days)
    if not is_dated.any():
        return None
    newest = days[is_dated].max()
    counted = days if lists is None else days[lists.articles]
    dated = counted[~np.isnat(counted)]
    if not len(dated):
        return None
    return float(np.median((newest - dated).astype(np.int64)))
