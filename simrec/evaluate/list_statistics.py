"""Statistics of the lists of a release: coverage, hubness, novelty, spread and freshness."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew

from simrec.evaluate.recommendations import K, Recommendations
from simrec.evaluate.report_format import (
    AccountSpread,
    FreshnessFacts,
    ListStatistics,
    Occurrences,
    ScoreHistogram,
)
from simrec.recommend.similar_accounts import account_rows_of

OCCURRENCE_EDGES = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]
LAST_EDGE = 512  # or the number of articles, if that is more
BINS = 40  # of a histogram of scores
LOWEST_SCORE = -0.2  # of the histogram; what is lower counts there
NEWEST = 0.1  # share of the dated articles

Labels = Sequence[str | None]  # of the articles
Scores = NDArray[Any]
Rows = NDArray[np.int64]
Counts = NDArray[np.int64]


def describe_lists(lists: Recommendations, accounts: Labels, days: Labels) -> ListStatistics:
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


def _skewness(counts: Counts) -> float:
    """Return the skewness: large where a few have most, 0 where all are equal."""
    return float(skew(counts)) if np.ptp(counts) else 0.0


def _occurrence_histogram(occurrences: Counts) -> Occurrences:
    edges = [*OCCURRENCE_EDGES, max(LAST_EDGE, len(occurrences))]
    counts, _ = np.histogram(occurrences, edges)
    return Occurrences(edges=OCCURRENCE_EDGES, articles=counts.tolist())


def _novelty(lists: Recommendations, occurrences: Counts) -> float:
    if not len(lists.articles):
        return 0.0
    surprise = np.log2(len(occurrences) / np.maximum(occurrences[lists.articles], 1))
    return float(surprise.mean())


def score_histogram(lists: Recommendations, random_scores: Scores) -> ScoreHistogram:
    """Return the shares of scores by bin: of first places, of K-th places and of random pairs."""
    scores_of = {
        "first place": lists.scores[lists.ranks == 1],
        f"place {K}": lists.scores[lists.ranks == K],
        "any two articles": random_scores,
    }
    edges = np.linspace(LOWEST_SCORE, 1, BINS + 1)
    shares = {kind: _shares_by_bin(scores, edges) for kind, scores in scores_of.items()}
    medians = {kind: _median(scores) for kind, scores in scores_of.items()}
    return ScoreHistogram([_rounded(edge) for edge in edges], shares, medians)


def _shares_by_bin(scores: Scores, edges: Scores) -> list[float]:
    counts, _ = np.histogram(np.clip(scores, LOWEST_SCORE, 1), edges)
    return [_rounded(count / max(1, len(scores))) for count in counts]


def _median(scores: Scores) -> float | None:
    return _rounded(np.median(scores)) if len(scores) else None


def _account_spread(lists: Recommendations, accounts: Labels) -> AccountSpread | None:
    names = sorted({account for account in accounts if account is not None})
    if len(names) < 2 or not len(lists.articles):
        return None
    owners = account_rows_of(names, accounts)
    recommended_owners = owners[lists.articles]
    published = _count_owners(owners, len(names))
    recommended = _count_owners(recommended_owners, len(names))
    most = int(recommended.argmax())
    return AccountSpread(
        accounts=len(names),
        of_the_same_account=_share_within_account(owners[lists.seeds], recommended_owners),
        effective_published=_rounded(effective_number(published)),
        effective_recommended=_rounded(effective_number(recommended)),
        most_recommended=names[most],
        its_share=_rounded(recommended[most] / recommended.sum()),
        its_share_of_articles=_rounded(published[most] / published.sum()),
    )


def _count_owners(owners: Rows, n_accounts: int) -> Counts:
    return np.bincount(owners[owners >= 0], minlength=n_accounts)


def _share_within_account(seed_owners: Rows, recommended_owners: Rows) -> float:
    """Return the share of recommendations that are of the seed's account, where it has one."""
    owned = seed_owners >= 0
    same = owned & (seed_owners == recommended_owners)
    return _rounded(same.sum() / max(1, owned.sum()))


def effective_number(counts: Counts) -> float:
    """Return how many equal accounts would be as spread: exp of the entropy (Hill 1973)."""
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _freshness(lists: Recommendations, days: Labels) -> FreshnessFacts | None:
    numbers = np.array([_day_number(day) for day in days])
    seed_days = numbers[lists.seeds]
    recommended_days = numbers[lists.articles]
    distances = np.abs(seed_days - recommended_days)
    dated = ~np.isnan(distances)
    if not dated.any():
        return None
    newest = np.nanquantile(numbers, 1 - NEWEST)
    known_numbers = numbers[~np.isnan(numbers)]
    known_days = [day for day in days if day]
    return FreshnessFacts(
        median_days_apart=_rounded(np.median(distances[dated])),
        newest_tenth=_rounded((recommended_days[dated] >= newest).mean()),
        newest_tenth_of_articles=_rounded((known_numbers >= newest).mean()),
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
