"""What the rules know of articles, from what the store or a release holds of them."""

import json
from collections.abc import Iterable, Sequence

import numpy as np

from simrec.arrays import Mask, Rows
from simrec.articles.store import ArticleMeta
from simrec.recommend.candidates import (
    NO_GROUP,
    TAGS,
    AttributeTable,
    days_of,
    field_groups,
    tag_groups,
)
from simrec.recommend.rules.recommendable import Conditions, Values
from simrec.recommend.table_reader import ArticleAttributes

Articles = Sequence[ArticleMeta] | Sequence[ArticleAttributes]


def attribute_table(
    rows: Rows,
    duplicate_groups: Rows,
    articles: Articles,
    fields: Iterable[str],
    is_recommendable: Mask,
    tags: Iterable[str] = (),
) -> AttributeTable:
    """Return what the rules know of the articles of some rows; groups are by the given fields.

    tags are those of the articles as JSON, if they are among the fields.
    """
    groups: dict[str, Rows] = {}
    for field in fields:
        if field == TAGS:
            groups |= tag_groups(tags)
            continue
        groups[field] = field_groups(field, [getattr(article, field) for article in articles])
    days = days_of([article.published_at for article in articles])
    return AttributeTable(rows, duplicate_groups, days, is_recommendable, groups)


def originals_of(articles: Sequence[ArticleAttributes]) -> Rows:
    """Return the duplicate groups of articles of a release."""
    originals = []
    for article in articles:
        originals.append(NO_GROUP if article.original is None else article.original)
    return np.array(originals, np.int64)


def find_recommendable(
    articles: Articles, tags: Iterable[str] | None, conditions: Conditions
) -> Mask:
    """Tell which articles may be recommended; tags are theirs as JSON, None if nobody asks."""
    is_recommendable = np.ones(len(articles), bool)
    if not conditions:
        return is_recommendable
    tags_of = iter(tags or ())
    for row, article in enumerate(articles):
        values: dict[str, Values] = {}
        for field in conditions.fields:
            if field == "tags":
                values[field] = json.loads(next(tags_of))
            else:
                values[field] = [getattr(article, field)]
        is_recommendable[row] = conditions.allow(values)
    return is_recommendable
