"""Choose the share of clicks in a score: the least with which held-out clicks are found best."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Rows, Scores
from simrec.recommend.click_file import ClickPairs
from simrec.recommend.clicks import Clicks
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.rerank import RankedCandidates, is_among

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # that are tried
HELD_OUT = 0.2  # of the clicks of each pair
CANDIDATES = 100  # of an article, beside what it was read with
MIN_QUERIES = 20  # fewer say nothing
MAX_QUERIES = 500
K = 10  # the first places are measured


@dataclass(frozen=True)
class ClicksPoint:
    """The mean nDCG@10 of held-out clicks with a share of clicks."""

    share: float
    mean: float


@dataclass(frozen=True)
class ClicksShare:
    """The share of clicks in a score, how many articles chose it, and what each share reached."""

    share: float
    queries: int = 0
    curve: tuple[ClicksPoint, ...] = ()


def choose_clicks_share(
    counted: ClickPairs,
    ids: Sequence[str],
    candidates: RankedCandidates,
    files: ScorerFiles,
) -> ClicksShare:
    """Return the least share that is within a standard error of the best in nDCG@10.

    Of the clicks of each pair a part is held out, the others say how strong it is: queries are
    articles that have clicks among those held out, which are to be found. 0 where there are too
    few; ids are those of the articles.
    """
    known, held_out = _split(counted, ids)
    queries = _draw_queries(held_out, ids)
    if len(queries) < MIN_QUERIES:
        return ClicksShare(0.0, len(queries))
    clicks = Clicks.of(known, 1.0)
    found = _with_partners(candidates.take(queries, CANDIDATES).rows, clicks.partners(queries))
    content = files.open().scores(queries, found)
    content[found < 0] = -1
    lift = clicks.strengths_of(queries, found) * (1 - content)
    relevant = _Relevant(held_out, queries, found)
    reached = np.stack([relevant.ndcg(content + np.float32(share) * lift) for share in SHARES])
    means = reached.mean(axis=1).round(4)
    curve = tuple(map(ClicksPoint, SHARES, means.tolist()))
    return ClicksShare(_least_good(reached), len(queries), curve)


def _least_good(reached: NDArray[np.float64]) -> float:
    """Return the least share whose mean is within a standard error of the best.

    reached is what each query measures with each of SHARES [shares, queries] (Breiman et al. 1984).
    """
    behind = reached[reached.mean(axis=1).argmax()] - reached
    errors = behind.std(axis=1) / np.sqrt(behind.shape[1])
    return SHARES[int(np.flatnonzero(behind.mean(axis=1) <= errors)[0])]


def _split(counted: ClickPairs, ids: Sequence[str]) -> tuple[ClickPairs, ClickPairs]:
    """Return the pairs with the clicks that are known, and with those held out.

    Which are held out depends on the ids of a pair alone.
    """
    hashes = _hashes(ids)
    of_pair = (hashes[counted.left] * 31 + hashes[counted.right]) % 1009 / 1009
    held_out = np.floor(counted.counts * HELD_OUT + of_pair).clip(max=counted.counts)
    return counted.with_counts(counted.counts - held_out), counted.with_counts(held_out)


def _draw_queries(held_out: ClickPairs, ids: Sequence[str]) -> Rows:
    """Return up to MAX_QUERIES rows that have clicks held out, those of the lowest hash."""
    rows = np.union1d(held_out.left, held_out.right)
    return np.sort(rows[np.argsort(_hashes(ids)[rows], kind="stable")[:MAX_QUERIES]])


def _hashes(ids: Sequence[str]) -> Rows:
    return np.array([zlib.crc32(article_id.encode()) for article_id in ids], np.int64)


def _with_partners(rows: Rows, partners: Rows) -> Rows:
    more = partners.copy()
    more[is_among(partners, rows)] = -1
    return np.column_stack([rows, more])


class _Relevant:
    """Which of the rows found [queries, n] were read with their query, by the held-out clicks."""

    def __init__(self, held_out: ClickPairs, queries: Rows, found: Rows) -> None:
        left = np.concatenate([held_out.left, held_out.right])
        right = np.concatenate([held_out.right, held_out.left])
        place_of = np.full(max(left.max(), queries.max()) + 1, -1)
        place_of[queries] = np.arange(len(queries))
        is_asked = place_of[left] >= 0
        of_query = place_of[left[is_asked]]
        self._count = np.bincount(of_query, minlength=len(queries))
        lines = np.full((len(queries), self._count.max()), -1)
        order = np.argsort(of_query, kind="stable")
        starts = np.cumsum(self._count) - self._count
        columns = np.arange(len(order)) - starts[of_query[order]]
        lines[of_query[order], columns] = right[is_asked][order]
        self._is_relevant = is_among(found, lines) & (found >= 0)

    def ndcg(self, scores: Scores) -> NDArray[np.float64]:
        """Return nDCG@K of each query (Järvelin & Kekäläinen 2002), by scores [queries, n]."""
        best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        gains = np.take_along_axis(self._is_relevant, best, axis=1)
        discounts = 1 / np.log2(np.arange(2, K + 2))
        ideal = discounts.cumsum()[np.minimum(self._count, K) - 1]
        of_queries: NDArray[np.float64] = gains @ discounts[: gains.shape[1]] / ideal
        return of_queries
