"""Fair shares: nobody is recommended everywhere, and everybody somewhere."""

from dataclasses import dataclass

import numpy as np

from simrec.config import RulesConfig
from simrec.index import packing
from simrec.index.knn_graph import KnnGraph
from simrec.recommend.hybrid import RankedCandidates
from simrec.recommend.rules import NO_GROUP, RowAttributes, first_columns

ROUNDS = 50
ASKED = 30  # of its own candidates, an article that stands nowhere asks for a place


@dataclass
class RankedLists:
    """Whom every row recommends, best first, all [rows, most].

    rows are int32, -1 for nobody; scores float32; places, uint16, are those in order of score alone,
    from 1, and 0 of a row that was given its place for want of any.
    """

    rows: np.ndarray
    scores: np.ndarray
    places: np.ndarray


def cap_exposure(rows: np.ndarray, values: np.ndarray, most: int, share: float) -> np.ndarray:
    """Return the columns of `most` candidates of each row, in order, int [rows, most], -1 where there are no more.

    No row stands in more than share * most lists: those that value it most keep it, the others take
    their next candidate (b-matching, Jebara, Wang & Chang 2009, found greedily), if they have one.
    rows [rows, c] are the candidates of all rows in their order, -1 for none, more than `most` of them;
    values are what they are valued at.
    """
    capacity = max(1, round(share * most))
    allowed = rows >= 0
    for _ in range(ROUNDS):
        listed = allowed & (allowed.cumsum(axis=1, dtype=np.int16) <= most)
        counts = np.bincount(rows[listed], minlength=len(rows))
        seed, column = np.nonzero(listed & (counts > capacity)[rows])
        if not len(seed):
            break
        wanted = rows[seed, column]
        order = np.lexsort((seed, -values[seed, column], wanted))
        over = order[packing.rank_in_group(wanted[order]) >= capacity]
        allowed[seed[over], column[over]] = False
    let_go = ~allowed & (rows >= 0)
    missing = most - allowed.sum(axis=1)[:, None]
    allowed |= let_go & (
        let_go.cumsum(axis=1, dtype=np.int16) <= missing
    )  # a full list goes before a fair one
    return first_columns(allowed, most)


def place_orphans(
    listed: RankedLists,
    candidates: KnnGraph | RankedCandidates,
    kinds: RowAttributes,
    rules: RulesConfig,
) -> int:
    """Give rows that stand in no list the last place of the list they fit best, in place; return how many.

    A list gives one place at most, never that of a row which would then stand nowhere, and to nobody
    whom its rules forbid. Whom a row fits is what its own candidates say, best first: a pair has one
    score from either side.
    """
    counts = np.bincount(listed.rows[listed.rows >= 0], minlength=len(listed.rows))
    nowhere = counts == 0
    if rules.collapse_duplicates:
        nowhere &= (kinds.stories == NO_GROUP) | (kinds.stories == np.arange(len(counts)))
    rows = np.flatnonzero(nowhere)
    asked = candidates.of(rows, ASKED)
    giving: set[int] = set()
    for row, seeds, scores in zip(
        rows.tolist(), packing.rows_of(asked), packing.cosines_of(asked), strict=True
    ):
        for seed, score in zip(seeds.tolist(), scores.tolist(), strict=True):
            place = _place(listed.rows[seed], counts)
            if (
                seed in giving
                or seed < 0
                or place is None
                or not _allowed(row, listed.rows[seed], seed, kinds, rules)
            ):
                continue
            counts[listed.rows[seed, place]] -= listed.rows[seed, place] >= 0
            listed.rows[seed, place], listed.scores[seed, place], listed.places[seed, place] = (
                row,
                score,
                0,
            )
            giving.add(seed)
            break
    return len(giving)


def _place(listed: np.ndarray, counts: np.ndarray) -> int | None:
    """Return the first free place of a list, or the last, if who stands there also stands elsewhere."""
    free = np.flatnonzero(listed < 0)
    if len(free):
        return int(free[0])
    return len(listed) - 1 if counts[listed[-1]] > 1 else None


def _allowed(
    row: int, listed: np.ndarray, seed: int, kinds: RowAttributes, rules: RulesConfig
) -> bool:
    """Tell whether the rules of a seed's list let a row stand at its end."""
    story, account = kinds.stories[row], kinds.accounts[row]
    others = listed[listed >= 0]
    told = story == kinds.stories[seed] or (kinds.stories[others] == story).any()
    if rules.collapse_duplicates and story != NO_GROUP and told:
        return False
    if account == NO_GROUP:
        return True
    if rules.exclude_own_account and account == kinds.accounts[seed]:
        return False
    return (
        not rules.account_cap or int((kinds.accounts[others] == account).sum()) < rules.account_cap
    )
