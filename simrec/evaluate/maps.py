"""The maps of a release: which articles and accounts are on them, and in which groups."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import open_npy
from simrec.evaluate.evaluated_release import ArticleLabels, read_labels
from simrec.evaluate.projection import (
    MAX_ACCOUNTS,
    MIN_POINTS,
    NO_MAP,
    PlacedPoints,
    mark,
    needs_layout,
    project_accounts,
    project_articles,
    sample_rows,
)
from simrec.evaluate.report_format import AccountMap, ArticleMap, Maps, read_part
from simrec.evaluate.samples import show_articles
from simrec.index.vectors import unit
from simrec.recommend.similar_accounts import account_vectors
from simrec.release_folder import ReleaseFolder

ARTICLES_OF_ACCOUNT = 200  # that say where an account is on the map


def build_maps(folder: ReleaseFolder, previous: ReleaseFolder | None) -> Maps:
    """Return the maps of a release; points of the previous release stay where they were.

    Both are laid out anew together, when too many articles are new.
    """
    articles = read_labels(folder)
    vectors = open_npy(folder.vectors)
    previous_articles, previous_accounts = _read_previous_maps(previous)
    article_map = _map_articles(folder, articles, vectors, previous_articles)
    if needs_layout(article_map.marks, previous_articles):
        previous_accounts = NO_MAP
    account_map = _map_accounts(articles, vectors, previous_accounts)
    return Maps(articles=article_map, accounts=account_map)


def _read_previous_maps(
    previous: ReleaseFolder | None,
) -> tuple[PlacedPoints, PlacedPoints]:
    """Return where articles and accounts were on the maps of the previous release."""
    if previous is None or not previous.maps.exists():
        return NO_MAP, NO_MAP
    maps = read_part(previous.maps, Maps)
    articles = {}
    for point_mark, point in zip(maps.articles.marks, maps.articles.points, strict=True):
        articles[point_mark] = (point.x, point.y)
    accounts = {point.account: (point.x, point.y) for point in maps.accounts.points}
    return (
        PlacedPoints(articles, maps.articles.added),
        PlacedPoints(accounts, maps.accounts.added),
    )


def _map_articles(
    folder: ReleaseFolder,
    articles: Sequence[ArticleLabels],
    vectors: NDArray[Any],
    previous: PlacedPoints,
) -> ArticleMap:
    """Return the map of sampled articles, coloured by category where most have one."""
    rows = sample_rows([article.id for article in articles])
    sampled = [articles[row] for row in rows]
    sampled_vectors = vectors[rows]
    titles = [article.title for article in show_articles(folder, rows)]
    n_categorised = sum(article.category is not None for article in sampled)
    kind = "category" if n_categorised > len(sampled) / 2 else "account"
    labels = [getattr(article, kind) for article in sampled]
    marks = []
    for article, vector in zip(sampled, sampled_vectors, strict=True):
        marks.append(mark(article.id, vector))
    unit_vectors = unit(np.asarray(sampled_vectors))
    return project_articles(marks, unit_vectors, labels, titles, previous, kind)


def _map_accounts(
    articles: Sequence[ArticleLabels], vectors: NDArray[Any], previous: PlacedPoints
) -> AccountMap:
    """Return the map of the largest accounts, by the mean of their first articles."""
    sizes = Counter(article.account for article in articles if article.account is not None)
    largest = dict(sizes.most_common(MAX_ACCOUNTS))
    if len(largest) < MIN_POINTS:
        return AccountMap(points=[], added=0)
    read = Counter[str]()
    rows = []
    accounts = []
    for row, article in enumerate(articles):
        account = article.account
        if account in largest and read[account] < ARTICLES_OF_ACCOUNT:
            read[account] += 1
            rows.append(row)
            accounts.append(account)
    ids, matrix = account_vectors(unit(np.asarray(vectors[rows])), accounts)
    return project_accounts(ids, matrix, [sizes[name] for name in ids], previous)
