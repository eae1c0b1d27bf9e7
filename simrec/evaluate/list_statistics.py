"""What the lists of a release are like: who is in them, who never is, and how alike their members are."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from pyarrow import compute, parquet

K = 10  # places of a list that are looked at
BINS = 40  # of a histogram of scores
NEWEST = 0.1  # share of the dated articles


class ListTable(NamedTuple):
    """The first K places of every list as rows: who asks, at which place, who is found, with what score."""

    seeds: np.ndarray
    ranks: np.ndarray
    found: np.ndarray
    scores: np.ndarray


def read(path: Path, ids: Sequence[str]) -> ListTable:
    """Read the table of similar articles; ids are those of the articles, in order of their rows."""
    columns = ["article", "rank", "similar", "score"]
    table = parquet.read_table(path, columns=columns, filters=[("rank", "<=", K)])
    names = pyarrow.array(ids, pyarrow.string())
    seeds, found = (_rows(table[column], names) for column in ("article", "similar"))
    return ListTable(seeds, table["rank"].to_numpy(), found, table["score"].to_numpy())


def _rows(column: Any, names: Any) -> np.ndarray:
    """Return the row of each id, int32; ids stay coded as numbers, for there are many millions of them."""
    coded = column.dictionary_encode().unify_dictionaries()
    if not len(coded):
        return np.zeros(0, np.int32)
    row_of = compute.index_in(coded.chunk(0).dictionary, names).to_numpy().astype(np.int32)
    return np.concatenate([row_of[chunk.indices.to_numpy()] for chunk in coded.chunks])


def facts(
    lists: ListTable, accounts: Sequence[str | None], days: Sequence[str | None]
) -> dict[str, Any]:
    """Return what the report says of the lists; a fact that needs accounts or dates is None where there are none.

    occurrences are N_K, in how many lists an article stands (Radovanović et al. 2010); novelty is the mean
    surprise -log2(N_K / articles) of what is recommended, in bits (Zhou et al. 2010).
    """
    articles = len(accounts)
    occurrences = np.bincount(lists.found, minlength=articles)
    counts, edges = np.histogram(
        occurrences, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, max(512, articles)]
    )
    surprise = (
        np.log2(articles / np.maximum(occurrences[lists.found], 1))
        if len(lists.found)
        else np.zeros(1)
    )
    return {
        "k": K,
        "coverage": _rounded((occurrences > 0).mean()),
        "hubness": _rounded(skewness(occurrences)),
        "most_recommended": int(occurrences.max(initial=0)),
        "never_recommended": int((occurrences == 0).sum()),
        "occurrences": {"edges": edges[:-1].tolist(), "articles": counts.tolist()},
        "novelty_bits": _rounded(surprise.mean()),
        "accounts": _accounts(lists, accounts),
        "freshness": _freshness(lists, days),
    }


def skewness(counts: np.ndarray) -> float:
    """Return the third standardised moment: 0 for a symmetric spread, large where a few have most."""
    centred = counts - counts.mean()
    spread = float((centred**2).mean())
    return float((centred**3).mean() / spread**1.5) if spread else 0.0


def hubs(lists: ListTable, articles: int, most: int) -> list[tuple[int, int]]:
    """Return the rows that stand in most lists, and in how many, ties in order of rows."""
    occurrences = np.bincount(lists.found, minlength=articles)
    best = np.argsort(-occurrences, kind="stable")[:most]
    return [(int(row), int(occurrences[row])) for row in best if occurrences[row]]


def worst(lists: ListTable, most: int, again: Sequence[int] = ()) -> list[int]:
    """Return the rows whose best recommendation has the lowest score, worst first, without those in `again`."""
    first = (lists.ranks == 1) & ~np.isin(lists.seeds, again)
    order = np.lexsort((lists.seeds[first], lists.scores[first]))
    return [int(row) for row in lists.seeds[first][order][:most]]


def score_histogram(lists: ListTable, random: np.ndarray) -> dict[str, Any]:
    """Return the shares of scores by bin, of first places, of K-th places and of articles drawn by chance."""
    edges = np.linspace(-0.2, 1, BINS + 1)
    kinds = {
        "first place": lists.scores[lists.ranks == 1],
        f"place {K}": lists.scores[lists.ranks == K],
    }
    kinds["any two articles"] = random
    shares = {
        kind: [
            _rounded(n / max(1, len(scores)))
            for n in np.histogram(np.clip(scores, -0.2, 1), edges)[0]
        ]
        for kind, scores in kinds.items()
    }
    medians = {
        kind: _rounded(np.median(scores)) if len(scores) else None for kind, scores in kinds.items()
    }
    return {"edges": [_rounded(edge) for edge in edges], "shares": shares, "medians": medians}


def kept(
    lists: ListTable, ids: Sequence[str], before: ListTable, before_ids: Sequence[str]
) -> np.ndarray:
    """Return for every article that has a list in both releases the share of its old list that is in the new one."""
    row_of = {article_id: row for row, article_id in enumerate(ids)}
    now = np.array([row_of.get(article_id, -1) for article_id in before_ids], np.int64)
    pairs = _pairs(lists.seeds, lists.found, len(ids))
    seeds, found = now[before.seeds], now[before.found]
    stays = (seeds >= 0) & (found >= 0)
    hit = np.zeros(len(seeds), bool)
    hit[stays] = np.isin(_pairs(seeds[stays], found[stays], len(ids)), pairs)
    lengths = np.bincount(before.seeds, minlength=len(before_ids))
    hits = np.bincount(before.seeds, weights=hit, minlength=len(before_ids))
    both = (lengths > 0) & (now >= 0)
    shares: np.ndarray = hits[both] / lengths[both]
    return shares


def _pairs(seeds: np.ndarray, found: np.ndarray, articles: int) -> np.ndarray:
    numbers: np.ndarray = seeds.astype(np.int64) * articles + found
    return numbers


def _accounts(lists: ListTable, accounts: Sequence[str | None]) -> dict[str, Any] | None:
    """Return how recommendations are spread over accounts, beside how articles are."""
    names = sorted({account for account in accounts if account is not None})
    if len(names) < 2 or not len(lists.found):
        return None
    row_of: dict[str | None, int] = {name: row for row, name in enumerate(names)}
    owners = np.array([row_of.get(account, -1) for account in accounts])
    asks, found = owners[lists.seeds], owners[lists.found]
    published, recommended = (
        np.bincount(owners[owners >= 0]),
        np.bincount(found[found >= 0], minlength=len(names)),
    )
    largest = int(recommended.argmax())
    return {
        "accounts": len(names),
        "of_the_same_account": _rounded(
            ((asks == found) & (asks >= 0)).sum() / max(1, (asks >= 0).sum())
        ),
        "effective_published": _rounded(_effective(published)),
        "effective_recommended": _rounded(_effective(recommended)),
        "most_recommended": names[largest],
        "its_share": _rounded(recommended[largest] / recommended.sum()),
        "its_share_of_articles": _rounded(published[largest] / published.sum()),
    }


def _effective(counts: np.ndarray) -> float:
    """Return how many equal accounts would be as spread: the exponential of the entropy (Hill 1973)."""
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _freshness(lists: ListTable, days: Sequence[str | None]) -> dict[str, Any] | None:
    """Return how far apart in time articles and their recommendations are, and how often the newest are among these."""
    when = np.array([_day(day) for day in days])
    asks, found = when[lists.seeds], when[lists.found]
    dated = ~(np.isnan(asks) | np.isnan(found))
    if not dated.any():
        return None
    newest = np.nanquantile(when, 1 - NEWEST)
    return {
        "median_days_apart": _rounded(np.median(np.abs(asks - found)[dated])),
        "newest_tenth": _rounded((found[dated] >= newest).mean()),
        "newest_tenth_of_articles": _rounded((when[~np.isnan(when)] >= newest).mean()),
        "first": min(day for day in days if day)[:10],
        "last": max(day for day in days if day)[:10],
    }


def _day(text: str | None) -> float:
    """Return days since the year 1, not a number where there is no date that can be read."""
    try:
        return float(datetime.fromisoformat((text or "")[:10]).toordinal())
    except ValueError:
        return float("nan")


def _rounded(value: Any) -> float:
    return round(float(value), 4)
