"""What changed since the release before: articles that came and went, and lists that moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simrec.evaluate.bootstrap import confidence_interval
from simrec.evaluate.rank_overlap import rank_biased_overlap
from simrec.evaluate.recommendations import K, KeptShares, Recommendations, overlap
from simrec.evaluate.report_format import ChangedList, Changes, Stability
from simrec.evaluate.samples import show_articles
from simrec.metrics import mean
from simrec.recommend.tables.sqlite import read_ids
from simrec.release_folder import ReleaseFolder

SAMPLED_LISTS = 5_000  # that intervals and rank-biased overlap are computed of
MAX_CHANGED = 10
MAX_NEW = 10


@dataclass(frozen=True)
class ReleaseLists:
    """The folder of a release, the ids of its articles by row, and its lists."""

    folder: ReleaseFolder
    ids: Sequence[str]
    lists: Recommendations

    @classmethod
    def read(
        cls,
        folder: ReleaseFolder,
    ) -> "ReleaseLists":
        """Read the lists of a published release."""
        ids = read_ids(folder)
        return cls(folder, ids, Recommendations.read(folder.similar_articles, ids))

    def ids_of(
        self,
        seeds: Sequence[int],
    ) -> list[list[str]]:
        """Return the ids that the lists of some rows hold, in order of the rows and of rank."""
        rows_of = self.lists.lists_of(seeds)
        lists = []
        for seed in seeds:
            lists.append([self.ids[row] for row in rows_of[seed]])
        return lists

    def titles(
        self,
        ids: Sequence[str],
    ) -> list[str]:
        """Return the titles of some articles."""
        rows = [self._row_of[article] for article in ids]
        return [article.title for article in show_articles(self.folder, rows)]

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {article: row for row, article in enumerate(self.ids)}


class ListComparison:
    """The lists of a release beside those of the release before."""

    def __init__(
        self,
        now: ReleaseLists,
        before: ReleaseLists,
    ) -> None:
        self._now = now
        self._before = before
        self._kept: KeptShares = overlap(now.lists, now.ids, before.lists, before.ids)

    def stability(self) -> Stability:
        """Return how much of the lists of the release before is left."""
        shares = self._kept.shares
        if not len(shares):
            return Stability(skipped="no article is in this release and in the one before")
        n_sampled = min(len(shares), SAMPLED_LISTS)
        sampled = np.linspace(0, len(shares) - 1, n_sampled, dtype=np.int64)
        low, high = confidence_interval(shares[sampled], mean)
        return Stability(
            measure=f"overlap@{K}",
            value=_rounded(shares.mean()),
            interval=(_rounded(low), _rounded(high)),
            before=self._before.folder.release_id,
            articles=len(shares),
            unchanged=_rounded((shares == 1).mean()),
            rbo=self._mean_overlap(sampled),
        )

    def _mean_overlap(
        self,
        sampled: Any,
    ) -> float:
        """Return the mean rank-biased overlap of some lists, which minds their order."""
        rows = self._kept.rows[sampled]
        rows_before = self._kept.rows_before[sampled]
        now = self._now.ids_of(rows.tolist())
        before = self._before.ids_of(rows_before.tolist())
        overlaps = []
        for pair in zip(before, now, strict=True):
            overlaps.append(rank_biased_overlap(*pair))
        return _rounded(np.mean(overlaps))

    def changes(
        self,
        days: Sequence[str | None],
    ) -> Changes:
        """Return which articles are new or gone, and the lists that changed most.

        days are those of the articles now, by row.
        """
        known = set(self._before.ids)
        new_rows = []
        for row, article in enumerate(self._now.ids):
            if article not in known:
                new_rows.append(row)
        gone = known.difference(self._now.ids)
        newest = sorted(new_rows, key=lambda row: days[row] or "", reverse=True)[:MAX_NEW]
        return Changes(
            before=self._before.folder.release_id,
            new=len(new_rows),
            gone=len(gone),
            lists=int((self._kept.shares < 1).sum()),
            newest=show_articles(self._now.folder, newest),
            most_changed=self._most_changed(),
        )

    def _most_changed(self) -> list[ChangedList]:
        """Return the lists of which least is left, and what came and went; ties in order of row."""
        kept = self._kept
        order = np.argsort(kept.shares, kind="stable")[:MAX_CHANGED]
        order = order[kept.shares[order] < 1]
        rows = kept.rows[order].tolist()
        lists = self._now.ids_of(rows)
        lists_before = self._before.ids_of(kept.rows_before[order].tolist())
        seeds = show_articles(self._now.folder, rows)
        changed = []
        for seed, now, before in zip(seeds, lists, lists_before, strict=True):
            came = [article for article in now if article not in before]
            went = [article for article in before if article not in now]
            titles_of_new = self._now.titles(came)
            titles_of_gone = self._before.titles(went)
            changed.append(ChangedList(article=seed, came=titles_of_new, went=titles_of_gone))
        return changed


def _rounded(value: Any) -> float:
    return round(float(value), 4)
