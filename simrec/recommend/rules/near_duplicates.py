"""The rule on near-duplicates."""

from dataclasses import dataclass

import numpy as np

from simrec.arrays import Mask
from simrec.recommend.candidates import NO_GROUP, Candidates, RowAttributes
from simrec.recommend.rules.rule import Rule, is_among, is_within_cap


@dataclass(frozen=True)
class CollapseDuplicates(Rule):
    """Of near-duplicates, lists hold the original; they hold none of the seed's own.

    Where the original is no candidate, they hold the best one.
    """

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow one of each duplicate group that is not a seed's."""
        groups = candidates.attributes.duplicate_groups
        is_other_group = candidates.is_there & ~is_among(groups, seeds.duplicate_groups)
        is_original = candidates.rows == groups
        return is_other_group & is_within_cap(groups, 1, is_other_group, is_original)

    def removes_many(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Tell which queries have near-duplicates among their candidates."""
        groups = candidates.attributes.duplicate_groups
        is_duplicate = (groups != NO_GROUP) & candidates.is_there
        has_duplicates: Mask = is_duplicate.any(axis=1)
        return has_duplicates

    def needs_place(self, attributes: RowAttributes) -> Mask:
        """Leave out all of a duplicate group but its original."""
        groups = attributes.duplicate_groups
        is_original = groups == np.arange(len(groups))
        needs_place: Mask = is_original | (groups == NO_GROUP)
        return needs_place
