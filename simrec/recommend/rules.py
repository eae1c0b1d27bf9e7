"""Ranking rules: each is one class, and the same objects rule tables, questions and orphans.

The filters of a question come first, since they choose the candidates. Then the rules follow in
the order of `rules_of`. For the tables the cap on exposure comes last (`exposure.py`), because it
looks at all lists at once. With all rules off the order is that of the score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, Scores, rank_in_group
from simrec.config import RulesConfig
from simrec.recommend.candidates import NO_GROUP, Candidates, Days, RowAttributes, days_of

SMALLEST_WEIGHT = 1e-6  # of an article of any age

VectorsOf = Callable[[Rows], NDArray[np.float32]]


class Rule:
    """What a rule may do; what a rule does not define changes nothing."""

    def ranked(self, candidates: Candidates) -> Candidates:
        """Return the candidates in another order."""
        return candidates

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Tell which candidates [queries, n] may be listed; seeds are [queries, seeds].

        Where there is no candidate the answer does not matter.
        """
        return candidates.is_there

    def reranked(self, shortlist: Candidates, vectors_of: VectorsOf) -> Candidates:
        """Return what all rules have let through in another order.

        vectors_of returns the unit vectors [..., dim] of rows of any shape.
        """
        return shortlist

    def removes_many(self, candidates: Candidates) -> Mask:
        """Tell for which queries more candidates are worth a search, should their list be short."""
        return np.zeros(len(candidates.rows), bool)

    def needs_place(self, attributes: RowAttributes) -> Mask:
        """Tell which of all rows are orphans if no list holds them."""
        return np.ones(len(attributes.accounts), bool)


@dataclass(frozen=True)
class CollapseDuplicates(Rule):
    """Of near-duplicates, lists hold the best one; they hold none of the seed's own."""

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow the first of each duplicate group that is not a seed's."""
        groups = candidates.attributes.duplicate_groups
        is_other_group = candidates.is_there & ~_is_among(groups, seeds.duplicate_groups)
        return is_other_group & _is_within_cap(groups, 1, is_other_group)

    def removes_many(self, candidates: Candidates) -> Mask:
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


@dataclass(frozen=True)
class RecencyDecay:
    """What ages are counted from.

    newest is an ISO day; articles without a date are taken to be undated_days older.
    """

    newest: str = "1970-01-01"
    undated_days: float = 0.0

    @classmethod
    def of(cls, published: Sequence[str | None], today: str) -> "RecencyDecay":
        """Count from the newest ISO date that is not after today; the undated are of median age."""
        days = [date[:10] for date in published if date]
        past = [day for day in days if day <= today[:10]]
        if not past:
            return cls()
        newest = max(past)
        ages = cls(newest).ages(days_of(past))
        return cls(newest, undated_days=float(np.median(ages)))

    def ages(self, days: Days) -> NDArray[np.float64]:
        """Return ages in days; what is dated after the newest is of age 0."""
        ages_in_days = np.datetime64(self.newest) - days
        ages = ages_in_days.astype(np.float64)
        ages[np.isnat(days)] = self.undated_days
        return np.maximum(ages, 0)


@dataclass(frozen=True)
class Freshness(Rule):
    """A score counts half for every `half_life` days of age."""

    half_life: float
    decay: RecencyDecay

    def weights(self, days: Days) -> Scores:
        """Return what multiplies scores, from SMALLEST_WEIGHT to 1."""
        weights = 0.5 ** (self.decay.ages(days) / self.half_life)
        return np.maximum(weights, SMALLEST_WEIGHT).astype(np.float32)

    def ranked(self, candidates: Candidates) -> Candidates:
        """Rank by scores that age has weighted."""
        return candidates.weighted(self.weights(candidates.attributes.days))


@dataclass(frozen=True)
class ExcludeOwnAccount(Rule):
    """Lists hold no article of the seed's own account; several seeds exclude no account."""

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow what other accounts have published, and what has no account."""
        if seeds.accounts.shape[1] > 1:
            return candidates.is_there
        return ~_is_among(candidates.attributes.accounts, seeds.accounts)


@dataclass(frozen=True)
class AccountCap(Rule):
    """Lists hold at most `cap` articles of one account."""

    cap: int

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow the first articles of each account."""
        accounts = candidates.attributes.accounts
        return _is_within_cap(accounts, self.cap, candidates.is_there)


@dataclass(frozen=True)
class Diversity(Rule):
    """What is like the articles above it stands lower; `share` says how much that counts."""

    share: float

    def reranked(self, shortlist: Candidates, vectors_of: VectorsOf) -> Candidates:
        """Rank by maximal marginal relevance."""
        vectors = vectors_of(np.maximum(shortlist.rows, 0))
        return mmr(shortlist, vectors, self.share)


def rules_of(config: RulesConfig, decay: RecencyDecay) -> tuple[Rule, ...]:
    """Return the rules of a configuration that are on, in the order in which they are applied."""
    rules: list[Rule] = []
    if config.collapse_duplicates:
        rules.append(CollapseDuplicates())
    if config.freshness_half_life:
        rules.append(Freshness(config.freshness_half_life, decay))
    if config.exclude_own_account:
        rules.append(ExcludeOwnAccount())
    if config.account_cap:
        rules.append(AccountCap(config.account_cap))
    if config.diversity:
        rules.append(Diversity(config.diversity))
    return tuple(rules)


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
        candidates = rule.ranked(candidates)
        candidates = candidates.only(rule.allowed(candidates, seeds))
    shortlist = candidates.first(n)
    for rule in rules:
        shortlist = rule.reranked(shortlist, vectors_of)
    return shortlist


def mmr(candidates: Candidates, vectors: NDArray[np.float32], diversity: float) -> Candidates:
    """Return candidates in the order of maximal marginal relevance (Carbonell & Goldstein 1998).

    Next comes what has the most of (1 - diversity) value - diversity * the highest cosine to one
    before it. vectors are unit vectors of the candidates [queries, candidates, dim].
    """
    cosines = vectors @ vectors.transpose(0, 2, 1)
    queries = np.arange(len(candidates.rows))
    relevance = (1 - diversity) * candidates.values
    relevance[~candidates.is_there] = -np.inf
    redundancy = np.zeros(relevance.shape, np.float32)
    order = np.full(relevance.shape, -1)
    for rank in range(relevance.shape[1]):
        best = (relevance - diversity * redundancy).argmax(axis=1)
        is_left = relevance[queries, best] > -np.inf
        order[:, rank] = np.where(is_left, best, -1)
        relevance[queries, best] = -np.inf
        to_best = cosines[queries, best]
        redundancy = np.maximum(redundancy, to_best) if rank else to_best
    return candidates.take(order)


def _is_among(groups: Rows, seed_groups: Rows) -> Mask:
    """Tell which groups [queries, n] are among those of their query's seeds [queries, seeds]."""
    is_among = np.zeros(groups.shape, bool)
    for seed_group in seed_groups.T:
        is_among |= groups == seed_group[:, None]
    is_among &= groups != NO_GROUP
    return is_among


def _is_within_cap(groups: Rows, cap: int, is_there: Mask) -> Mask:
    """Tell where a candidate is one of the first `cap` of its group; NO_GROUP has no cap."""
    within = np.ones(groups.shape, bool)
    query, column = np.nonzero(is_there & (groups != NO_GROUP))
    group = groups[query, column]
    order = np.lexsort((column, group, query))
    query = query[order]
    column = column[order]
    n_groups = groups.max(initial=0) + 1
    list_and_group = query * n_groups + group[order]
    is_over = rank_in_group(list_and_group) >= cap
    within[query[is_over], column[is_over]] = False
    return within
