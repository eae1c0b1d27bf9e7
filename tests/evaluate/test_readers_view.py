"""What the report says of the published lists: a night with titles and rules, against counts by hand."""

import csv
import json
import sqlite3
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from pyarrow import parquet

import simrec
from simrec.articles.article import held_out_below
from simrec.cli import cli
from simrec.config import Config
from simrec.evaluate.bootstrap import holm
from simrec.evaluate.rank_overlap import rank_biased_overlap
from simrec.recommend.choose_weight import halves
from tests.conftest import CONFIG, House, Ran, new_house, speeches

NEW = {"id": "new", "title": "A new year", "account": "nobody", "published_at": "1999-01-01"}
RULES = """[rules]
max_age_days = 40000
age_from = "newest"
"""
OTHERS = """
[release]
min_exposed = 0
max_relevance_fall = 0.3
[ingest]
sync = true
"""


def titled() -> list[dict[str, Any]]:
    """The speeches, each with its first words as title."""
    articles = []
    for speech in speeches()[:260]:
        title = " ".join(speech["text"].split()[:9])
        articles.append({**speech, "title": title, "url": f"https://example.org/{speech['id']}"})
    return articles


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, str, Ran]:
    """A house with two releases: without rules, and then with a rule on age and other articles."""
    house = new_house(tmp_path_factory.mktemp("readers"), titled())
    assert house.job().code == 0
    before = house.current
    (house.folder / "config.toml").write_text(CONFIG.replace("[rules]", RULES) + OTHERS)
    text = speeches()[3]["text"]
    changed = {**titled()[5], "text": f"{text} Once more."}
    house.write_articles([*titled()[:5], changed, *titled()[6:-2], {**NEW, "text": text}])
    ran = house.job()
    assert ran.code == 0, ran.err
    return house, before, ran


def report_of(house: House, release: str) -> dict[str, Any]:
    return json.loads((house.workspace / "releases" / release / "report.json").read_text())


def lists_of(house: House, release: str) -> dict[str, list[tuple[str, float]]]:
    path = house.workspace / "releases" / release / "similar_articles.parquet"
    rows = sorted(parquet.read_table(path).to_pylist(), key=lambda row: row["rank"])
    lists: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        lists.setdefault(row["article"], []).append((row["similar"], row["score"]))
    return lists


def test_questions_are_asked_as_readers_ask_them(nights: tuple[House, str, Ran]) -> None:
    house, _, ran = nights
    effects = {e["suite"]: e for e in report_of(house, house.current)["rule_effects"]}
    texts = {article["id"]: article for article in house.articles}
    ids = asked_ids(house)
    assert len(ids) == effects["title finds its article"]["lists"] >= 20
    with simrec.open(house.workspace) as recommender:
        for suite, question in (
            ("title finds its article", lambda article: article["title"]),
            ("second half finds its article", lambda article: halves(article["text"])[1]),
        ):
            for name, rules in (("published", True), ("without_rules", False)):
                ranks = []
                for article_id in ids:
                    query = simrec.Query(text=question(texts[article_id]))
                    hits = [hit.id for hit in recommender.search(query, 10, rules=rules)]
                    ranks.append(1 / (1 + hits.index(article_id)) if article_id in hits else 0)
                assert effects[suite][name] == pytest.approx(np.mean(ranks), abs=1e-4)
    title = effects["title finds its article"]
    assert title["published"] < title["without_rules"], "the rule on age hides what is old"
    assert "title finds its article at MRR@10" in ran.err, "no gate minds, but it is told"
    assert "rules.max_age_days = 40000" in ran.err


def asked_ids(house: House) -> list[str]:
    """The held-out articles in order of the key of their text, forty at most."""
    query = "SELECT id FROM articles WHERE text_key < ? ORDER BY text_key LIMIT 40"
    with closing(sqlite3.connect(house.workspace / "articles.db")) as db:
        rows = db.execute(query, (held_out_below(Config().training.held_out),)).fetchall()
    return [article_id for (article_id,) in rows]


def test_an_editor_reads_how_many_lists_are_there_and_weak(nights: tuple[House, str, Ran]) -> None:
    house, _, _ = nights
    facts = report_of(house, house.current)
    quality = facts["quality"]
    lists = lists_of(house, house.current)
    first = np.array([pairs[0][1] for pairs in lists.values()])
    recommended = {article for pairs in lists.values() for article, _ in pairs}
    ids = {article["id"] for article in house.articles}
    assert (quality["articles"], quality["with_list"]) == (len(ids), len(lists))
    assert quality["weak"] == (first < quality["weak_below"] - 5e-5).sum()
    assert quality["never_recommended"] == len(ids - recommended) > 0
    never = [article["id"] for article in quality["never"]]
    days = {article["id"]: article["published_at"] for article in house.articles}
    assert never == sorted(sorted(ids - recommended), key=days.get, reverse=True)[:20]

    folder = house.workspace / "releases" / house.current
    with closing(sqlite3.connect(folder / "items.db")) as db:
        row_of = dict(db.execute("SELECT id, row FROM articles").fetchall())
    vectors = np.load(folder / "vectors.npy").astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    every_pair = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    above = (every_pair >= quality["weak_below"]).mean()
    assert 0.003 < above < 0.02, "one random pair in a hundred scores more"
    within = []
    for pairs in lists.values():
        listed = vectors[[row_of[article] for article, _ in pairs[:10]]]
        if len(listed) > 1:
            within.append((listed @ listed.T)[np.triu_indices(len(listed), 1)].mean())
    assert quality["similarity_within"] == pytest.approx(np.mean(within), abs=1e-3)
    sentence = (
        f"Every article has a list; {facts['exposure']['recommended_in_any_place']:.0%} of the "
        f"archive is recommended somewhere; {quality['never_recommended']} articles never; "
    )
    page = (folder / "report.html").read_text()
    assert sentence in page


def test_what_changed_since_the_release_before(nights: tuple[House, str, Ran]) -> None:
    house, before, _ = nights
    assert "changes" not in report_of(house, before)
    facts = report_of(house, house.current)
    changes = facts["changes"]
    assert (changes["before"], changes["new"], changes["gone"]) == (before, 1, 2)
    assert [article["title"] for article in changes["newest"]] == [NEW["title"]]
    old = lists_of(house, before)
    new = lists_of(house, house.current)
    kept = {}
    overlaps = []
    for article in sorted(old.keys() & new.keys()):
        was = [other for other, _ in old[article][:10]]
        now = [other for other, _ in new[article][:10]]
        kept[article] = len(set(was) & set(now)) / len(was)
        overlaps.append(rank_biased_overlap(was, now))
    assert changes["lists"] == sum(share < 1 for share in kept.values())
    most = [changed["article"]["id"] for changed in changes["most_changed"]]
    assert [kept[article] for article in most] == sorted(kept.values())[:10]
    first = changes["most_changed"][0]
    titles = {article["id"]: article["title"] for article in [*titled(), NEW]}
    was = [other for other, _ in old[most[0]][:10]]
    now = [other for other, _ in new[most[0]][:10]]
    assert first["came"] == [titles[other] for other in now if other not in was]
    assert first["went"] == [titles[other] for other in was if other not in now]
    assert facts["stability"]["rbo"] == pytest.approx(np.mean(overlaps), abs=1e-4)
    assert facts["sites"] == ["example.org"]


@pytest.mark.parametrize("lengths", [(10, 10), (4, 10), (10, 3), (1, 1)])
def test_rank_biased_overlap_is_the_infinite_sum(lengths: tuple[int, int]) -> None:
    random = np.random.default_rng(sum(lengths))
    first = random.permutation(12)[: lengths[0]].tolist()
    second = random.permutation(12)[: lengths[1]].tolist()
    short, long = sorted((first, second), key=len)
    shared = [len(set(short[:d]) & set(long[:d])) for d in range(len(long) + 1)]
    share_of_short = shared[len(short)] / len(short)
    total = 0.0
    for depth in range(1, 2_000):
        if depth <= len(short):
            agreement = shared[depth] / depth
        elif depth <= len(long):
            agreement = (shared[depth] + share_of_short * (depth - len(short))) / depth
        else:  # what is not seen agrees as what is
            extra = shared[len(long)] - shared[len(short)]
            agreement = extra / len(long) + share_of_short
        total += 0.1 * 0.9 ** (depth - 1) * agreement
    assert rank_biased_overlap(first, second) == pytest.approx(total, abs=1e-9)
    assert rank_biased_overlap(first, first) == pytest.approx(1)


def test_rank_biased_overlap_of_nothing() -> None:
    assert rank_biased_overlap([], []) == 1
    assert rank_biased_overlap([], ["a"]) == 0
    assert rank_biased_overlap(["a"], ["b", "c"]) == 0


def test_p_values_are_corrected_as_holm_did() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


def test_two_releases_are_judged_side_by_side(nights: tuple[House, str, Ran]) -> None:
    house, before, _ = nights
    file = house.folder / "sides.csv"
    command = ["judge", "--sides", "--against", before, "-n", "40", "-o", str(file)]
    command += ["-w", str(house.workspace)]
    ran = CliRunner().invoke(cli, command, input="l\nr\n=\nq\n")
    assert ran.exit_code == 0, ran.output
    assert before not in ran.output
    assert house.current not in ran.output, "nobody sees whose list is whose"
    titles = {article["id"]: article["title"] for article in [*titled(), NEW]}
    lists = {release: lists_of(house, release) for release in (before, house.current)}
    left_titles = [part.partition("\n right\n")[0] for part in ran.output.split("\n left\n")[1:]]
    with file.open(newline="") as judged:
        rows = list(csv.DictReader(judged))
    assert len(rows) == 3
    for row, shown, choice in zip(rows, left_titles, ("left", "right", "neither"), strict=False):
        assert (row["first"], row["second"]) == tuple(sorted([before, house.current]))
        left = {
            release
            for release, of_release in lists.items()
            if [titles[article] for article, _ in of_release[row["topic"]]]
            == [line[6:].strip() for line in shown.splitlines()]
        }
        preferred = {row["preferred"]} if row["preferred"] else set()
        assert (
            preferred
            == {
                "left": left,
                "right": {before, house.current} - left,
                "neither": set(),
            }[choice]
        )
    again = CliRunner().invoke(cli, command, input="q\n")
    assert not any(row["topic"] in again.output for row in rows), "nothing is asked twice"


def test_report_html_follows_the_release_and_is_told_in_a_sentence(
    nights: tuple[House, str, Ran],
) -> None:
    house, before, _ = nights
    page = house.workspace / "report.html"
    first = house.workspace / "releases" / before / "report.html"
    second = house.workspace / "releases" / house.current / "report.html"
    assert page.read_bytes() == second.read_bytes() != first.read_bytes()
    ran = house.simrec("report")
    assert ran.out.strip() == str(second)
    assert ran.err.startswith("Every article has a list; ")
    assert ran.err.strip().removesuffix(".") in house.simrec("status").out
    assert house.simrec("rollback").code == 0  # the last of this house's tests
    assert page.read_bytes() == first.read_bytes()
