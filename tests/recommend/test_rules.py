"""The ranking rules against a recount with loops, on candidates drawn at random."""

import datetime
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrec.config import RulesConfig
from simrec.index import packing
from simrec.index.knn_graph import KnnGraph
from simrec.recommend.exposure import RankedLists, cap_exposure, place_orphans
from simrec.recommend.rules import (
    NO_GROUP,
    Candidates,
    RecencyDecay,
    RowAttributes,
    apply_rules,
    mmr,
)

OFF = {"collapse_duplicates": False, "max_exposure": 0.0}


def drawn(seed: int, rows: int = 30, candidates: int = 12) -> tuple[Candidates, RowAttributes]:
    """Candidates of every row, best first, some lists shorter, with few stories and accounts among them."""
    chance = np.random.default_rng(seed)
    stories = np.where(chance.random(rows) < 0.5, chance.integers(0, 5, rows), NO_GROUP)
    accounts = np.where(chance.random(rows) < 0.8, chance.integers(0, 4, rows), NO_GROUP)
    kinds = RowAttributes(stories, accounts, chance.random(rows).astype(np.float32))
    found = np.stack(
        [chance.permutation(np.delete(np.arange(rows), own))[:candidates] for own in range(rows)]
    )
    found[np.arange(candidates) >= chance.integers(0, candidates + 1, rows)[:, None]] = -1
    scores = -np.sort(-chance.random(found.shape).astype(np.float32), axis=1)
    return Candidates.of(found, scores, kinds), kinds


def oracle(
    found: Candidates, kinds: RowAttributes, own: int, most: int, rules: RulesConfig
) -> list[int]:
    """The list of one row, candidate by candidate."""
    known = [
        (row, float(score))
        for row, score in zip(found.rows[own].tolist(), found.scores[own], strict=True)
        if row >= 0
    ]
    if rules.collapse_duplicates:
        told = {int(kinds.stories[own])} - {NO_GROUP}
        kept = []
        for row, score in known:
            story = int(kinds.stories[row])
            if story == NO_GROUP or story not in told:
                kept.append((row, score))
                told |= {story} - {NO_GROUP}
        known = kept
    if rules.freshness_half_life:
        known.sort(key=lambda pair: -np.float32(pair[1]) * kinds.freshness[pair[0]])
    listed: list[int] = []
    counts: Counter[int] = Counter()
    for row, _ in known:
        account = int(kinds.accounts[row])
        if account != NO_GROUP and rules.exclude_own_account and account == kinds.accounts[own]:
            continue
        if account != NO_GROUP and rules.account_cap and counts[account] >= rules.account_cap:
            continue
        counts[account] += 1
        listed.append(row)
    return listed[:most]


@pytest.mark.parametrize(
    "rules",
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
    ids=lambda rules: "+".join(rules) or "off",
)
@given(seed=st.integers(0, 10**6))
def test_every_rule_is_that_of_a_recount(rules: dict[str, float], seed: int) -> None:
    config = RulesConfig(**{**OFF, **rules})
    found, kinds = drawn(seed)
    listed = apply_rules(found, kinds.stories, kinds.accounts, 6, config)
    for own in range(len(listed.rows)):
        expected = oracle(found, kinds, own, 6, config)
        assert [row for row in listed.rows[own].tolist() if row >= 0] == expected
        score_of = dict(zip(found.rows[own].tolist(), found.scores[own].tolist(), strict=True))
        assert listed.scores[own, : len(expected)].tolist() == [score_of[row] for row in expected]


@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.2, 0.5, 0.9]))
def test_diversity_is_maximal_marginal_relevance(seed: int, share: float) -> None:
    found, _ = drawn(seed, rows=8, candidates=6)
    vectors = np.random.default_rng(seed).normal(size=(8, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ordered = mmr(found, vectors[np.maximum(found.rows, 0)], share)
    for own in range(8):
        left = {
            row: float(v)
            for row, v in zip(found.rows[own].tolist(), found.values[own], strict=True)
            if row >= 0
        }
        chosen: list[int] = []
        while left:
            gains = {
                row: (1 - share) * v
                - share * max((float(vectors[row] @ vectors[one]) for one in chosen), default=0)
                for row, v in left.items()
            }
            gains = {
                row: gain if chosen else (1 - share) * left[row] for row, gain in gains.items()
            }
            best = max(gains.values())
            taken = int(ordered.rows[own, len(chosen)])
            assert gains[taken] == pytest.approx(best, abs=1e-5)
            chosen.append(taken)
            del left[taken]
        assert (ordered.rows[own, len(chosen) :] == -1).all()


@given(seed=st.integers(0, 10**6))
def test_nobody_stands_in_more_lists_than_is_fair_unless_a_list_would_be_short(seed: int) -> None:
    found, _ = drawn(seed, rows=40, candidates=20)
    most, share = 5, 2.0
    columns = cap_exposure(found.rows, found.values, most, share)
    listed = np.where(
        columns >= 0, np.take_along_axis(found.rows, np.maximum(columns, 0), axis=1), -1
    )
    assert ((listed >= 0).sum(axis=1) == np.minimum((found.rows >= 0).sum(axis=1), most)).all()
    assert all((np.diff(row[row >= 0]) > 0).all() for row in columns)
    had_others = [
        bool(set(found.rows[own].tolist()) - set(listed[own].tolist()) - {-1}) for own in range(40)
    ]
    kept = listed[had_others]
    assert np.bincount(kept[kept >= 0], minlength=40).max() <= share * most


def test_the_lists_that_value_it_most_keep_it() -> None:
    rows = np.array([[4, 5], [4, 6], [4, 7], [-1, -1], [5, 0], [4, 0], [4, 1], [4, 2]])
    values = np.array(
        [[0.9, 0.1], [0.5, 0.4], [0.7, 0.2], [0, 0], [0.3, 0.2], [0.6, 0.1], [0.8, 0.1], [0.2, 0.1]]
    )
    columns = cap_exposure(rows, values, 1, 2.0)
    listed = [
        int(rows[own, column]) if column >= 0 else -1 for own, (column,) in enumerate(columns)
    ]
    assert listed == [4, 6, 7, -1, 5, 0, 4, 2]  # 4 stays where it is valued at .9 and .8


def test_what_stands_nowhere_gets_a_last_place_and_takes_nobody_s_only_one() -> None:
    rows = np.array([[1, 2], [0, 2], [0, 1], [0, 1], [3, 0]], np.int32)
    listed = RankedLists(
        rows.copy(), np.full((5, 2), 0.5, np.float32), np.full((5, 2), 1, np.uint16)
    )
    kinds = RowAttributes(np.full(5, NO_GROUP), np.full(5, NO_GROUP), np.ones(5, np.float32))
    near = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 4], [3, 0, 1]])
    graph = KnnGraph(packing.pack(np.full((5, 3), 0.25, np.float32), near))
    assert place_orphans(listed, graph, kinds, RulesConfig()) == 1
    assert listed.rows[3].tolist() == [
        0,
        4,
    ]  # the first of 4's own candidates, 3, lists it; 1 stands elsewhere too
    assert (float(listed.scores[3, 1]), int(listed.places[3, 1])) == (0.25, 0)
    assert np.bincount(listed.rows.ravel(), minlength=5).min() >= 1
    forbidden = RowAttributes(
        np.full(5, NO_GROUP), np.array([0, 0, 0, 1, 1]), np.ones(5, np.float32)
    )
    listed = RankedLists(
        rows.copy(), np.full((5, 2), 0.5, np.float32), np.full((5, 2), 1, np.uint16)
    )
    assert place_orphans(listed, graph, forbidden, RulesConfig(exclude_own_account=True)) == 1
    assert listed.rows[0].tolist() == [1, 4]


def test_the_only_place_of_somebody_is_not_given_away() -> None:
    rows = np.array(
        [[1, 3], [0, 2], [1, 0], [2, 0], [1, 0]], np.int32
    )  # 3 stands in the first list only, 4 in none
    listed = RankedLists(rows, np.full((5, 2), 0.5, np.float32), np.full((5, 2), 1, np.uint16))
    kinds = RowAttributes(np.full(5, NO_GROUP), np.full(5, NO_GROUP), np.ones(5, np.float32))
    near = np.array([[1, 3], [0, 2], [1, 0], [2, 0], [0, 1]])
    assert (
        place_orphans(
            listed,
            KnnGraph(packing.pack(np.full((5, 2), 0.25, np.float32), near)),
            kinds,
            RulesConfig(),
        )
        == 1
    )
    assert listed.rows[:2].tolist() == [[1, 3], [0, 4]]


def test_age_halves_and_neither_the_undated_nor_the_future_are_punished_or_praised() -> None:
    ages = RecencyDecay.of(
        ["2024-01-31", "2024-01-01", None, "2999-01-01", "2024-01-11T10:00:00Z"],
        "2024-06-01T00:00:00Z",
    )
    assert ages == RecencyDecay("2024-01-31", 20.0)
    days = ["2024-01-31", "2024-01-21", "2024-01-11", "2999-01-01", None, "1924-01-31"]
    assert ages.freshness(days, 10).tolist() == pytest.approx([1, 0.5, 0.25, 1, 0.25, 1e-6])
    assert ages.freshness(days, 0).tolist() == [1] * 6
    assert (
        RecencyDecay.of([None, "2999-01-01"], datetime.date(2024, 1, 1).isoformat())
        == RecencyDecay()
    )
    assert RecencyDecay().freshness([None, "2999-01-01"], 10).tolist() == [1, 1]
