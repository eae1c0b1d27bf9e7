"""The facts of a release's report: what it is made of, what its lists are like, and samples to judge by eye."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np
from pyarrow import parquet

from simrec.arrays import open_npy
from simrec.articles.store_writer import Reject
from simrec.evaluate import list_statistics, projection
from simrec.evaluate.bootstrap import interval
from simrec.index.vectors import unit
from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf
from simrec.metrics import mean
from simrec.recommend.similar_accounts import account_vectors
from simrec.recommend.tables.sqlite import read_articles, read_ids
from simrec.release_folder import ReleaseFolder

WORST, AT_RANDOM, SHOWN = 10, 10, 5  # sample seeds, and recommendations of each
HUBS, REASONS, SHOWN_DUPLICATES = 10, 12, 20
RANDOM_PAIRS = 2_000
OF_AN_ACCOUNT = 200  # articles that say where an account lies on the map
OWN = (
    "article",
    "rank",
    "similar",
    "score",
)  # columns of that table; whatever else it has is said of a pair
NAMED = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d,.]*")
ADVICE = re.compile(r"\s*\([^()]*\)")
SHOWN_COLUMNS = "id, coalesce(nullif(title, ''), lead), account, substr(published_at, 1, 10), url"
TITLE_CHARS = 140


class EvaluatedRelease(NamedTuple):
    """What decides the scores of a release: its folder, its encoder's folder, and its word weights, if any."""

    folder: ReleaseFolder
    encoder: Path
    lexical: TfIdf | None


class Labels(NamedTuple):
    """What is known of an article that can be counted."""

    id: str
    account: str | None
    category: str | None
    lang: str | None
    published_at: str | None


def gather(
    made: EvaluatedRelease, before: ReleaseFolder | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the facts of a release in a folder, and the maps of it; `before` is the folder of the one before."""
    articles = [
        Labels(*row)
        for row in read_articles(made.folder, "id, account, category, lang, published_at")
    ]
    ids = [article.id for article in articles]
    table = list_statistics.read(made.folder.similar_articles, ids)
    stored = open_npy(made.folder.vectors)
    days = [article.published_at for article in articles]
    drawn = projection.drawn(ids)
    hubs = list_statistics.hubs(table, len(ids), HUBS)
    shown = _shown(made.folder, [row for row, _ in hubs])
    described = {
        "articles": _articles(articles),
        "lists": list_statistics.facts(table, [article.account for article in articles], days),
        "scores": list_statistics.score_histogram(
            table, _of_any_two(made, stored, np.random.default_rng(0))
        ),
        "hubs": [{**hub, "lists": count} for hub, (_, count) in zip(shown, hubs, strict=True)],
        "stability": _stability(table, ids, before),
        "seeds": _seeds(
            made.folder, ids, list_statistics.worst(table, WORST, _again(made.folder, ids)), drawn
        ),
        "duplicates": _duplicates(made.folder, ids),
    }
    titles = [article["title"] for article in _shown(made.folder, drawn)]
    old = _maps_before(before)
    of_articles = _articles_map([articles[row] for row in drawn], titles, stored[drawn], old[0])
    anew = projection.outgrown(of_articles["marks"], old[0])
    of_accounts = _accounts_map(articles, stored, projection.NOTHING if anew else old[1])
    return described, {"articles": of_articles, "accounts": of_accounts}


def rejects(rows: Iterable[Reject]) -> list[dict[str, Any]]:
    """Return the reasons of rejects, the most frequent first, with how many rows and where the first stands.

    What a reason quotes differs from row to row: it counts as one with its names, numbers and advice left out.
    """
    counted: dict[str, dict[str, Any]] = {}
    for row in rows:
        reason = counted.setdefault(
            NAMED.sub("…", ADVICE.sub("", row.reason)),
            {"rows": 0, "first": f"{Path(row.file).name}, line {row.line}: {row.reason}"},
        )
        reason["rows"] += 1
    found = sorted(counted.items(), key=lambda pair: (-pair[1]["rows"], pair[0]))
    return [{"reason": reason, **facts} for reason, facts in found[:REASONS]]


def _articles(articles: Sequence[Labels]) -> dict[str, Any]:
    """Return how many there are, and of what."""
    dated = sorted(article.published_at[:10] for article in articles if article.published_at)
    return {
        "count": len(articles),
        "accounts": len({article.account for article in articles} - {None}),
        "categories": len({article.category for article in articles} - {None}),
        "languages": dict(
            Counter(article.lang for article in articles if article.lang).most_common(5)
        ),
        "first": dated[0] if dated else None,
        "last": dated[-1] if dated else None,
    }


def _of_any_two(
    made: EvaluatedRelease, stored: np.ndarray, chance: np.random.Generator
) -> np.ndarray:
    """Return the scores of articles that chance brings together."""
    if len(stored) < 2:
        return np.zeros(0)
    pairs = chance.integers(0, len(stored), (RANDOM_PAIRS, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    left, right = (unit(np.asarray(stored[pairs[:, side]])) for side in (0, 1))
    cosines: np.ndarray = (left * right).sum(axis=1)
    if made.lexical is None:
        return cosines
    terms = open_npy(made.folder.terms)
    compare, each = TermVectors(terms[pairs[:, 1]]), np.arange(len(pairs))[:, None]
    return compare.hybrid_scores(cosines[:, None], terms[pairs[:, 0]], each, made.lexical.weight)[
        :, 0
    ]


def _stability(
    table: list_statistics.ListTable, ids: Sequence[str], before: ReleaseFolder | None
) -> dict[str, Any]:
    """Return how much of the lists of the release before is still there."""
    if before is None or not before.similar_articles.exists():
        return {"skipped": "there is no release before this one to compare with"}
    old_ids = read_ids(before)
    shares = list_statistics.kept(
        table, ids, list_statistics.read(before.similar_articles, old_ids), old_ids
    )
    if not len(shares):
        return {"skipped": "no article is in this release and in the one before"}
    facts = {
        "before": before.release_id,
        "articles": len(shares),
        "unchanged": round(float((shares == 1).mean()), 4),
    }
    within = interval(
        shares[np.linspace(0, len(shares) - 1, min(len(shares), 5_000), dtype=np.int64)], mean
    )
    return {"measure": f"overlap@{list_statistics.K}", "value": round(float(shares.mean()), 4),
            "interval": [round(end, 4) for end in within], **facts}  # fmt: skip


def _seeds(
    folder: ReleaseFolder, ids: Sequence[str], worst: Sequence[int], drawn: Sequence[int]
) -> list[dict[str, Any]]:
    """Return sample articles with what is recommended for them: those with the lowest scores, and some at random."""
    at_random = [row for row in drawn if row not in worst][:AT_RANDOM]
    asked = [*worst, *at_random]
    filters = [("article", "in", [ids[row] for row in asked]), ("rank", "<=", SHOWN)]
    pairs = parquet.read_table(folder.similar_articles, filters=filters).sort_by("rank").to_pylist()
    row_of = {pair["similar"]: -1 for pair in pairs}
    row_of |= {article_id: row for row, article_id in enumerate(ids) if article_id in row_of}
    found: dict[str, list[dict[str, Any]]] = {}
    for pair, shown in zip(
        pairs, _shown(folder, [row_of[pair["similar"]] for pair in pairs]), strict=True
    ):
        more = {
            name: value
            for name, value in pair.items()
            if name not in OWN and value not in (None, "")
        }
        found.setdefault(pair["article"], []).append(
            {**shown, "score": round(pair["score"], 3), **more}
        )
    why = ["lowest scores"] * len(worst) + ["at random"] * len(at_random)
    return [
        {**shown, "why": reason, "similar": found.get(shown["id"], [])}
        for shown, reason in zip(_shown(folder, asked), why, strict=True)
    ]


def _shown(folder: ReleaseFolder, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Return what the page shows of some articles: id, title or how the text begins, account, date and url if any."""
    found = []
    for article_id, title, account, day, url in read_articles(folder, SHOWN_COLUMNS, rows):
        shown = {"id": article_id, "title": shorten(title, TITLE_CHARS, placeholder="…")}
        more = {"account": account, "date": day, "url": url}
        found.append(shown | {name: value for name, value in more.items() if value is not None})
    return found


def _again(folder: ReleaseFolder, ids: Sequence[str]) -> list[int]:
    """Return the rows of the articles that tell again what another one told."""
    if not folder.duplicates.exists():
        return []
    told = {*parquet.read_table(folder.duplicates, columns=["article"])["article"].to_pylist()}
    return [row for row, article_id in enumerate(ids) if article_id in told]


def _duplicates(folder: ReleaseFolder, ids: Sequence[str]) -> dict[str, Any] | None:
    """Return how many near-duplicates the release has, and titles of the first of them; None if it has no table."""
    if not folder.duplicates.exists():
        return None
    table = parquet.read_table(folder.duplicates)
    first = table.slice(0, SHOWN_DUPLICATES).to_pylist()
    named = {name for row in first for name in row.values()}
    rows = [row for row, article_id in enumerate(ids) if article_id in named]
    title_of = {article["id"]: article["title"] for article in _shown(folder, rows)}
    return {
        "rows": table.num_rows,
        "columns": table.column_names,
        "first": [
            {column: title_of.get(value, str(value)) for column, value in row.items()}
            for row in first
        ],
    }


def _maps_before(
    before: ReleaseFolder | None,
) -> tuple[projection.PlacedPoints, projection.PlacedPoints]:
    """Return where articles and accounts were on the maps of the release before."""
    if before is None or not before.maps.exists():
        return projection.NOTHING, projection.NOTHING
    stored = json.loads(before.maps.read_bytes())
    names = [point[3] for point in stored["accounts"]["points"]]
    return projection.PlacedPoints.of(
        stored["articles"], stored["articles"].get("marks", [])
    ), projection.PlacedPoints.of(stored["accounts"], names)


def _articles_map(
    drawn: Sequence[Labels],
    titles: Sequence[str],
    stored: np.ndarray,
    known: projection.PlacedPoints,
) -> dict[str, Any]:
    """Return the map of the drawn articles, coloured by category where most have one, else by account."""
    by_category = sum(article.category is not None for article in drawn) > len(drawn) / 2
    labels = [article.category if by_category else article.account for article in drawn]
    marks = [
        projection.mark(article.id, vector) for article, vector in zip(drawn, stored, strict=True)
    ]
    found = projection.articles_map(marks, unit(np.asarray(stored)), labels, titles, known)
    of_what = "category" if by_category else "account"
    return {"coloured_by": of_what if found["groups"] else None, **found}


def _accounts_map(
    articles: Sequence[Labels], stored: np.ndarray, known: projection.PlacedPoints
) -> dict[str, Any]:
    """Return the map of the largest accounts, by the mean of their first articles less that of all these accounts."""
    sizes = Counter(article.account for article in articles if article.account is not None)
    largest, met = dict(sizes.most_common(projection.MOST_ACCOUNTS)), Counter[str | None]()
    rows = []
    for row, article in enumerate(articles):
        if article.account in largest and met[article.account] < OF_AN_ACCOUNT:
            met[article.account] += 1
            rows.append(row)
    if len(largest) < projection.FEWEST_POINTS:
        return {"points": [], "added": 0}
    ids, matrix = account_vectors(
        unit(np.asarray(stored[rows])), [articles[row].account for row in rows]
    )
    found: dict[str, Any] = projection.accounts_map(
        ids, matrix, [sizes[name] for name in ids], known
    )
    return found
