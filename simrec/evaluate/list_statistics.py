"""Statistics of the lists of a release: coverage, hubness, novelty, spread and freshness."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute, parquet
from scipy.stats import skew

from simrec.evaluate.report_format import (
    AccountSpread,
    Freshness,
    ListStatistics,
    Occurrences,
    ScoreHistogram,
)

K = 10  # places of a list that are looked at
OCCURRENCE_EDGES = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]
LAST_EDGE = 512  # or the number of articles, if that is more
BINS = 40  # of a histogram of scores
LOWEST_SCORE = -0.2  # of the histogram; what is lower counts there
NEWEST = 0.1  # share of the dated articles


class Recommendations(NamedTuple):
    """The first K places of every list, one row for each: seed, rank from 1, article, score."""

    seeds: NDArray[np.int32]
    ranks: NDArray[np.int32]
    articles: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def read(cls, path: Path, ids: Sequence[str]) -> "Recommendations":
        """Read the table of similar articles; ids are those of the articles, by row."""
        columns = ["article", "rank", "similar", "score"]
        table = parquet.read_table(path, columns=columns, filters=[("rank", "<=", K)])
        known_ids = pyarrow.array(ids, pyarrow.string())
        return cls(
            _rows(table["article"], known_ids),
            table["rank"].to_numpy(),
            _rows(table["similar"], known_ids),
            table["score"].to_numpy(),
        )

    def count_occurrences(self, n_articles: int) -> NDArray[np.int64]:
        """Return N_K, the number of lists that each article is in, [articles]."""
        return np.bincount(self.articles, minlength=n_articles)


def _rows(column: Any, known_ids: Any) -> NDArray[np.int32]:
    """Return the row of each id, int32; ids stay dictionary codes, for there are millions."""
    encoded = column.dictionary_encode().unify_dictionaries()
    if not len(encoded):
        return np.zeros(0, np.int32)
    dictionary = encoded.chunk(0).dictionary
    row_of_code = compute.index_in(dictionary, known_ids).to_numpy().astype(np.int32)
    return np.concatenate([row_of_code[chunk.indices.to_numpy()] for chunk in encoded.chunks])


def describe_lists(
    lists: Recommendations, accounts: Sequence[str | None], days: Sequence[str | None]
) -> ListStatistics:
    """Return the statistics of the lists; one that needs accounts or dates is None without them.

    hubness is the skewness of N_K (Radovanović et al. 2010); novelty is the mean surprise
    log2(articles / N_K) of what is recommended, in bits (Zhou et al. 2010).
    """
    n_articles = len(accounts)
    occurrences = lists.count_occurrences(n_articles)
    return ListStatistics(
        k=K,
        coverage=_rounded((occurrences > 0).mean()),
        hubness=_rounded(_skewness(occurrences)),
        most_recommended=int(occurrences.max(initial=0)),
        never_recommended=int((occurrences == 0).sum()),
        occurrences=_occurrence_histogram(occurrences),
        novelty_bits=_rounded(_novelty(lists, occurrences)),
        accounts=_account_spread(lists, accounts),
        freshness=_freshness(lists, days),
    )


def _skewness(counts: NDArray[np.int64]) -> float:
    """Return the skewness: large where a few have most, 0 where all are equal."""
    return float(skew(counts)) if np.ptp(counts) else 0.0


def _occurrence_histogram(occurrences: NDArray[np.int64]) -> Occurrences:
    edges = [*OCCURRENCE_EDGES, max(LAST_EDGE, len(occurrences))]
    counts, _ = np.histogram(occurrences, edges)
    return Occurrences(edges=OCCURRENCE_EDGES, articles=counts.tolist())


def _novelty(lists: Recommendations, occurrences: NDArray[np.int64]) -> float:
    if not len(lists.articles):
        return 0.0
    surprise = np.log2(len(occurrences) / np.maximum(occurrences[lists.articles], 1))
    return float(surprise.mean())


def find_hubs(lists: Recommendations, n_articles: int, n: int) -> list[tuple[int, int]]:
    """Return the n rows that are in most lists, and in how many; ties in order of rows."""
    occurrences = lists.count_occurrences(n_articles)
    best = np.argsort(-occurrences, kind="stable")[:n]
    return [(int(row), int(occurrences[row])) for row in best if occurrences[row]]


def find_lowest_scored(lists: Recommendations, n: int, duplicates: Sequence[int] = ()) -> list[int]:
    """Return the n rows whose best recommendation scores lowest, worst first.

    Rows of near-duplicates are left out.
    """
    counted = (lists.ranks == 1) & ~np.isin(lists.seeds, duplicates)
    seeds = lists.seeds[counted]
    order = np.lexsort((seeds, lists.scores[counted]))
    return [int(row) for row in seeds[order][:n]]


def score_histogram(lists: Recommendations, random_scores: NDArray[np.float32]) -> ScoreHistogram:
    """Return the shares of scores by bin: of first places, of K-th places and of random pairs."""
    edges = np.linspace(LOWEST_SCORE, 1, BINS + 1)
    scores_of = {
        "first place": lists.scores[lists.ranks == 1],
        f"place {K}": lists.scores[lists.ranks == K],
        "any two articles": random_scores,
    }
    shares = {}
    medians = {}
    for kind, scores in scores_of.items():
        counts, _ = np.histogram(np.clip(scores, LOWEST_SCORE, 1), edges)
        shares[kind] = [_rounded(count / max(1, len(scores))) for count in counts]
        medians[kind] = _rounded(np.median(scores)) if len(scores) else None
    return ScoreHistogram(edges=[_rounded(edge) for edge in edges], shares=shares, medians=medians)


def overlap(
    lists: Recommendations,
    ids: Sequence[str],
    previous: Recommendations,
    previous_ids: Sequence[str],
) -> NDArray[np.float64]:
    """Return the share of each old list that is in the new list of the same article.

    There is one figure for each article that has a list in both releases.
    """
    row_of = {article_id: row for row, article_id in enumerate(ids)}
    new_row = np.array([row_of.get(article_id, -1) for article_id in previous_ids], np.int64)
    seeds = new_row[previous.seeds]
    articles = new_row[previous.articles]
    present = (seeds >= 0) & (articles >= 0)
    is_kept = np.zeros(len(seeds), bool)
    new_pairs = _pair_numbers(lists.seeds, lists.articles, len(ids))
    old_pairs = _pair_numbers(seeds[present], articles[present], len(ids))
    is_kept[present] = np.isin(old_pairs, new_pairs)
    lengths = np.bincount(previous.seeds, minlength=len(previous_ids))
    kept = np.bincount(previous.seeds, weights=is_kept, minlength=len(previous_ids))
    in_both = (lengths > 0) & (new_row >= 0)
    shares: NDArray[np.float64] = kept[in_both] / lengths[in_both]
    return shares


def _pair_numbers(
    seeds: NDArray[np.integer], articles: NDArray[np.integer], n_articles: int
) -> NDArray[np.int64]:
    """Return a number for each pair, the same for the same pair."""
    numbers: NDArray[np.int64] = seeds.astype(np.int64) * n_articles + articles
    return numbers


def _account_spread(lists: Recommendations, accounts: Sequence[str | None]) -> AccountSpread | None:
    names = sorted({account for account in accounts if account is not None})
    if len(names) < 2 or not len(lists.articles):
        return None
    row_of: dict[str | None, int] = {name: row for row, name in enumerate(names)}
    owners = np.array([row_of.get(account, -1) for account in accounts])
    seed_owners = owners[lists.seeds]
    owners_of_recommended = owners[lists.articles]
    owned = seed_owners >= 0
    same_account = (seed_owners == owners_of_recommended) & owned
    published = np.bincount(owners[owners >= 0])
    recommended = np.bincount(
        owners_of_recommended[owners_of_recommended >= 0], minlength=len(names)
    )
    largest = int(recommended.argmax())
    return AccountSpread(
        accounts=len(names),
        of_the_same_account=_rounded(same_account.sum() / max(1, owned.sum())),
        effective_published=_rounded(effective_number(published)),
        effective_recommended=_rounded(effective_number(recommended)),
        most_recommended=names[largest],
        its_share=_rounded(recommended[largest] / recommended.sum()),
        its_share_of_articles=_rounded(published[largest] / published.sum()),
    )


def effective_number(counts: NDArray[np.int64]) -> float:
    """Return how many equal accounts would be as spread: exp of the entropy (Hill 1973)."""
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _freshness(lists: Recommendations, days: Sequence[str | None]) -> Freshness | None:
    numbers = np.array([_day_number(day) for day in days])
    seed_days = numbers[lists.seeds]
    recommended_days = numbers[lists.articles]
    dated = ~(np.isnan(seed_days) | np.isnan(recommended_days))
    if not dated.any():
        return None
    newest = np.nanquantile(numbers, 1 - NEWEST)
    known_days = [day for day in days if day]
    return Freshness(
        median_days_apart=_rounded(np.median(np.abs(seed_days - recommended_days)[dated])),
        newest_tenth=_rounded((recommended_days[dated] >= newest).mean()),
        newest_tenth_of_articles=_rounded((numbers[~np.isnan(numbers)] >= newest).mean()),
        first=min(known_days)[:10],
        last=max(known_days)[:10],
    )


def _day_number(day: str | None) -> float:
    """Return days since the year 1, or NaN without a readable date."""
    try:
        return float(datetime.fromisoformat((day or "")[:10]).toordinal())
    except ValueError:
        return float("nan")


def _rounded(value: Any) -> float:
    return round(float(value), 4)
