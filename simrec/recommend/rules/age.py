"""The rules on age, and what ages are counted from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Scores
from simrec.recommend.candidates import Candidates, Days, RowAttributes, days_of
from simrec.recommend.rules.rule import Rule, SelectiveRule

SMALLEST_WEIGHT = 1e-6  # of an article of any age

Ages = NDArray[np.float64]  # in days


@dataclass(frozen=True)
class RecencyDecay:
    """What ages are counted from: the article that asks, or the newest of all.

    newest is an ISO day; articles without a date are taken to be undated_days older. What asks
    without a date, as texts do, counts from the newest.
    """

    newest: str = "1970-01-01"
    undated_days: float = 0.0
    from_article: bool = False

    @classmethod
    def of(
        cls,
        published: Sequence[str | None],
        today: str,
        from_article: bool = False,
    ) -> "RecencyDecay":
        """Count from the newest ISO date that is not after today; the undated are of median age."""
        days = [date[:10] for date in published if date]
        past = [day for day in days if day <= today[:10]]
        if not past:
            return cls(from_article=from_article)
        newest = max(past)
        ages = cls(newest).ages(days_of(past))
        return cls(newest, float(np.median(ages)), from_article)

    def ages(self, days: Days, seed_days: Days | None = None) -> Ages:
        """Return ages in days; what is dated after what is counted from is of age 0.

        days are [queries, n] or [n], seed_days [queries, seeds] or None.
        """
        newest = self._numbers(np.array([self.newest], "datetime64[D]"))
        reference = newest
        if self.from_article and seed_days is not None:
            # A seed that is dated in the future counts from the newest, as all that is past does.
            reference = np.minimum(self._newest_of(seed_days), newest)
        ages: Ages = np.maximum(reference - self._numbers(days), 0)
        return ages

    def _numbers(self, days: Days) -> Ages:
        """Return days since 1970, of what has no date, or a later one, the day of median age."""
        numbers: Ages = days.astype("datetime64[D]").astype(np.float64)
        newest = float(np.datetime64(self.newest, "D").astype(np.int64))
        # What is dated in the future says nothing of its age.
        is_unknown = np.isnat(days) | (numbers > newest)
        numbers[is_unknown] = newest - self.undated_days
        return numbers

    def _newest_of(self, seed_days: Days) -> Ages:
        """Return the newest day of each query's seeds [queries, 1], infinite without any."""
        numbers: Ages = seed_days.astype("datetime64[D]").astype(np.float64)
        numbers[np.isnat(seed_days)] = -np.inf
        newest: Ages = numbers.max(axis=1, keepdims=True, initial=-np.inf)
        newest[np.isneginf(newest)] = np.inf
        return newest


@dataclass(frozen=True)
class MaxAge(SelectiveRule):
    """Lists hold nothing that is older than `days`."""

    days: float
    decay: RecencyDecay
    weights_articles = True

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow what is not too old."""
        return self.decay.ages(candidates.attributes.days, seeds.days) <= self.days


@dataclass(frozen=True)
class Freshness(Rule):
    """A score counts half for every `half_life` days of age."""

    half_life: float
    decay: RecencyDecay
    weights_articles = True

    def weights(self, days: Days, seed_days: Days | None = None) -> Scores:
        """Return what multiplies scores, from SMALLEST_WEIGHT to 1."""
        weights = 0.5 ** (self.decay.ages(days, seed_days) / self.half_life)
        return np.maximum(weights, SMALLEST_WEIGHT).astype(np.float32)

    def ranked(self, candidates: Candidates, seeds: RowAttributes) -> Candidates:
        """Rank by scores that age has weighted."""
        return candidates.weighted(self.weights(candidates.attributes.days, seeds.days))
