"""The lists as an editor sees them: which articles have none, a weak one, or stand in nobody's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, open_npy
from simrec.evaluate.exposure_facts import Counts, Recommendable
from simrec.evaluate.recommendations import Recommendations
from simrec.evaluate.report_format import ListQuality
from simrec.evaluate.samples import show_articles
from simrec.index.vectors import unit_rows
from simrec.release_folder import ReleaseFolder

CHANCE = 0.99  # of pairs at random score less than what is not weak
MAX_SHOWN = 20
SAMPLED_LISTS = 1_000  # whose articles are compared with each other


def describe_quality(
    folder: ReleaseFolder,
    lists: Recommendations,
    counts: Counts,
    may_be_recommended: Recommendable,
    random_scores: NDArray[Any],
) -> ListQuality:
    """Return how many lists are empty or weak, and which articles no list holds.

    A list is weak if its best recommendation scores less than one pair of random articles in a
    hundred does. counts say in how many lists each article is.
    """
    mask, days = may_be_recommended
    n_articles = len(mask)
    first_scores = np.full(n_articles, np.nan)
    is_first = lists.ranks == 1
    first_scores[lists.seeds[is_first]] = lists.scores[is_first]
    has_list = ~np.isnan(first_scores)
    weak_below = float(np.quantile(random_scores, CHANCE)) if len(random_scores) else 0.0
    never = np.flatnonzero(mask & (counts == 0))
    return ListQuality(
        articles=n_articles,
        with_list=int(has_list.sum()),
        weak=int((first_scores[has_list] < weak_below).sum()),
        weak_below=_rounded(weak_below),
        never_recommended=len(never),
        similarity_within=_similarity_within(folder, lists, has_list),
        never=show_articles(folder, _newest(never, days)),
    )


def _newest(rows: NDArray[np.int64], days: NDArray[np.datetime64]) -> Sequence[int]:
    """Return the rows of the newest articles first, those without a date last."""
    numbers = days[rows].astype(np.float64)
    order = np.lexsort((rows, -np.nan_to_num(numbers, nan=-np.inf)))
    newest: list[int] = rows[order][:MAX_SHOWN].tolist()
    return newest


def _similarity_within(
    folder: ReleaseFolder, lists: Recommendations, has_list: Mask
) -> float | None:
    """Return how alike the articles of a list are, the mean cosine of their vectors.

    Intra-list similarity (Ziegler et al. 2005), of lists at equal distances; None without pairs.
    """
    seeds = np.flatnonzero(has_list)
    n_sampled = min(len(seeds), SAMPLED_LISTS)
    if not n_sampled:
        return None
    places = np.linspace(0, len(seeds) - 1, n_sampled, dtype=np.int64)
    vectors = open_npy(folder.vectors)
    means = []
    for rows in lists.lists_of(seeds[places].tolist()).values():
        if len(rows) > 1:
            listed = unit_rows(vectors[rows])
            cosines = listed @ listed.T
            above_diagonal = np.triu_indices(len(rows), 1)
            means.append(cosines[above_diagonal].mean())
    return _rounded(np.mean(means)) if means else None


def _rounded(value: Any) -> float:
    return round(float(value), 4)
