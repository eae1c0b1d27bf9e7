"""The ranking rules against a recount with loops, on candidates drawn at random."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from simrec.config import RulesConfig
from simrec.recommend.candidates import NO_GROUP, Candidates, RowAttributes, days_of
from simrec.recommend.exposure import Nearest, RankedLists, cap_exposure, place_orphans
from simrec.recommend.rules import (
    CollapseDuplicates,
    Diversity,
    ExcludeOwnAccount,
    Freshness,
    RecencyDecay,
    Rule,
    apply_rules,
    rules_of,
)

OFF = {"collapse_duplicates": False, "max_exposure": 0.0}
DECAY = RecencyDecay("2024-01-31", 12.0)


def attributes_of(
    rows: int, duplicate_groups: list[int] | None = None, accounts: list[int] | None = None
) -> RowAttributes:
    """Attributes of rows that are undated and, unless given, in no group and of no account."""
    nothing = np.full(rows, NO_GROUP)
    return RowAttributes(
        nothing if duplicate_groups is None else np.array(duplicate_groups),
        nothing if accounts is None else np.array(accounts),
        nothing,
        days_of([None] * rows),
    )


def drawn(seed: int, rows: int = 30, n: int = 12) -> tuple[Candidates, RowAttributes]:
    """Candidates of every row, best first, some fewer, with few groups and accounts among them."""
    rng = np.random.default_rng(seed)
    groups = np.where(rng.random(rows) < 0.5, rng.integers(0, 5, rows), NO_GROUP)
    accounts = np.where(rng.random(rows) < 0.8, rng.integers(0, 4, rows), NO_GROUP)
    days = np.datetime64("2024-02-03") - rng.integers(0, 60, rows)
    days[rng.random(rows) < 0.2] = np.datetime64("NaT")
    attributes = RowAttributes(groups, accounts, np.full(rows, NO_GROUP), days)
    candidates = np.stack(
        [rng.permutation(np.delete(np.arange(rows), row))[:n] for row in range(rows)]
    )
    candidates[np.arange(n) >= rng.integers(0, n + 1, rows)[:, None]] = -1
    scores = -np.sort(-rng.random(candidates.shape).astype(np.float32), axis=1)
    return Candidates.of(candidates, scores, attributes.at(candidates)), attributes


def applied(
    rules: tuple[Rule, ...],
    candidates: Candidates,
    attributes: RowAttributes,
    most: int,
    vectors: NDArray[np.float32] | None = None,
) -> Candidates:
    """Apply the rules to the candidates of every row."""
    seeds = attributes.at(np.arange(len(candidates.rows))[:, None])

    def vectors_of(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        assert vectors is not None, "only diversity looks at vectors"
        return vectors[rows]

    return apply_rules(rules, candidates, seeds, most, vectors_of)


def listed_rows(rows: NDArray[np.int64]) -> list[int]:
    return [row for row in rows.tolist() if row >= 0]


def weight(days: np.datetime64, half_life: float) -> np.float32:
    """What age leaves of a score."""
    age = DECAY.undated_days
    if not np.isnat(days):
        age = max(0, int((np.datetime64(DECAY.newest) - days).astype(int)))
    return np.float32(0.5 ** (age / half_life))


def oracle(
    candidates: Candidates, attributes: RowAttributes, seed: int, most: int, config: RulesConfig
) -> list[int]:
    """The list of one row, candidate by candidate."""
    score_of = dict(zip(candidates.rows[seed].tolist(), candidates.scores[seed], strict=True))
    rows = listed_rows(candidates.rows[seed])
    if config.collapse_duplicates:
        seen = {int(attributes.duplicate_groups[seed])}
        firsts = []
        for row in rows:
            group = int(attributes.duplicate_groups[row])
            if group == NO_GROUP or group not in seen:
                firsts.append(row)
                seen.add(group)
        rows = firsts
    half_life = config.freshness_half_life
    if half_life:
        rows.sort(key=lambda row: -score_of[row] * weight(attributes.days[row], half_life))
    listed: list[int] = []
    counts: Counter[int] = Counter()
    for row in rows:
        account = int(attributes.accounts[row])
        if account != NO_GROUP:
            if config.exclude_own_account and account == attributes.accounts[seed]:
                continue
            if config.account_cap and counts[account] >= config.account_cap:
                continue
        counts[account] += 1
        listed.append(row)
    return listed[:most]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"collapse_duplicates": True},
        {"freshness_half_life": 30.0},
        {"exclude_own_account": True},
        {"account_cap": 2},
        {
            "collapse_duplicates": True,
            "freshness_half_life": 9.0,
            "exclude_own_account": True,
            "account_cap": 1,
        },
    ],
    ids=lambda options: "+".join(options) or "off",
)
@given(seed=st.integers(0, 10**6))
def test_rules_give_the_lists_of_a_recount(options: dict[str, Any], seed: int) -> None:
    config = RulesConfig(**{**OFF, **options})
    candidates, attributes = drawn(seed)
    listed = applied(rules_of(config, DECAY), candidates, attributes, 6)
    for row in range(len(listed.rows)):
        expected = oracle(candidates, attributes, row, 6, config)
        assert listed_rows(listed.rows[row]) == expected
        in_order = candidates.rows[row].tolist()
        for place, candidate in enumerate(expected):
            column = in_order.index(candidate)
            assert listed.scores[row, place] == candidates.scores[row, column]
            assert listed.score_ranks[row, place] == column + 1


@given(seed=st.integers(0, 10**6))
def test_several_seeds_have_all_their_duplicates_left_out_and_no_account_of_their_own(
    seed: int,
) -> None:
    candidates, attributes = drawn(seed)
    rng = np.random.default_rng(seed)
    seed_rows = rng.integers(0, 30, (30, 3))
    seeds = attributes.at(seed_rows)
    allowed = CollapseDuplicates().allowed(candidates, seeds)
    for row, others in enumerate(seed_rows):
        seen = set(attributes.duplicate_groups[others].tolist())
        for column, candidate in enumerate(candidates.rows[row].tolist()):
            group = int(attributes.duplicate_groups[candidate])
            expected = candidate >= 0 and (group == NO_GROUP or group not in seen)
            assert allowed[row, column] == expected
            if expected:
                seen.add(group)
    assert (ExcludeOwnAccount().allowed(candidates, seeds) == candidates.is_there).all()


@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.2, 0.5, 0.9]))
def test_diversity_is_maximal_marginal_relevance(seed: int, share: float) -> None:
    candidates, attributes = drawn(seed, rows=8, n=6)
    vectors = np.random.default_rng(seed).normal(size=(8, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ordered = applied((Diversity(share),), candidates, attributes, 6, vectors)
    for row in range(8):
        value_of = dict(
            zip(candidates.rows[row].tolist(), candidates.values[row].tolist(), strict=True)
        )
        value_of.pop(-1, None)
        chosen: list[int] = []
        while value_of:
            gains = {}
            for candidate, value in value_of.items():
                cosines = [float(vectors[candidate] @ vectors[other]) for other in chosen]
                gains[candidate] = (1 - share) * value - share * max(cosines, default=0)
            taken = int(ordered.rows[row, len(chosen)])
            assert gains[taken] == pytest.approx(max(gains.values()), abs=1e-5)
            chosen.append(taken)
            del value_of[taken]
        assert (ordered.rows[row, len(chosen) :] == -1).all()


@given(seed=st.integers(0, 10**6))
def test_no_row_exceeds_the_cap_on_exposure_unless_a_list_would_be_short(seed: int) -> None:
    candidates, _ = drawn(seed, rows=40, n=20)
    most = 5
    max_exposure = 2.0
    columns = cap_exposure(candidates.rows, candidates.values, most, max_exposure)
    listed = candidates.take(columns).rows
    available = candidates.is_there.sum(axis=1)
    assert ((listed >= 0).sum(axis=1) == np.minimum(available, most)).all()
    for row_columns in columns:
        assert (np.diff(row_columns[row_columns >= 0]) > 0).all()
    had_choice = available > most
    chosen = listed[had_choice]
    exposure = np.bincount(chosen[chosen >= 0], minlength=40)
    assert exposure.max() <= max_exposure * most


def test_the_lists_that_value_a_row_most_keep_it() -> None:
    rows = np.array([[4, 5], [4, 6], [4, 7], [-1, -1], [5, 0], [4, 0], [4, 1], [4, 2]])
    values = np.array(
        [[0.9, 0.1], [0.5, 0.4], [0.7, 0.2], [0, 0], [0.3, 0.2], [0.6, 0.1], [0.8, 0.1], [0.2, 0.1]]
    )
    columns = cap_exposure(rows, values, 1, 2.0)[:, 0]
    listed = np.where(columns >= 0, rows[np.arange(8), columns], -1)
    assert listed.tolist() == [4, 6, 7, -1, 5, 0, 4, 2]  # 4 stays where it is valued at .9 and .8


def lists_of(rows: list[list[int]]) -> RankedLists:
    """Lists whose scores are all .5."""
    shape = np.shape(rows)
    return RankedLists(
        rows=np.array(rows, np.int32),
        scores=np.full(shape, 0.5, np.float32),
        values=np.full(shape, 0.5, np.float32),
        score_ranks=np.full(shape, 1, np.uint16),
    )


def nearest_of(neighbours: list[list[int]]) -> Nearest:
    """Candidates whose scores are all .25."""

    def nearest(rows: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        candidates = np.array(neighbours)[rows, :k]
        return candidates, np.full(candidates.shape, 0.25, np.float32)

    return nearest


def test_an_orphan_gets_a_last_place_and_makes_no_orphan() -> None:
    rows = [[1, 2], [0, 2], [0, 1], [0, 1], [3, 0]]
    nearest = nearest_of([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 4], [3, 0, 1]])
    lists = lists_of(rows)
    assert place_orphans(lists, nearest, attributes_of(5), ()) == 1
    # The first of 4's own candidates is 3, whose list ends with 1, which other lists hold too.
    assert lists.rows[3].tolist() == [0, 4]
    assert (float(lists.scores[3, 1]), int(lists.score_ranks[3, 1])) == (0.25, 0)
    assert np.bincount(lists.rows.ravel(), minlength=5).min() >= 1


def test_the_only_place_of_a_row_is_not_given_away() -> None:
    # Row 3 stands in the first list only, row 4 in none.
    lists = lists_of([[1, 3], [0, 2], [1, 0], [2, 0], [1, 0]])
    nearest = nearest_of([[1, 3], [0, 2], [1, 0], [2, 0], [0, 1]])
    assert place_orphans(lists, nearest, attributes_of(5), ()) == 1
    assert lists.rows[:2].tolist() == [[1, 3], [0, 4]]


@pytest.mark.parametrize(
    ("options", "attributes", "changed"),
    [
        ({"exclude_own_account": True}, attributes_of(5, accounts=[0, 0, 0, 1, 1]), 0),
        ({"account_cap": 1}, attributes_of(5, accounts=[1, 2, 3, 4, 1]), 0),
        ({"collapse_duplicates": True}, attributes_of(5, duplicate_groups=[4, -1, -1, -1, 4]), 2),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_orphan_stands_only_in_lists_whose_rules_allow_it(
    options: dict[str, Any], attributes: RowAttributes, changed: int
) -> None:
    lists = lists_of([[1, 2], [0, 2], [1, 3], [0, 1], [3, 0]])
    nearest = nearest_of([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 4], [3, 0, 2]])
    rules = rules_of(RulesConfig(**{**OFF, **options}), RecencyDecay())
    before = lists.rows.copy()
    assert place_orphans(lists, nearest, attributes, rules) == 1
    assert np.flatnonzero((lists.rows != before).any(axis=1)).tolist() == [changed]
    assert lists.rows[changed, 1] == 4


class OtherCategory(Rule):
    """A rule that is not among those of the package: lists hold no article of the seed's category."""

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> NDArray[np.bool_]:
        return candidates.attributes.categories != seeds.categories


def test_a_new_rule_is_one_class_for_lists_and_for_orphans() -> None:
    categories = np.array([0, 0, 1, 1, 0])
    attributes = replace(attributes_of(5), categories=categories)
    rows = np.array([[1, 2, 3], [0, 2, 4], [3, 0, 1], [2, 0, 4], [3, 1, 0]])
    scores = np.full(rows.shape, 0.5, np.float32)
    candidates = Candidates.of(rows, scores, attributes.at(rows))
    listed = applied((OtherCategory(),), candidates, attributes, 2)
    assert [listed_rows(row) for row in listed.rows] == [[2, 3], [2], [0, 1], [0, 4], [3]]

    lists = lists_of([[2, 3], [2, 3], [0, 1], [0, 1], [2, 3]])  # 4 stands in none
    nearest = nearest_of([[1, 2], [0, 2], [3, 0], [2, 0], [0, 2]])
    assert place_orphans(lists, nearest, attributes, (OtherCategory(),)) == 1
    assert lists.rows.tolist() == [[2, 3], [2, 3], [0, 4], [0, 1], [2, 3]]


def test_only_the_original_of_near_duplicates_may_be_an_orphan() -> None:
    lists = lists_of([[1, 2], [0, 2], [1, 0], [0, 1], [3, 0]])
    nearest = nearest_of([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 4], [3, 0, 1]])
    groups = attributes_of(5, duplicate_groups=[0, -1, -1, -1, 0])
    assert place_orphans(lists, nearest, groups, (CollapseDuplicates(),)) == 0
    assert place_orphans(lists, nearest, groups, ()) == 1


def test_age_halves_and_neither_the_undated_nor_the_future_are_punished_or_praised() -> None:
    published = ["2024-01-31", "2024-01-01", None, "2999-01-01", "2024-01-11T10:00:00Z"]
    decay = RecencyDecay.of(published, "2024-06-01T00:00:00Z")
    assert decay == RecencyDecay("2024-01-31", 20.0)
    days = days_of(["2024-01-31", "2024-01-21", "2024-01-11", "2999-01-01", None, "1924-01-31"])
    weights = Freshness(10, decay).weights(days)
    assert weights.tolist() == pytest.approx([1, 0.5, 0.25, 1, 0.25, 1e-6])
    assert RecencyDecay.of([None, "2999-01-01"], "2024-01-01") == RecencyDecay()
    undated = days_of([None, "2999-01-01"])
    assert Freshness(10, RecencyDecay()).weights(undated).tolist() == [1, 1]
