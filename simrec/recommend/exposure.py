"""Exposure: no article stands in too many lists, and every article in one at least."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, Scores, rank_in_group, row_blocks
from simrec.index.neighbours import Neighbours
from simrec.recommend.candidates import NO_GROUP, Candidates, RowAttributes, first_columns
from simrec.recommend.rules.rule import Rule

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
        taken = (np.take_along_axis(array, column, axis=1) for array in self)
        lists = RankedLists._make(taken)
        lists.rows[columns < 0] = -1
        return lists


def cap_exposure(rows: NDArray[np.int32], values: Scores, places: int, max_exposure: float) -> Rows:
    """Return the columns of each row's list, in order, int [rows, places], -1 for no more.

    No row stands in more than max_exposure * places lists: those that value it most keep it, the
    others take their next candidate, if they have one (b-matching, Jebara, Wang & Chang 2009, found
    greedily). rows [rows, n] are the candidates of all rows in their order, -1 for none, more than
    `places` of them; values are what they are valued at.
    """
    capacity = max(1, round(max_exposure * places))
    allowed = rows >= 0
    for _ in range(ROUNDS):
        seed, column = _over_capacity(rows, values, _first(allowed, places), capacity)
        if not len(seed):
            break
        allowed[seed, column] = False
    # A full list matters more than the cap: a list that is short takes back what it gave up.
    given_up = (rows >= 0) & ~allowed
    missing = places - allowed.sum(axis=1)[:, None]
    allowed |= _first(given_up, missing)
    return first_columns(allowed, places)


def _first(mask: Mask, n: int | Rows) -> Mask:
    """Return the mask [rows, columns] without all but the first n of each row."""
    return mask & (mask.cumsum(axis=1, dtype=np.int16) <= n)


def _over_capacity(
    rows: NDArray[np.int32], values: Scores, listed: Mask, capacity: int
) -> tuple[Rows, Rows]:
    """Return where a row is listed although `capacity` other lists value it more."""
    exposure = np.bincount(rows[listed], minlength=len(rows))
    is_overexposed = exposure > capacity
    seed, column = np.nonzero(listed & is_overexposed[rows])
    row = rows[seed, column]
    order = np.lexsort((seed, -values[seed, column], row))
    is_over = rank_in_group(row[order]) >= capacity
    over = order[is_over]
    return seed[over], column[over]


def place_orphans(
    lists: RankedLists,
    nearest: Nearest,
    attributes: RowAttributes,
    rules: Sequence[Rule],
) -> int:
    """Put rows that stand in no list into the list they fit best, in place; return how many.

    A list gives one place at most, its last, to what its rules allow, and not if the row that
    stands there would then stand nowhere. Which list a row fits best is what its own candidates
    say, best first, since a pair has one score from either side.
    """
    listed = lists.rows[lists.rows >= 0]
    exposure = np.bincount(listed, minlength=len(lists.rows))
    is_orphan = exposure == 0
    for rule in rules:
        is_orphan &= rule.needs_place(attributes)
    orphans = np.flatnonzero(is_orphan)
    placed: set[int] = set()
    changed_lists: set[int] = set()
    for block in row_blocks(len(orphans), BLOCK_ORPHANS):
        for pair in _allowed_pairs(orphans[block], nearest, lists, attributes, rules):
            if pair.orphan in placed or pair.seed in changed_lists:
                continue
            if _place_last(lists, pair, exposure):
                placed.add(pair.orphan)
                changed_lists.add(pair.seed)
    return len(placed)


class _OrphanPair(NamedTuple):
    orphan: int
    seed: int
    score: float


def _allowed_pairs(
    orphans: Rows,
    nearest: Nearest,
    lists: RankedLists,
    attributes: RowAttributes,
    rules: Sequence[Rule],
) -> Iterator[_OrphanPair]:
    """Yield an orphan and a seed where the rules let the seed's list end with the orphan.

    Pairs come in order of orphans, those of one in order of score.
    """
    seeds, scores = nearest(orphans, ORPHAN_CANDIDATES)
    position, column = np.nonzero(seeds >= 0)
    orphan = orphans[position]
    seed = seeds[position, column]
    score = scores[position, column]
    rows = np.column_stack([lists.rows[seed], orphan])
    rows = rows.astype(np.int64)
    longer_scores = np.column_stack([lists.scores[seed], score])
    longer_lists = Candidates.of(rows, longer_scores, attributes.at(rows))
    of_seeds = attributes.at(seed[:, None])
    for rule in rules:
        longer_lists = longer_lists.only(rule.allowed(longer_lists, of_seeds))
    groups = attributes.duplicate_groups[rows]
    is_copy = (groups == groups[:, -1:]) & (groups != NO_GROUP)
    is_dropped = (rows >= 0) & ~longer_lists.is_there
    # An orphan would stand beside its own copy where the rules prefer it to that.
    displaces = (is_copy & is_dropped).any(axis=1)
    for pair in np.flatnonzero(longer_lists.is_there[:, -1] & ~displaces):
        yield _OrphanPair(int(orphan[pair]), int(seed[pair]), float(score[pair]))


def _place_last(lists: RankedLists, pair: _OrphanPair, exposure: Rows) -> bool:
    """Put an orphan at the end of the seed's list, unless that makes another orphan; tell which."""
    listed = lists.rows[pair.seed]
    free = np.flatnonzero(listed < 0)
    if len(free):
        place = free[0]
    else:
        place = len(listed) - 1
        replaced = listed[place]
        if exposure[replaced] <= 1:
            return False
        exposure[replaced] -= 1
    lists.rows[pair.seed, place] = pair.orphan
    lists.scores[pair.seed, place] = pair.score
    lists.score_ranks[pair.seed, place] = 0
    return True
