"""Stories: articles about one event, told within a few days by anyone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, Scores
from simrec.config import StoriesConfig
from simrec.recommend.candidates import NO_GROUP, days_of
from simrec.recommend.rerank import RankedCandidates
from simrec.tasks.rows import map_rows
from simrec.tasks.stages import Stages

EDGE = np.dtype([("row", "i8"), ("other", "i8"), ("score", "f4")])
Edges = NDArray[np.void]
NEVER = "~"  # sorts after every date
UNDATED = np.iinfo(np.int64).min  # what NaT is as an integer


@dataclass(frozen=True)
class Stories:
    """The stories of a release: of each article the row of the story's first, NO_GROUP for none.

    is_lead tells which article stands for its story: the one that is most like all others of it.
    """

    first: Rows
    is_lead: Mask

    @property
    def members(self) -> Rows:
        """Return the rows of the articles of all stories, in order of story and row."""
        rows = np.flatnonzero(self.first != NO_GROUP)
        return rows[np.lexsort((rows, self.first[rows]))]


def find_stories(
    candidates: RankedCandidates,
    published: Sequence[str | None],
    originals: Rows,
    config: StoriesConfig,
    stages: Stages,
) -> Stories:
    """Return the stories of a release; there are none where window_days is 0.

    Articles are joined in order of their score, from config.min_score, as long as a story spans no
    more than window_days and holds at most max_size articles. Near-duplicates are in the story of
    their original, and count as one article with it: copies alone are no story. Stories depend on
    scores and dates alone, so that a night and a build from scratch find the same.
    """
    days = days_of(published).astype(np.int64)
    rows = np.arange(len(days))
    of_original = np.where(originals == NO_GROUP, rows, originals)
    edges = np.empty(0, EDGE)
    if config.window_days:
        parts = map_rows(stages, "stories", find_edges, len(rows), candidates, days, config)
        edges = _between_originals(parts.read("edges"), of_original, days, config.window_days)
    joined = _Joined(days, np.bincount(of_original, minlength=len(rows)))
    for row, other in zip(edges["row"].tolist(), edges["other"].tolist(), strict=True):
        joined.join(row, other, config.window_days, config.max_size)
    return _named(joined.roots(), of_original, published, edges)


def find_edges(
    rows: slice,
    candidates: RankedCandidates,
    days: Rows,
    config: StoriesConfig,
) -> dict[str, Edges]:
    """Return the pairs of rows and their candidates that may be of one story."""
    others, scores = candidates.between(rows.start, rows.stop)
    own_days = days[rows][:, None]
    other_days = days[others]
    may_be = (others >= 0) & (scores >= config.min_score)
    may_be &= (own_days != UNDATED) & (other_days != UNDATED)
    may_be &= np.abs(own_days - other_days) <= config.window_days
    row, column = np.nonzero(may_be)
    return {"edges": _edges(row + rows.start, others[row, column], scores[row, column])}


def _edges(
    row: Rows,
    other: Rows,
    score: Scores,
) -> Edges:
    edges = np.empty(len(row), EDGE)
    edges["row"] = row
    edges["other"] = other
    edges["score"] = score
    return edges


def _between_originals(
    edges: Edges,
    of_original: Rows,
    days: Rows,
    window: int,
) -> Edges:
    """Return the pairs of different originals, once each with the best score, the best first."""
    row = of_original[edges["row"]]
    other = of_original[edges["other"]]
    low = np.minimum(row, other)
    high = np.maximum(row, other)
    are_dated = (days[low] != UNDATED) & (days[high] != UNDATED)
    is_pair = (low != high) & are_dated & (np.abs(days[low] - days[high]) <= window)
    pairs = _edges(low[is_pair], high[is_pair], edges["score"][is_pair])
    pairs = pairs[np.lexsort((pairs["other"], pairs["row"], -pairs["score"]))]
    numbers = pairs["row"] * len(of_original) + pairs["other"]
    _, best = np.unique(numbers, return_index=True)
    return pairs[np.sort(best)]


class _Joined:
    """Articles that are joined into stories (union-find), with the days and sizes of these."""

    def __init__(self, days: Rows, sizes: Rows) -> None:
        self._parent = list(range(len(days)))
        self._first = days.tolist()
        self._last = days.tolist()
        self._size = sizes.tolist()

    def join(
        self,
        row: int,
        other: int,
        window: int,
        max_size: int,
    ) -> None:
        """Join the stories of two rows, unless the whole were too long or too large."""
        left = self.root(row)
        right = self.root(other)
        if left == right:
            return
        first = min(self._first[left], self._first[right])
        last = max(self._last[left], self._last[right])
        size = self._size[left] + self._size[right]
        if last - first > window or size > max_size:
            return
        self._parent[right] = left
        self._first[left] = first
        self._last[left] = last
        self._size[left] = size

    def root(self, row: int) -> int:
        """Return the row that stands for the story of a row."""
        while self._parent[row] != row:
            self._parent[row] = self._parent[self._parent[row]]
            row = self._parent[row]
        return row

    def roots(self) -> Rows:
        """Return the root of every row."""
        return np.array([self.root(row) for row in range(len(self._parent))], np.int64)


def _named(
    roots: Rows,
    of_original: Rows,
    published: Sequence[str | None],
    edges: Edges,
) -> Stories:
    """Name each story by its first article, and choose the article that leads it."""
    first = np.full(len(roots), NO_GROUP)
    is_lead = np.zeros(len(roots), bool)
    likeness = np.zeros(len(roots))
    within = roots[edges["row"]] == roots[edges["other"]]
    np.add.at(likeness, edges["row"][within], edges["score"][within])
    np.add.at(likeness, edges["other"][within], edges["score"][within])
    roots = roots[of_original]
    for members in _groups(roots):
        if len(np.unique(of_original[members])) < 2:
            continue
        in_order = sorted(members.tolist(), key=lambda row: (published[row] or NEVER, row))
        first[members] = in_order[0]
        lead = np.argmax(likeness[in_order].round(4))
        is_lead[in_order[lead]] = True
    return Stories(first, is_lead)


def _groups(numbers: Rows) -> Iterator[Rows]:
    """Yield the positions of each number that stands more than once, in order of number."""
    order = np.argsort(numbers, kind="stable")
    edges = np.flatnonzero(np.diff(numbers[order])) + 1
    for group in np.split(order, edges):
        if len(group) > 1:
            yield group
