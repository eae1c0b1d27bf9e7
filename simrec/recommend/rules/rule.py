"""What a ranking rule may do; tables, questions and the placing of orphans use the same objects."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, rank_in_group
from simrec.recommend.candidates import NO_GROUP, Candidates, RowAttributes

VectorsOf = Callable[[Rows], NDArray[np.float32]]


class Rule:
    """What a rule may do; what a rule does not define changes nothing.

    Seeds are the attributes of the articles that are asked with, [queries, seeds]; a text has none.
    """

    fields: Sequence[str] = ()  # of articles, whose groups the rule reads
    weights_articles = False  # much alike in all lists, so that some are wanted by many

    def ranked(self, candidates: Candidates, seeds: RowAttributes) -> Candidates:
        """Return the candidates in another order."""
        return candidates

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Tell which candidates [queries, n] may be listed.

        Where there is no candidate the answer does not matter.
        """
        return candidates.is_there

    def reranked(self, shortlist: Candidates, vectors_of: VectorsOf) -> Candidates:
        """Return what all rules have let through in another order.

        vectors_of returns the unit vectors [..., dim] of rows of any shape.
        """
        return shortlist

    def removes_many(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Tell for which queries more candidates are worth a search, should their list be short."""
        return np.zeros(len(candidates.rows), bool)

    def needs_place(self, attributes: RowAttributes) -> Mask:
        """Tell which of all rows are orphans if no list holds them."""
        return np.ones(len(attributes), bool)


class SelectiveRule(Rule):
    """A rule that lets through only candidates of a kind, which may lie deeper."""

    def removes_many(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Tell which queries have candidates that may not be listed."""
        is_removed: Mask = candidates.is_there & ~self.allowed(candidates, seeds)
        removes_any: Mask = np.asarray(is_removed.any(axis=1))
        return removes_any


def apply_rules(
    rules: Sequence[Rule],
    candidates: Candidates,
    seeds: RowAttributes,
    n: int,
    vectors_of: VectorsOf,
) -> Candidates:
    """Return the first n of each query's candidates by all rules.

    candidates come in order of score; seeds [queries, seeds] are the articles of each query. Rows
    are -1 where there are no more.
    """
    for rule in rules:
        candidates = rule.ranked(candidates, seeds)
        candidates = candidates.only(rule.allowed(candidates, seeds))
    shortlist = candidates.first(n)
    for rule in rules:
        shortlist = rule.reranked(shortlist, vectors_of)
    return shortlist


def is_among(groups: Rows, seed_groups: Rows) -> Mask:
    """Tell which groups [queries, n] are among those of their query's seeds [queries, seeds]."""
    among = np.zeros(groups.shape, bool)
    for seed_group in seed_groups.T:
        among |= groups == seed_group[:, None]
    among &= groups != NO_GROUP
    return among


def is_within_cap(
    groups: Rows,
    cap: int,
    is_there: Mask,
    comes_first: Mask | None = None,
) -> Mask:
    """Tell where a candidate is one of the first `cap` of its group; NO_GROUP has no cap.

    Those that come first in their group do so wherever they stand.
    """
    within = np.ones(groups.shape, bool)
    query, column = np.nonzero(is_there & (groups != NO_GROUP))
    group = groups[query, column]
    place = column
    if comes_first is not None:
        place = column - groups.shape[1] * comes_first[query, column]
    order = np.lexsort((place, group, query))
    query = query[order]
    column = column[order]
    n_groups = groups.max(initial=0) + 1
    list_and_group = query * n_groups + group[order]
    is_over = rank_in_group(list_and_group) >= cap
    within[query[is_over], column[is_over]] = False
    return within
