"""Samples of a release for its report: hubs, seeds with their recommendations, near-duplicates."""

from collections.abc import Sequence
from textwrap import shorten
from typing import Any

from pyarrow import parquet

from simrec.evaluate.projection import sample_rows
from simrec.evaluate.recommendations import Recommendations, find_hubs, find_lowest_scored
from simrec.evaluate.report_format import (
    DuplicatesSummary,
    HubArticle,
    Recommended,
    SampleSeed,
    ShownArticle,
)
from simrec.recommend.tables.sqlite import read_articles
from simrec.release_folder import ReleaseFolder

MAX_HUBS = 10
MAX_LOWEST_SCORED = 10
MAX_RANDOM_SEEDS = 10
MAX_RECOMMENDED = 5  # of each seed
MAX_DUPLICATES = 20
MAX_TITLE_CHARS = 140
COLUMNS = "id, coalesce(nullif(title, ''), lead), account, substr(published_at, 1, 10), url"


def show_articles(folder: ReleaseFolder, rows: Sequence[int]) -> list[ShownArticle]:
    """Return what the page shows of the articles of some rows."""
    articles = []
    for article_id, title, account, date, url in read_articles(folder, COLUMNS, rows):
        short_title = shorten(title, MAX_TITLE_CHARS, placeholder="…")
        articles.append(ShownArticle(article_id, short_title, account, date, url))
    return articles


def show_hubs(folder: ReleaseFolder, lists: Recommendations, n_articles: int) -> list[HubArticle]:
    """Return the articles that are in most lists, and in how many."""
    hubs = find_hubs(lists, n_articles, MAX_HUBS)
    shown = show_articles(folder, [row for row, _ in hubs])
    articles = []
    for article, (_, count) in zip(shown, hubs, strict=True):
        articles.append(HubArticle(**_fields(article), lists=count))
    return articles


def show_seeds(
    folder: ReleaseFolder, lists: Recommendations, ids: Sequence[str]
) -> list[SampleSeed]:
    """Return the articles whose best recommendation scores lowest, and others of the map.

    Near-duplicates are not among the first.
    """
    duplicates = duplicate_rows(folder, ids)
    lowest_scored = find_lowest_scored(lists, MAX_LOWEST_SCORED, duplicates)
    others = [row for row in sample_rows(ids) if row not in lowest_scored]
    rows = lowest_scored + others[:MAX_RANDOM_SEEDS]
    recommended_to = _first_recommendations(folder, ids, rows)
    seeds = []
    for row, article in zip(rows, show_articles(folder, rows), strict=True):
        why = "lowest scores" if row in lowest_scored else "at random"
        similar = recommended_to.get(article.id, [])
        seeds.append(SampleSeed(**_fields(article), why=why, similar=similar))
    return seeds


def _first_recommendations(
    folder: ReleaseFolder, ids: Sequence[str], rows: Sequence[int]
) -> dict[str, list[Recommended]]:
    """Return the first recommendations of some rows, by the id of the seed."""
    seed_ids = [ids[row] for row in rows]
    filters = [("article", "in", seed_ids), ("rank", "<=", MAX_RECOMMENDED)]
    table = parquet.read_table(folder.similar_articles, filters=filters)
    pairs = table.sort_by("rank").to_pylist()
    article_of = _show_by_id(folder, ids, {pair["similar"] for pair in pairs})
    recommended_to: dict[str, list[Recommended]] = {}
    for pair in pairs:
        recommended = Recommended(
            **_fields(article_of[pair["similar"]]),
            score=round(pair["score"], 3),
            score_rank=pair["score_rank"],
            reason=pair["reason"] or None,
        )
        recommended_to.setdefault(pair["article"], []).append(recommended)
    return recommended_to


def _show_by_id(
    folder: ReleaseFolder, ids: Sequence[str], shown_ids: set[str]
) -> dict[str, ShownArticle]:
    """Return what the page shows of some articles, by id."""
    rows = [row for row, article_id in enumerate(ids) if article_id in shown_ids]
    return {article.id: article for article in show_articles(folder, rows)}


def _fields(article: ShownArticle) -> dict[str, Any]:
    return {name: getattr(article, name) for name in article.__struct_fields__}


def duplicate_rows(folder: ReleaseFolder, ids: Sequence[str]) -> list[int]:
    """Return the rows of the articles that are near-duplicates of another one."""
    if not folder.duplicates.exists():
        return []
    table = parquet.read_table(folder.duplicates, columns=["article"])
    duplicates = set(table["article"].to_pylist())
    return [row for row, article_id in enumerate(ids) if article_id in duplicates]


def show_duplicates(folder: ReleaseFolder, ids: Sequence[str]) -> DuplicatesSummary | None:
    """Return how many near-duplicates there are, and the first; None without their table."""
    if not folder.duplicates.exists():
        return None
    table = parquet.read_table(folder.duplicates)
    pairs = table.slice(0, MAX_DUPLICATES).to_pylist()
    shown_ids = {article_id for pair in pairs for article_id in pair.values()}
    article_of = _show_by_id(folder, ids, shown_ids)
    first = []
    for pair in pairs:
        first.append({column: article_of[value].title for column, value in pair.items()})
    return DuplicatesSummary(rows=table.num_rows, columns=table.column_names, first=first)
