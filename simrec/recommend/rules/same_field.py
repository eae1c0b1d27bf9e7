"""The rules on fields of articles: the same language or category, caps, and exclusions."""

from dataclasses import dataclass

import numpy as np

from simrec.arrays import Mask
from simrec.recommend.candidates import NO_GROUP, Candidates, RowAttributes
from simrec.recommend.rules.rule import Rule, SelectiveRule, is_among, is_within_cap

OTHER_WEIGHT = 0.8  # of what is not of the preferred group


@dataclass(frozen=True)
class _FieldRule(Rule):
    """A rule on one field of articles: account, category or lang."""

    field: str

    @property
    def fields(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.field,)

    def is_same_or_unknown(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Tell which candidates are of a seed's group, or cannot be compared with one.

        An article whose group is not known is compared with all.
        """
        groups = candidates.attributes.groups(self.field)
        seed_groups = seeds.groups(self.field)
        is_unknown: Mask = (seed_groups == NO_GROUP).all(axis=1, keepdims=True) | (
            groups == NO_GROUP
        )
        is_comparable: Mask = is_unknown | is_among(groups, seed_groups)
        return is_comparable


@dataclass(frozen=True)
class RequireSame(_FieldRule, SelectiveRule):
    """Lists hold only what is of the seed's group."""

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow what is of a seed's group, and what has none."""
        return self.is_same_or_unknown(candidates, seeds)


@dataclass(frozen=True)
class PreferSame(_FieldRule):
    """A score counts less where the candidate is not of the seed's group."""

    def ranked(self, candidates: Candidates, seeds: RowAttributes) -> Candidates:
        """Rank by scores of which those of other groups are weighted."""
        is_same = self.is_same_or_unknown(candidates, seeds)
        return candidates.weighted(np.where(is_same, np.float32(1), np.float32(OTHER_WEIGHT)))


@dataclass(frozen=True)
class ExcludeSame(_FieldRule, SelectiveRule):
    """Lists hold no article of the seed's own group; several seeds exclude no group."""

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow what is of other groups, and what has none."""
        if seeds.n_columns > 1:
            return candidates.is_there
        groups = candidates.attributes.groups(self.field)
        return ~is_among(groups, seeds.groups(self.field))


@dataclass(frozen=True)
class GroupCap(_FieldRule):
    """Lists hold at most `cap` articles of one group."""

    cap: int

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow the first articles of each group."""
        groups = candidates.attributes.groups(self.field)
        return is_within_cap(groups, self.cap, candidates.is_there)
