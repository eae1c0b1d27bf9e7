"""Exposure: no article stands in too many lists, and every article in one at least."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Rows, Scores, rank_in_group
from simrec.index.neighbours import Neighbours
from simrec.recommend.candidates import Candidates, RowAttributes, first_columns
from simrec.recommend.rules import Rule

ROUNDS = 50
ORPHAN_CANDIDATES = 30  # an orphan may be placed into the list of so many of its own candidates
BLOCK_ORPHANS = 2_048

# Returns the first k candidates of some rows.
Nearest = Callable[[Rows, int], Neighbours]


class RankedLists(NamedTuple):
    """The list of every row, best first, in arrays [rows, places].

    rows are -1 where there is none; values are scores as the rules have weighted them; score_ranks
    are the ranks by score alone, from 1, and 0 of an orphan that was given its place.
    """

    rows: NDArray[np.int32]
    scores: Scores
    values: Scores
    score_ranks: NDArray[np.uint16]

    @classmethod
    def empty(cls, rows: int, places: int) -> "RankedLists":
        """Return lists to be filled by `replace`."""
        shape = (rows, places)
        return cls(
            np.empty(shape, np.int32),
            np.empty(shape, np.float32),
            np.empty(shape, np.float32),
            np.empty(shape, np.uint16),
        )

    def replace(self, index: slice | Rows, listed: Candidates) -> None:
        """Put other lists in the place of those at an index."""
        self.rows[index] = listed.rows
        self.scores[index] = listed.scores
        self.values[index] = listed.values
        self.score_ranks[index] = listed.score_ranks

    def take(self, columns: Rows) -> "RankedLists":
        """Return columns of each list [rows, n], rows being -1 where a column is -1."""
        column = np.maximum(columns, 0)
        lists = RankedLists._make(np.take_along_axis(array, column, axis=1) for array in self)
        lists.rows[columns < 0] = -1
        return lists


def cap_exposure(rows: NDArray[np.int32], values: Scores, most: int, max_exposure: float) -> Rows:
    """Return the columns of `most` candidates of each row, in order, int [rows, most], -1 for no more.

    No row stands in more than max_exposure * most lists: those that value it most keep it, the others
    take their next candidate, if they have one (b-matching, Jebara, Wang & Chang 2009, found
    greedily). rows [rows, n] are the candidates of all rows in their order, -1 for none, more than
    `most` of them; values are what they are valued at.
    """
    capacity = max(1, round(max_exposure * most))
    allowed = rows >= 0
    for _ in range(ROUNDS):
        listed = allowed & (allowed.cumsum(axis=1, dtype=np.int16) <= most)
        counts = np.bincount(rows[listed], minlength=len(rows))
        seed, column = np.nonzero(listed & (counts > capacity)[rows])
        if not len(seed):
            break
        overexposed = rows[seed, column]
        order = np.lexsort((seed, -values[seed, column], overexposed))
        is_over = rank_in_group(overexposed[order]) >= capacity
        over = order[is_over]
        allowed[seed[over], column[over]] = False
    # A full list matters more than the cap: a list that is short takes back what it gave up.
    given_up = ~allowed & (rows >= 0)
    missing = most - allowed.sum(axis=1)[:, None]
    allowed |= given_up & (given_up.cumsum(axis=1, dtype=np.int16) <= missing)
    return first_columns(allowed, most)


def place_orphans(
    lists: RankedLists,
    nearest: Nearest,
    attributes: RowAttributes,
    rules: Sequence[Rule],
) -> int:
    """Put rows that stand in no list into the list they fit best, in place; return how many.

    A list gives one place at most, its last, to what its rules allow, and not if the row that stands
    there would then stand nowhere. Which list a row fits best is what its own candidates say, best
    first, since a pair has one score from either side.
    """
    counts = np.bincount(lists.rows[lists.rows >= 0], minlength=len(lists.rows))
    is_orphan = counts == 0
    for rule in rules:
        is_orphan &= rule.needs_place(attributes)
    orphans = np.flatnonzero(is_orphan)
    placed: set[int] = set()
    changed_lists: set[int] = set()
    for start in range(0, len(orphans), BLOCK_ORPHANS):
        block = orphans[start : start + BLOCK_ORPHANS]
        for orphan, seed, score in _allowed_pairs(block, nearest, lists, attributes, rules):
            if orphan in placed or seed in changed_lists:
                continue
            place = _free_place(lists.rows[seed], counts)
            if place is None:
                continue
            replaced = lists.rows[seed, place]
            if replaced >= 0:
                counts[replaced] -= 1
            lists.rows[seed, place] = orphan
            lists.scores[seed, place] = score
            lists.score_ranks[seed, place] = 0
            placed.add(orphan)
            changed_lists.add(seed)
    return len(placed)


def _allowed_pairs(
    orphans: Rows,
    nearest: Nearest,
    lists: RankedLists,
    attributes: RowAttributes,
    rules: Sequence[Rule],
) -> Iterator[tuple[int, int, float]]:
    """Yield (orphan, seed, score) where the rules let the seed's list end with the orphan.

    Pairs come in order of orphans, those of one in order of score.
    """
    seeds, scores = nearest(orphans, ORPHAN_CANDIDATES)
    orphan, column = np.nonzero(seeds >= 0)
    seeds = seeds[orphan, column]
    scores = scores[orphan, column]
    rows = np.column_stack([lists.rows[seeds], orphans[orphan]]).astype(np.int64)
    ended = Candidates.of(rows, np.zeros(rows.shape, np.float32), attributes.at(rows))
    seed_attributes = attributes.at(seeds[:, None])
    for rule in rules:
        ended = ended.only(rule.allowed(ended, seed_attributes))
    for pair in np.flatnonzero(ended.is_there[:, -1]).tolist():
        yield int(orphans[orphan[pair]]), int(seeds[pair]), float(scores[pair])


def _free_place(rows: NDArray[np.int32], counts: Rows) -> int | None:
    """Return the first free place of a list, or the last, if its row stands in other lists too."""
    free = np.flatnonzero(rows < 0)
    if len(free):
        return int(free[0])
    return len(rows) - 1 if counts[rows[-1]] > 1 else None
