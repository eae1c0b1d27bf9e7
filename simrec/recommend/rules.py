"""Ranking rules: from candidates in order of score to a list worth publishing, one rule after the other.

The order is fixed: filters (before there are candidates), near-duplicates, freshness, accounts, diversity; and, for
the tables, fair shares. With all rules off the order is that of the score.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simrec.config import RulesConfig
from simrec.index import packing

NO_GROUP = -1  # the story of an article that has no duplicates, the account of one without


@dataclass(frozen=True)
class RowAttributes:
    """What the rules know of rows, [rows] each: their story, their account, and what age leaves of their scores."""

    stories: np.ndarray
    accounts: np.ndarray
    freshness: np.ndarray


@dataclass(frozen=True)
class Candidates:
    """Candidates of some seeds, best score first, all [seeds, candidates].

    rows are int64, -1 for none; scores float32; freshness, above 0 up to 1, multiplies a score; stories
    number those that are near-duplicates of each other; `places` are those in order of score, from 1.
    """

    rows: np.ndarray
    scores: np.ndarray
    freshness: np.ndarray
    stories: np.ndarray
    accounts: np.ndarray
    places: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """What the rules rank by: a score that is aged; one below zero stays what it is."""
        return decayed(self.scores, self.freshness)

    @classmethod
    def of(cls, rows: np.ndarray, scores: np.ndarray, kinds: RowAttributes) -> "Candidates":
        """Return candidates [seeds, candidates] in order of score, with what is known of them."""
        known = {name: column[rows] for name, column in vars(kinds).items()}
        return cls(
            rows,
            scores,
            places=np.broadcast_to(np.arange(1, rows.shape[1] + 1), rows.shape),
            **known,
        )

    def taken(self, order: np.ndarray) -> "Candidates":
        """Return some of the columns of each seed, int [seeds, columns], -1 for none."""
        found = {
            name: np.take_along_axis(column, np.maximum(order, 0), axis=1)
            for name, column in vars(self).items()
        }
        found["rows"] = np.where(order >= 0, found["rows"], -1)
        return Candidates(**found)


def decayed(scores: np.ndarray, freshness: np.ndarray) -> np.ndarray:
    """Return what age leaves of scores; one below zero stays what it is."""
    values: np.ndarray = np.where(scores > 0, scores * freshness, scores)
    return values


def apply_rules(
    found: Candidates, stories: np.ndarray, accounts: np.ndarray, most: int, rules: RulesConfig
) -> Candidates:
    """Return the first `most` of each seed's candidates by all rules but diversity, rows -1 where there are no more.

    stories and accounts are those of the seeds [seeds].
    """
    allowed = found.rows >= 0
    if rules.collapse_duplicates:
        allowed &= (found.stories != stories[:, None]) | (found.stories == NO_GROUP)
        allowed &= _at_most(1, found.stories, allowed)
    if rules.freshness_half_life:
        fresh_first = np.argsort(np.where(allowed, -found.values, np.inf), axis=1, kind="stable")
        found, allowed = found.taken(fresh_first), np.take_along_axis(allowed, fresh_first, axis=1)
    if rules.exclude_own_account:
        allowed &= (found.accounts != accounts[:, None]) | (found.accounts == NO_GROUP)
    if rules.account_cap:
        allowed &= _at_most(rules.account_cap, found.accounts, allowed)
    return found.taken(first_columns(allowed, most))


def first_columns(allowed: np.ndarray, most: int) -> np.ndarray:
    """Return the columns of the first `most` that are allowed in each row, -1 where there are no more."""
    columns = np.full((len(allowed), most), -1)
    row, column = np.nonzero(allowed)
    place = allowed.cumsum(axis=1)[row, column] - 1
    columns[row[place < most], place[place < most]] = column[place < most]
    return columns


def _at_most(most: int, kinds: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return where a kind stands among the first `most` of its kind in a row that are allowed; NOBODY is no kind."""
    kept = np.ones(kinds.shape, bool)
    row, column = np.nonzero(allowed & (kinds != NO_GROUP))
    kind = kinds[row, column]
    order = np.lexsort((column, kind, row))
    row, column, kind = row[order], column[order], kind[order]
    place = packing.rank_in_group(row * (kinds.max(initial=0) + 1) + kind)
    kept[row[place >= most], column[place >= most]] = False
    return kept


def mmr(found: Candidates, vectors: np.ndarray, share: float) -> Candidates:
    """Return candidates in the order of maximal marginal relevance (Carbonell & Goldstein 1998).

    Next comes what has the most of (1 - share) value - share * the highest cosine to one before it.
    vectors are those of the candidates [seeds, candidates, dim], float32 of length one.
    """
    near = vectors @ vectors.transpose(0, 2, 1)
    nearest = np.zeros(found.rows.shape, np.float32)
    left = np.where(found.rows >= 0, (1 - share) * found.values, -np.inf)
    order, seeds = np.full(found.rows.shape, -1), np.arange(len(left))
    for place in range(found.rows.shape[1]):
        best = (left - share * nearest).argmax(axis=1)
        order[:, place] = np.where(left[seeds, best] > -np.inf, best, -1)
        left[seeds, best] = -np.inf
        nearest = np.maximum(nearest, near[seeds, best]) if place else near[seeds, best]
    return found.taken(order)


@dataclass(frozen=True)
class RecencyDecay:
    """What age is counted from: the newest day, and how many days before it the undated are taken to be."""

    newest: str = "1970-01-01"
    undated_days: float = 0.0

    @classmethod
    def of(cls, published: Sequence[str | None], today: str) -> "RecencyDecay":
        """Count from the newest ISO date that is not after today; what has none is as old as the median."""
        known = sorted(day[:10] for day in published if day and day[:10] <= today[:10])
        if not known:
            return cls()
        ages = cls(known[-1])
        return replace(ages, undated_days=float(np.median(ages._days(known))))

    def freshness(self, published: Sequence[str | None], half_life: float) -> np.ndarray:
        """Return what age leaves of scores, float32 from 1e-6 to 1: half after half_life days; 1 if that is 0.

        What is dated in the future is as fresh as the newest.
        """
        if not half_life:
            return np.ones(len(published), np.float32)
        left: np.ndarray = np.maximum(0.5 ** (self._days(published) / half_life), 1e-6).astype(
            np.float32
        )
        return left

    def _days(self, published: Sequence[str | None]) -> np.ndarray:
        """Return ages in days, float64 from 0."""
        days = np.array([day[:10] if day else "NaT" for day in published], "datetime64[D]")
        ages = (np.datetime64(self.newest) - days).astype("timedelta64[D]").astype(np.float64)
        ages[np.isnat(days)] = np.nan
        return np.maximum(np.where(np.isnan(ages), self.undated_days, ages), 0)
