"""Rules on fields, ages and scores through the nightly job and the command line, list by list."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from scipy.stats import skew

from simrec.lexical.term_vectors import TermVectors
from tests.conftest import House, Ran, new_house, speeches

OFF = """[rules]
collapse_duplicates = false
max_exposure = 0
same_language = false
"""
CONFIG = """[[sources]]
path = "articles.jsonl"
[evaluate]
sample = 100
baselines = []
[release]
min_coverage = 0.5
"""
PLACES = 20
SEED = "1861-Lincoln-1/13"


def tagged() -> list[dict[str, Any]]:
    """The speeches, with languages, tags, and one account that nobody is to be sent to."""
    articles = speeches()
    for number, article in enumerate(articles):
        article["lang"] = ("en-GB", "EN_us", "fr", None)[number % 4]
        decade = article["published_at"][:3]
        article["tags"] = ["Paid", f"{decade}0s"] if number % 5 == 0 else [f"{decade}0S"]
    return articles


ARTICLES = {article["id"]: article for article in tagged()}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with the encoder in the box and no rules."""
    house = new_house(tmp_path_factory.mktemp("rules"), tagged())
    assert run_night(house, "").code == 0
    return house


@pytest.fixture
def changed(house: House, tmp_path: Path) -> House:
    """A copy, to be changed."""
    shutil.copytree(house.folder, tmp_path / "house")
    return House(tmp_path / "house")


def run_night(house: House, rules: str, more: str = "", limit: str = "1.0") -> Ran:
    """Run a night with rules beside those that are off, and more of a configuration."""
    more = f"max_relevance_fall = {limit}\n{more}"
    off = OFF.replace("same_language = false\n", "") if "same_language" in rules else OFF
    (house.folder / "config.toml").write_text(f"{CONFIG}{more}{off}{rules}\n")
    return house.job()


def release_of(house: House) -> Path:
    return house.workspace / "releases" / house.current


def lists(house: House) -> dict[str, list[tuple[str, float]]]:
    """The published lists, each with ids and scores; of no list an article has an empty one."""
    table = parquet.read_table(release_of(house) / "similar_articles.parquet").to_pylist()
    listed: dict[str, list[tuple[str, float]]] = {article_id: [] for article_id in ARTICLES}
    for row in table:
        listed[row["article"]].append((row["similar"], row["score"]))
    return listed


def score_matrix(house: House) -> tuple[list[str], np.ndarray]:
    """The score of all pairs, from the vectors and terms of the release, raw and smoothed."""
    folder = release_of(house)
    manifest = json.loads((folder / "manifest.json").read_text())
    smoothing = manifest["smoothing"]
    scores = np.zeros((len(ARTICLES), len(ARTICLES)), np.float32)
    for prefix, share in (("", 1 - smoothing), ("smoothed_", smoothing)):
        if share:
            vectors = np.load(folder / f"{prefix}vectors.npy").astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            terms = np.load(folder / f"{prefix}terms.npy")
            columns = np.broadcast_to(np.arange(len(terms)), scores.shape)
            weight = manifest["lexical"]["weight"]
            scores += share * TermVectors(terms).hybrid_scores(
                vectors @ vectors.T, terms, columns, weight
            )
    return sorted(ARTICLES), scores


def ask(house: House, *options: object) -> list[str]:
    return [hit["id"] for hit in house.simrec("similar", *options, "--json").rows]


def test_articles_that_are_not_recommendable_keep_a_list_and_stand_in_no_answer(
    changed: House,
) -> None:
    conditions = (
        '[recommend.not_recommendable]\naccount = ["george washington"]\ntags = ["PAID", "gone"]\n'
    )
    ran = run_night(changed, "", conditions)
    assert ran.code == 0, ran.err
    assert "recommend.not_recommendable.tags: no article has 'gone'" in ran.err
    hidden = {
        article_id
        for article_id, article in ARTICLES.items()
        if "Paid" in article["tags"] or article["account"] == "George Washington"
    }
    assert len(hidden) > 100
    ids, scores = score_matrix(changed)
    listed = lists(changed)
    n_best = 0
    for seed, row in zip(ids, scores, strict=True):
        assert len(listed[seed]) == PLACES and not hidden & {other for other, _ in listed[seed]}
        score_of = dict(zip(ids, row.tolist(), strict=True))
        best = max(score_of[other] for other in ids if other not in {seed, *hidden})
        n_best += listed[seed][0][1] == pytest.approx(best, abs=1e-5)
    assert n_best > 0.98 * len(ids)  # the best by words may not be among the candidates
    hidden_id = min(hidden)
    assert ask(changed, hidden_id) == [other for other, _ in listed[hidden_id]][:10]
    text = ARTICLES[hidden_id]["text"]
    for options in (["--text", text], [hidden_id, "--since", "1000", "-n", 200]):
        hits = ask(changed, *options)
        assert hits and not hidden & set(hits)
    assert hidden_id in ask(changed, "--text", text, "--no-rules")
    shown = changed.simrec("accounts", "George Washington", "--json").rows
    assert shown


@pytest.mark.parametrize(
    ("rules", "is_right"),
    [
        ("same_language = true", lambda a, b: is_same(a, b, language) is not False),
        ('same_category = "required"', lambda a, b: a["category"] == b["category"]),
        ('exclude_same = ["category"]', lambda a, b: a["category"] != b["category"]),
        ('exclude_same = ["lang"]', lambda a, b: not is_same(a, b, language)),
        ('exclude_same = ["tags"]', lambda a, b: not tags_of(a) & tags_of(b)),
        ("max_age_days = 3000", lambda a, b: years_before(a, b) <= 3000),
    ],
    ids=lambda value: value.partition(" ")[0] if isinstance(value, str) else "",
)
def test_rules_on_pairs_hold_in_tables_and_answers(
    changed: House, rules: str, is_right: Any
) -> None:
    ran = run_night(changed, rules)
    assert ran.code == 0, ran.err
    right = 0
    for seed, listed in lists(changed).items():
        right += len(listed)
        for other, _ in listed:
            assert is_right(ARTICLES[seed], ARTICLES[other]), (seed, other)
    assert right > 0.9 * PLACES * len(ARTICLES)
    deep = ask(changed, SEED, "-n", 60)
    wanted = [
        other for other in ARTICLES if other != SEED and is_right(ARTICLES[SEED], ARTICLES[other])
    ]
    assert len(deep) == min(60, len(wanted))
    assert set(deep) <= set(wanted)
    assert deep[:PLACES] == [other for other, _ in lists(changed)[SEED]]


def language(article: dict[str, Any]) -> str | None:
    lang = article["lang"]
    return lang[:2].lower() if lang else None


def tags_of(article: dict[str, Any]) -> set[str]:
    return {tag.lower() for tag in article["tags"]}


def is_same(left: dict[str, Any], right: dict[str, Any], label: Any) -> bool | None:
    """Whether two articles have the same label, None where one has none."""
    if None in (label(left), label(right)):
        return None
    return bool(label(left) == label(right))


def years_before(seed: dict[str, Any], other: dict[str, Any]) -> int:
    """How many days an article is older than another one."""
    dates = [np.datetime64(article["published_at"][:10]) for article in (seed, other)]
    return int((dates[0] - dates[1]).astype(int))


def test_a_floor_takes_what_scores_less_and_nothing_else(changed: House) -> None:
    before = lists(changed)
    ran = run_night(changed, 'min_score = "auto"')
    assert ran.code == 0, ran.err
    floor = json.loads((release_of(changed) / "manifest.json").read_text())["rules"]["floor"]
    _, scores = score_matrix(changed)
    pairs = scores[~np.eye(len(scores), dtype=bool)]
    assert 0.015 < (pairs >= floor).mean() < 0.025  # of pairs drawn by chance it is .02 at most
    after = lists(changed)
    for seed, listed in before.items():
        assert after[seed] == [pair for pair in listed if pair[1] >= floor]
    assert any(len(listed) < PLACES for listed in after.values())
    status = changed.simrec("status", "--json").rows[0]
    assert status["min_score"] == f"{floor}, auto by max_chance 0.02"
    # A text of few words is like nothing much, and is answered nevertheless.
    assert len(ask(changed, "--text", "corn", "-n", 5)) == 5
    assert ask(changed, SEED, "-n", 60)[:5] == [other for other, _ in after[SEED]][:5]


def test_a_floor_that_leaves_most_articles_without_a_list_is_refused_by_name(
    changed: House,
) -> None:
    before = changed.current
    ran = run_night(changed, "min_score = 0.9")
    assert (ran.code, changed.current) == (7, before)
    assert "lists hold nothing that scores less than 0.9; lower it" in ran.err


def test_exposure_is_that_of_the_published_lists_and_of_what_may_be_recommended(
    changed: House,
) -> None:
    conditions = '[recommend.not_recommendable]\naccount = ["George Washington"]\n'
    assert run_night(changed, "freshness_half_life = 3000", conditions).code == 0
    listed = lists(changed)
    in_any = Counter(other for pairs in listed.values() for other, _ in pairs)
    in_first = Counter(other for pairs in listed.values() for other, _ in pairs[:10])
    may_be = [
        article_id
        for article_id, article in ARTICLES.items()
        if article["account"] != "George Washington"
    ]
    exposure = json.loads((release_of(changed) / "report.json").read_text())["exposure"]
    days = {
        article_id: np.datetime64(article["published_at"][:10])
        for article_id, article in ARTICLES.items()
    }
    newest = max(days.values())
    recommended = [
        int((newest - days[other]).astype(int))
        for pairs in listed.values()
        for other, _ in pairs[:10]
    ]
    assert exposure == {
        "articles": len(may_be),
        "places": PLACES,
        "recommended": round(sum(article_id in in_first for article_id in may_be) / len(may_be), 4),
        "recommended_in_any_place": round(
            sum(article_id in in_any for article_id in may_be) / len(may_be), 4
        ),
        "most_lists": max(in_any.values()),
        "skewness": pytest.approx(skew([in_any[article_id] for article_id in may_be]), abs=1e-4),
        "median_age": np.median(recommended),
        "median_age_of_articles": np.median(
            [int((newest - day).astype(int)) for day in days.values()]
        ),
    }
    status = changed.simrec("status").out
    assert f"one stands in {max(in_any.values())} lists of 20 places" in status


def test_what_rules_cost_the_lists_is_measured_and_refused_where_it_is_too_much(
    changed: House,
) -> None:
    ran = run_night(changed, "max_age_days = 3000")
    assert ran.code == 0, ran.err
    effects = effects_of(release_of(changed))
    published = lists(changed)
    page = (release_of(changed) / "report.html").read_text()
    assert f"{effects['same category']['published']:.2f} (" in page and "without rules)" in page
    without = ranked_by_score(changed)
    for suite, label in (("same category", "category"), ("same account", "account")):
        for name, listed in (("published", published), ("without_rules", without)):
            shares = [
                np.mean(
                    [ARTICLES[seed][label] == ARTICLES[other][label] for other, _ in pairs[:10]]
                )
                for seed, pairs in listed.items()
            ]
            assert effects[suite][name] == pytest.approx(np.mean(shares), abs=1e-4), (suite, name)
    for name, listed in (("published", published), ("without_rules", without)):
        means = [np.mean([score for _, score in pairs[:10]]) for pairs in listed.values()]
        assert effects["score"][name] == pytest.approx(np.mean(means), abs=1e-4)
    fall = effects["same category"]["without_rules"] - effects["same category"]["published"]
    assert effects["same category"]["low"] < -fall < effects["same category"]["high"]

    before = changed.current
    ran = run_night(changed, "diversity = 0.9", limit="0.01")
    assert (ran.code, changed.current) == (7, before), ran.err
    assert "score mean@10 of the lists is" in ran.err
    assert "look at rules.same_language = false, rules.collapse_duplicates = false" in ran.err
    assert "rules.diversity = 0.9" in ran.err
    # What a rule is for is no fall.
    ran = run_night(changed, 'exclude_same = ["account"]', limit="0.01")
    assert "same account" not in ran.err.partition("refused")[2]


def effects_of(folder: Path) -> dict[str, dict[str, Any]]:
    effects = json.loads((folder / "report.json").read_text())["rule_effects"]
    return {effect["suite"]: effect for effect in effects}


def ranked_by_score(house: House) -> dict[str, list[tuple[str, float]]]:
    """The lists by score alone, from the night before the rules."""
    assert run_night(house, "").code == 0
    return lists(house)


def test_lists_that_leave_most_of_the_archive_out_are_refused_with_the_rule(
    changed: House,
) -> None:
    before = changed.current
    ran = run_night(changed, 'max_age_days = 30000\nage_from = "newest"')
    assert (ran.code, changed.current) == (7, before), ran.err
    assert "of the 400 articles that may be recommended stand in the first places" in ran.err
    assert (
        'look at rules.same_language = false, rules.age_from = "newest", rules.max_age_days = 30000.0'
        in ran.err
    )
    assert run_night(changed, "max_age_days = 30000").code == 0


def test_rules_that_find_nothing_to_go_by_are_named_and_take_nothing(changed: House) -> None:
    same = [
        {"id": article["id"], "text": article["text"], "category": "Speeches"}
        for article in changed.articles
    ]
    changed.write_articles(same)
    assert run_night(changed, "").code == 0
    plain = lists(changed)
    ran = run_night(
        changed,
        'same_category = "required"\nmax_per = { account = 1, tags = 1 }\n'
        "freshness_half_life = 10\nmax_age_days = 10",
    )
    assert ran.code == 0, ran.err
    assert lists(changed) == plain
    for sentence in (
        "rules.same_category: all articles have the same category, 'Speeches'",
        "rules.max_per.account: no article has an account, so the rule changes nothing",
        "rules.max_per.tags: no article has a tag, so the rule changes nothing",
        "rules.max_age_days: no article has a date, so the rule changes nothing",
        "rules.freshness_half_life: no article has a date, so the rule changes nothing",
    ):
        assert sentence in ran.err


def test_a_corpus_of_ten_has_lists_of_nine(tmp_path: Path) -> None:
    house = new_house(tmp_path / "house", tagged()[:10])
    rules = (
        'min_score = "auto"\nmax_chance = 0.9\nsame_category = "preferred"\nmax_age_days = 99999'
    )
    ran = run_night(house, rules)
    assert ran.code == 0, ran.err
    table = parquet.read_table(release_of(house) / "similar_articles.parquet")
    assert 10 * 9 * 0.85 < len(table) <= 10 * 9
