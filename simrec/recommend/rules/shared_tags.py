"""The rules on tags, of which an article has several."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simrec.arrays import Mask, Rows
from simrec.recommend.candidates import NO_GROUP, TAGS, Candidates, RowAttributes
from simrec.recommend.rules.rule import Rule, SelectiveRule


@dataclass(frozen=True)
class ExcludeSharedTag(SelectiveRule):
    """Lists hold no article that shares a tag with the seed; several seeds exclude none."""

    fields = (TAGS,)

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow what shares no tag, and what has none."""
        if seeds.n_columns > 1:
            return candidates.is_there
        shares_tag = np.zeros(candidates.rows.shape, bool)
        of_candidates = candidates.attributes.tags()
        of_seeds = seeds.tags().reshape(len(seeds), -1)  # a text has no tags
        for tags in of_seeds.T:
            tag = tags[:, None, None]
            shares_tag |= ((of_candidates == tag) & (tag != NO_GROUP)).any(axis=-1)
        return ~shares_tag


@dataclass(frozen=True)
class TagCap(Rule):
    """Lists hold at most `cap` articles of one tag; an article counts for each of its tags."""

    cap: int
    fields = (TAGS,)

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow articles in order, as long as none of their tags is used up."""
        tags = candidates.attributes.tags()
        allowed = np.zeros(candidates.rows.shape, bool)
        for query, is_there in enumerate(candidates.is_there):
            columns = np.flatnonzero(is_there)
            allowed[query, columns] = _within_cap(tags[query, columns], self.cap)
        return allowed


def _within_cap(tags: Rows, cap: int) -> Sequence[bool]:
    """Tell which articles may be listed, of tags [articles, tags]; NO_GROUP has no cap."""
    counts: Counter[int] = Counter()
    within = []
    for of_article in tags.tolist():
        own = [tag for tag in of_article if tag != NO_GROUP]
        is_within = all(counts[tag] < cap for tag in own)
        within.append(is_within)
        if is_within:
            counts.update(own)
    return within
