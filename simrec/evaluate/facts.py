"""The facts of a release's report: what it is made of, what its lists are like, and samples to judge by eye."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pyarrow import parquet

from simrec.articles.store import Reject
from simrec.encoder.lexical import Lexical, Terms
from simrec.evaluate import lists, maps
from simrec.evaluate.intervals import interval
from simrec.evaluate.metrics import mean
from simrec.index.vectors import unit
from simrec.recommend.accounts import account_vectors
from simrec.recommend.tables import read_articles, read_ids

WORST, AT_RANDOM, SHOWN = 10, 10, 5  # sample seeds, and recommendations of each
HUBS, REASONS, DUPLICATES = 10, 12, 20
RANDOM_PAIRS = 2_000
SIMILAR = "similar_articles.parquet"
OWN = ("article", "rank", "similar", "score")  # columns of that table; whatever else it has is said of a pair
NAMED = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d,.]*")
ADVICE = re.compile(r"\s*\([^()]*\)")
TITLE_CHARS = 140


class Made(NamedTuple):
    """What decides the scores of a release: its folder, its encoder's folder, and its word weights, if any."""

    folder: Path
    encoder: Path
    lexical: Lexical | None


class Listed(NamedTuple):
    """What the release knows of an article, to show it."""

    id: str
    title: str
    account: str | None
    category: str | None
    lang: str | None
    published_at: str | None
    url: str | None


def gather(made: Made, before: Path | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the facts of a release in a folder, and the maps of it; `before` is the folder of the one before."""
    columns = "id, coalesce(nullif(title, ''), lead), account, category, lang, published_at, url"
    articles = [
        Listed(row[0], row[1][:TITLE_CHARS].strip(), *row[2:])
        for row in read_articles(made.folder / "items.db", columns)
    ]
    ids = [article.id for article in articles]
    table = lists.read(made.folder / SIMILAR, ids)
    stored = np.load(made.folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
    days = [article.published_at for article in articles]
    chance = np.random.default_rng(0)
    drawn = sorted(chance.choice(len(ids), min(len(ids), maps.MOST_POINTS), replace=False).tolist())
    described = {
        "articles": _articles(articles),
        "lists": lists.facts(table, [article.account for article in articles], days),
        "scores": lists.score_histogram(table, _of_any_two(made, stored, chance)),
        "hubs": [{**_shown(articles[row]), "lists": count} for row, count in lists.hubs(table, len(ids), HUBS)],
        "stability": _stability(table, ids, before),
        "seeds": _seeds(made.folder / SIMILAR, articles, lists.worst(table, WORST), drawn),
        "duplicates": _duplicates(made.folder / "duplicates.parquet"),
    }
    return described, {"articles": _articles_map(articles, drawn, stored), "accounts": _accounts_map(articles, stored)}


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


def _articles(articles: Sequence[Listed]) -> dict[str, Any]:
    """Return how many there are, and of what."""
    dated = sorted(article.published_at[:10] for article in articles if article.published_at)
    return {
        "count": len(articles),
        "accounts": len({article.account for article in articles} - {None}),
        "categories": len({article.category for article in articles} - {None}),
        "languages": dict(Counter(article.lang for article in articles if article.lang).most_common(5)),
        "first": dated[0] if dated else None,
        "last": dated[-1] if dated else None,
    }


def _of_any_two(made: Made, stored: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return the scores of articles that chance brings together."""
    if len(stored) < 2:
        return np.zeros(0)
    pairs = chance.integers(0, len(stored), (RANDOM_PAIRS, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    left, right = (unit(np.asarray(stored[pairs[:, side]])) for side in (0, 1))
    cosines: np.ndarray = (left * right).sum(axis=1)
    if made.lexical is None:
        return cosines
    terms = np.load(made.folder / "terms.npy", mmap_mode="r", allow_pickle=False)
    compare = Terms()
    joint = [
        compare.joint(cosines[n : n + 1], terms[a], terms[b : b + 1], made.lexical.weight)
        for n, (a, b) in enumerate(pairs)
    ]
    return np.concatenate(joint)


def _stability(table: lists.Lists, ids: Sequence[str], before: Path | None) -> dict[str, Any]:
    """Return how much of the lists of the release before is still there."""
    if before is None or not (before / SIMILAR).exists():
        return {"skipped": "there is no release before this one to compare with"}
    old_ids = read_ids(before / "items.db")
    shares = lists.kept(table, ids, lists.read(before / SIMILAR, old_ids), old_ids)
    if not len(shares):
        return {"skipped": "no article is in this release and in the one before"}
    facts = {"before": before.name, "articles": len(shares), "unchanged": round(float((shares == 1).mean()), 4)}
    within = interval(shares[np.linspace(0, len(shares) - 1, min(len(shares), 5_000), dtype=np.int64)], mean)
    return {"measure": f"overlap@{lists.K}", "value": round(float(shares.mean()), 4),
            "interval": [round(end, 4) for end in within], **facts}  # fmt: skip


def _seeds(path: Path, articles: Sequence[Listed], worst: Sequence[int], drawn: Sequence[int]) -> list[dict[str, Any]]:
    """Return sample articles with what is recommended for them: those with the lowest scores, and some at random."""
    at_random = [row for row in np.random.default_rng(1).permutation(drawn).tolist() if row not in worst][:AT_RANDOM]
    asked = [(row, "lowest scores") for row in worst] + [(row, "at random") for row in at_random]
    by_id = {article.id: article for article in articles}
    wanted = [articles[row].id for row, _ in asked]
    found: dict[str, list[dict[str, Any]]] = {}
    table = parquet.read_table(path, filters=[("article", "in", wanted), ("rank", "<=", SHOWN)])
    for pair in table.sort_by("rank").to_pylist():
        more = {name: value for name, value in pair.items() if name not in OWN and value not in (None, "")}
        shown = {**_shown(by_id[pair["similar"]]), "score": round(pair["score"], 3), **more}
        found.setdefault(pair["article"], []).append(shown)
    return [{**_shown(articles[row]), "why": why, "similar": found.get(articles[row].id, [])} for row, why in asked]


def _shown(article: Listed) -> dict[str, Any]:
    day = (article.published_at or "")[:10] or None
    facts = {"id": article.id, "title": article.title, "account": article.account, "date": day, "url": article.url}
    return {name: value for name, value in facts.items() if value is not None}


def _duplicates(path: Path) -> dict[str, Any] | None:
    """Return how many rows the table of near-duplicates has, if the release has one, and the first of them."""
    if not path.exists():
        return None
    rows = parquet.read_table(path)
    return {"rows": rows.num_rows, "columns": rows.column_names, "first": [
        {name: round(value, 3) if isinstance(value, float) else str(value) for name, value in row.items()}
        for row in rows.slice(0, DUPLICATES).to_pylist()
    ]}  # fmt: skip


def _articles_map(articles: Sequence[Listed], drawn: Sequence[int], stored: np.ndarray) -> dict[str, Any]:
    """Return the map of the drawn articles, coloured by category where most have one, else by account."""
    shown = [articles[row] for row in drawn]
    by_category = sum(article.category is not None for article in shown) > len(shown) / 2
    labels = [article.category if by_category else article.account for article in shown]
    of_what = "category" if by_category else "account"
    rows = unit(np.asarray(stored[drawn])) if drawn else np.zeros((0, 1))
    found = maps.articles_map(rows, range(len(drawn)), labels, [article.title for article in shown])
    return {"coloured_by": of_what if found["groups"] else None, **found}


def _accounts_map(articles: Sequence[Listed], stored: np.ndarray) -> dict[str, Any]:
    """Return the map of the largest accounts, by the mean of their articles less that of all accounts."""
    sizes = Counter(article.account for article in articles if article.account is not None)
    largest = dict(sizes.most_common(maps.MOST_ACCOUNTS))
    rows = [row for row, article in enumerate(articles) if article.account in largest]
    if len(largest) < maps.FEWEST_POINTS:
        return {"points": []}
    ids, matrix = account_vectors(unit(np.asarray(stored[rows])), [articles[row].account for row in rows])
    found: dict[str, Any] = maps.accounts_map(ids, matrix, [sizes[name] for name in ids])
    return found
