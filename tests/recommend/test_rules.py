"""The ranking rules against a recount with loops, on candidates drawn at random."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from simrec.config import MaxPer, NotRecommendable, RulesConfig
from simrec.recommend.candidates import (
    NO_GROUP,
    AttributeTable,
    Candidates,
    Days,
    RowAttributes,
    days_of,
    tag_groups,
)
from simrec.recommend.exposure import Nearest, RankedLists, cap_exposure, place_orphans
from simrec.recommend.rules.age import Freshness, RecencyDecay
from simrec.recommend.rules.diversity import Diversity
from simrec.recommend.rules.near_duplicates import CollapseDuplicates
from simrec.recommend.rules.published_rules import PublishedRules
from simrec.recommend.rules.recommendable import Conditions
from simrec.recommend.rules.rule import Rule, apply_rules
from simrec.recommend.rules.same_field import ExcludeSame

OFF = {"collapse_duplicates": False, "max_exposure": 0.0, "same_language": False}
DECAY = RecencyDecay("2024-01-31", 12.0)
FROM_ARTICLE = replace(DECAY, from_article=True)


def table_of(
    rows: int,
    duplicate_groups: NDArray[np.int64] | None = None,
    days: Days | None = None,
    is_recommendable: NDArray[np.bool_] | None = None,
    **groups: NDArray[np.int64],
) -> RowAttributes:
    """Attributes of rows that are undated and, unless given, in no group by any field."""
    nothing = np.full(rows, NO_GROUP)
    table = AttributeTable(
        rows=np.arange(rows),
        duplicate_groups=nothing if duplicate_groups is None else duplicate_groups,
        days=days_of([None] * rows) if days is None else days,
        is_recommendable=np.ones(rows, bool) if is_recommendable is None else is_recommendable,
        groups={"account": nothing, "category": nothing, "lang": nothing, **groups},
    )
    return table.all()


def attributes_of(
    rows: int, duplicate_groups: list[int] | None = None, accounts: list[int] | None = None
) -> RowAttributes:
    """Attributes of rows that are undated and, unless given, in no group and of no account."""
    groups = None if duplicate_groups is None else np.array(duplicate_groups)
    nothing = np.full(rows, NO_GROUP)
    return table_of(rows, groups, account=nothing if accounts is None else np.array(accounts))


def rules_of(config: RulesConfig, decay: RecencyDecay) -> tuple[Rule, ...]:
    """The rules of a configuration."""
    return PublishedRules(config, decay=decay).rules()


def drawn(seed: int, rows: int = 30, n: int = 12) -> tuple[Candidates, RowAttributes]:
    """Candidates of every row, best first, some fewer, with few groups and accounts among them."""
    rng = np.random.default_rng(seed)
    groups = np.where(rng.random(rows) < 0.5, rng.integers(0, 5, rows), NO_GROUP)
    accounts = np.where(rng.random(rows) < 0.8, rng.integers(0, 4, rows), NO_GROUP)
    days = np.datetime64("2024-02-03") - rng.integers(0, 60, rows)
    days[rng.random(rows) < 0.2] = np.datetime64("NaT")
    attributes = table_of(
        rows,
        groups,
        days,
        rng.random(rows) < 0.8,
        account=accounts,
        category=np.where(rng.random(rows) < 0.8, rng.integers(0, 3, rows), NO_GROUP),
        lang=np.where(rng.random(rows) < 0.8, rng.integers(0, 2, rows), NO_GROUP),
    )
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


def day_of(attributes: RowAttributes, row: int) -> np.datetime64:
    """The day of an article, of one without a date that on which it is taken to be."""
    day: np.datetime64 = attributes.days[row]
    newest = np.datetime64(DECAY.newest)
    return newest - np.timedelta64(12, "D") if np.isnat(day) or day > newest else day


def age(attributes: RowAttributes, row: int, seed: int, config: RulesConfig) -> int:
    """How many days an article is older than what ages are counted from."""
    counted_from = np.datetime64(DECAY.newest)
    if config.age_from == "article" and not np.isnat(attributes.days[seed]):
        counted_from = min(counted_from, attributes.days[seed])
    return max(0, int((counted_from - day_of(attributes, row)).astype(int)))


def are_same(attributes: RowAttributes, field: str, row: int, other: int) -> bool | None:
    """Whether two articles are of one group by a field, None where that is not known."""
    groups = attributes.groups(field)
    if NO_GROUP in (groups[row], groups[other]):
        return None
    return bool(groups[row] == groups[other])


def is_allowed(attributes: RowAttributes, row: int, seed: int, config: RulesConfig) -> bool:
    """Whether the rules on single pairs let an article into the list of another one."""
    required = ["lang"] if config.same_language else []
    required += ["category"] if config.same_category == "required" else []
    excluded = {*config.exclude_same, *(["account"] if config.exclude_own_account else [])}
    return not (
        any(are_same(attributes, field, row, seed) is False for field in required)
        or any(are_same(attributes, field, row, seed) for field in excluded)
        or (config.max_age_days and age(attributes, row, seed, config) > config.max_age_days)
    )


def originals_among(rows: list[int], attributes: RowAttributes) -> dict[int, int]:
    """The originals among some rows, by their duplicate group, which has their number."""
    return {row: row for row in rows if attributes.duplicate_groups[row] == row}


def oracle(
    candidates: Candidates, attributes: RowAttributes, seed: int, most: int, config: RulesConfig
) -> list[int]:
    """The list of one row, candidate by candidate."""
    score_of = dict(zip(candidates.rows[seed].tolist(), candidates.scores[seed], strict=True))
    rows = listed_rows(candidates.rows[seed])
    rows = [row for row in rows if is_allowed(attributes, row, seed, config)]
    if config.collapse_duplicates:
        seen = {int(attributes.duplicate_groups[seed])}
        originals = originals_among(rows, attributes)
        ones = []
        for row in rows:
            group = int(attributes.duplicate_groups[row])
            if group == NO_GROUP or (group not in seen and originals.get(group, row) == row):
                ones.append(row)
                seen.add(group)
        rows = ones
    weights = {}
    for row in rows:
        weights[row] = np.float32(1)
        if config.freshness_half_life:
            days = age(attributes, row, seed, config)
            weights[row] *= np.float32(0.5 ** (days / config.freshness_half_life))
        is_same = are_same(attributes, "category", row, seed)
        if config.same_category == "preferred" and is_same is False:
            weights[row] *= np.float32(0.8)
    rows.sort(key=lambda row: -score_of[row] * weights[row])
    caps = {"account": config.account_cap, "category": config.max_per.category}
    listed: list[int] = []
    for row in rows:
        is_full = [
            sum(bool(are_same(attributes, field, row, other)) for other in listed) >= cap > 0
            for field, cap in caps.items()
        ]
        if not any(is_full):
            listed.append(row)
    return listed[:most]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"collapse_duplicates": True},
        {"freshness_half_life": 30.0},
        {"freshness_half_life": 30.0, "age_from": "newest"},
        {"max_age_days": 20.0},
        {"max_age_days": 20.0, "age_from": "newest"},
        {"exclude_own_account": True},
        {"exclude_same": ("category", "lang")},
        {"same_language": True},
        {"same_category": "required"},
        {"same_category": "preferred"},
        {"account_cap": 2},
        {"max_per": MaxPer(category=1)},
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
    decay = FROM_ARTICLE if config.age_from == "article" else DECAY
    listed = applied(rules_of(config, decay), candidates, attributes, 6)
    for row in range(len(listed.rows)):
        expected = oracle(candidates, attributes, row, 6, config)
        assert listed_rows(listed.rows[row]) == expected
        in_order = candidates.rows[row].tolist()
        for place, candidate in enumerate(expected):
            column = in_order.index(candidate)
            assert listed.scores[row, place] == candidates.scores[row, column]
            assert listed.score_ranks[row, place] == column + 1


@given(seed=st.integers(0, 10**6))
def test_an_article_counts_for_each_of_its_tags(seed: int) -> None:
    candidates, attributes = drawn(seed)
    rng = np.random.default_rng(seed)
    tags = [rng.choice(list("abcdeFG"), rng.integers(0, 4)).tolist() for _ in attributes.rows]
    groups = tag_groups(json.dumps(of_row) for of_row in tags)
    of_tags = table_of(len(tags), **groups)
    candidates = replace(candidates, attributes=of_tags.at(candidates.rows))
    listed = applied(
        rules_of(RulesConfig(**OFF, max_per=MaxPer(tags=2)), DECAY), candidates, of_tags, 8
    )
    excluded = RulesConfig(**OFF, exclude_same=("tags",))
    apart = applied(rules_of(excluded, DECAY), candidates, of_tags, 8)
    for row in range(len(listed.rows)):
        counts: Counter[str] = Counter()
        expected = []
        for other in listed_rows(candidates.rows[row]):
            if all(counts[tag] < 2 for tag in tags[other]):
                counts.update(set(tags[other]))
                expected.append(other)
        assert listed_rows(listed.rows[row]) == expected[:8]
        others = [
            other
            for other in listed_rows(candidates.rows[row])
            if not set(tags[other]) & set(tags[row])
        ]
        assert listed_rows(apart.rows[row]) == others[:8]


@given(seed=st.integers(0, 10**6))
def test_what_is_not_recommendable_stands_in_no_list_and_keeps_its_own(seed: int) -> None:
    candidates, attributes = drawn(seed)
    conditions = NotRecommendable(tags=("Sponsored",))
    rules = PublishedRules(RulesConfig(**OFF), conditions, DECAY).rules()
    listed = applied(rules, candidates, attributes, 6)
    for row in range(len(listed.rows)):
        allowed = [
            other for other in listed_rows(candidates.rows[row]) if marked(attributes, other)
        ]
        assert listed_rows(listed.rows[row]) == allowed[:6]


def marked(attributes: RowAttributes, row: int) -> bool:
    return bool(attributes.is_recommendable[row])


def test_conditions_disregard_case_and_name_values_that_no_article_has() -> None:
    config = NotRecommendable(category=("Obituaries", "Sponsord"), tags=("paid",))
    conditions = Conditions(config)
    articles = [
        ("obituaries", []),
        ("Sport", ["news", "PAID"]),
        (None, []),
        ("Sponsored", ["paidup"]),
    ]
    allowed = [conditions.allow({"category": [name], "tags": tags}) for name, tags in articles]
    assert allowed == [False, False, True, True]
    assert list(conditions.never_met()) == [("category", "Sponsord")]


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
        originals = originals_among(listed_rows(candidates.rows[row]), attributes)
        for column, candidate in enumerate(candidates.rows[row].tolist()):
            group = int(attributes.duplicate_groups[candidate])
            is_one = originals.get(group, candidate) == candidate
            expected = candidate >= 0 and (group == NO_GROUP or (group not in seen and is_one))
            assert allowed[row, column] == expected
            if expected:
                seen.add(group)
    assert (ExcludeSame("account").allowed(candidates, seeds) == candidates.is_there).all()


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
        return candidates.attributes.groups("category") != seeds.groups("category")


def test_a_new_rule_is_one_class_for_lists_and_for_orphans() -> None:
    categories = np.array([0, 0, 1, 1, 0])
    attributes = table_of(5, category=categories)
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


def test_age_halves_and_neither_the_undated_nor_the_future_are_praised() -> None:
    published = ["2024-01-31", "2024-01-01", None, "2999-01-01", "2024-01-11T10:00:00Z"]
    decay = RecencyDecay.of(published, "2024-06-01T00:00:00Z")
    assert decay == RecencyDecay("2024-01-31", 20.0)
    days = days_of(["2024-01-31", "2024-01-21", "2024-01-11", "2999-01-01", None, "1924-01-31"])
    weights = Freshness(10, decay).weights(days)
    assert weights.tolist() == pytest.approx([1, 0.5, 0.25, 0.25, 0.25, 1e-6])
    assert RecencyDecay.of([None, "2999-01-01"], "2024-01-01") == RecencyDecay()
    from_article = replace(decay, from_article=True)
    asked = days_of(["2024-01-21", "2999-01-01"])
    ages = from_article.ages(np.stack([days, days]), asked[:, None])
    assert ages.tolist() == [[0, 0, 10, 10, 10, 36515], [0, 10, 20, 20, 20, 36525]]
    of_no_article = from_article.ages(days[None], asked[:0][None])
    assert of_no_article.tolist() == [decay.ages(days).tolist()]
    undated = days_of([None, "2999-01-01"])
    assert Freshness(10, RecencyDecay()).weights(undated).tolist() == [1, 1]
