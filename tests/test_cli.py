"""Answers on the command line, against a brute-force recount of the release's vectors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import House, run, speeches

ARTICLES = {article["id"]: article for article in speeches()}
IDS = sorted(ARTICLES, key=lambda article_id: article_id.encode())
SEED = "1861-Lincoln-1/13"


@pytest.fixture(scope="module")
def vectors(published: House) -> np.ndarray:
    """Unit vectors in order of id, from the release."""
    stored = np.load(published.workspace / "releases" / published.current / "vectors.npy").astype(
        np.float64
    )
    return stored / np.linalg.norm(stored, axis=1, keepdims=True)


def oracle(
    query: np.ndarray, vectors: np.ndarray, keep: Callable[[dict[str, Any]], bool], n: int
) -> list[str]:
    """Sort all articles that pass by (cosine down, id up)."""
    scores = (vectors @ query).round(6)
    passing = [
        (-score, article_id)
        for score, article_id in zip(scores, IDS, strict=True)
        if keep(ARTICLES[article_id])
    ]
    return [
        article_id
        for _, article_id in sorted(passing, key=lambda pair: (pair[0], pair[1].encode()))
    ][:n]


@pytest.mark.parametrize("seed", [SEED, IDS[0], IDS[-1], "1961-Kennedy-1/5"])
def test_similar_are_the_nearest_others_with_their_exact_cosines(
    published: House, vectors: np.ndarray, seed: str
) -> None:
    rows = published.simrec("similar", seed, "-n", 10, "--json").rows
    query = vectors[IDS.index(seed)]
    assert [row["id"] for row in rows] == oracle(query, vectors, lambda a: a["id"] != seed, 10)
    for row in rows:
        assert row["score"] == pytest.approx(vectors[IDS.index(row["id"])] @ query, abs=2e-6)
        assert row["account"] == ARTICLES[row["id"]]["account"]


FILTERS = {
    "account": (["--account", "Abraham Lincoln"], lambda a: a["account"] == "Abraham Lincoln"),
    "category": (["--category", "Republican"], lambda a: a["category"] == "Republican"),
    "since": (["--since", "1900-01-01"], lambda a: a["published_at"] >= "1900-01-01"),
    "until a year": (["--until", "1823"], lambda a: a["published_at"][:4] <= "1823"),
    "all": (
        [
            "--category",
            "Democratic",
            "--since",
            "1961-01-30",
            "--until",
            "1961-01-30",
            "--lang",
            "en",
        ],
        lambda a: a["category"] == "Democratic" and a["published_at"] == "1961-01-30",
    ),
    "beyond the table": (["-n", "60"], lambda a: True),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_search_all_that_pass_exactly(
    published: House, vectors: np.ndarray, name: str
) -> None:
    options, keep = FILTERS[name]
    n = 60 if "-n" in options else 10
    rows = published.simrec("similar", SEED, *options, "--json").rows
    expected = oracle(vectors[IDS.index(SEED)], vectors, lambda a: a["id"] != SEED and keep(a), n)
    assert [row["id"] for row in rows] == expected


def test_among_are_ids_of_a_file(published: House, vectors: np.ndarray, tmp_path: Path) -> None:
    some = set(IDS[::7]) - {SEED}
    (tmp_path / "ids.txt").write_text("\n".join([*some, "not there", ""]))
    rows = published.simrec("similar", SEED, "--among", tmp_path / "ids.txt", "--json").rows
    assert [row["id"] for row in rows] == oracle(
        vectors[IDS.index(SEED)], vectors, lambda a: a["id"] in some, 10
    )
    both = published.simrec(
        "similar", SEED, "--among", tmp_path / "ids.txt", "--category", "Republican", "--json"
    )
    assert {row["id"] for row in both.rows} <= some
    assert {row["category"] for row in both.rows} == {"Republican"}


def test_a_filter_that_leaves_nothing_is_an_empty_answer(published: House) -> None:
    ran = published.simrec("similar", SEED, "--account", "Nobody", "--json")
    assert (ran.code, ran.out) == (0, "")


def test_the_text_of_an_article_finds_the_article(published: House) -> None:
    rows = published.simrec("similar", "--text", ARTICLES[SEED]["text"], "-n", 3, "--json").rows
    assert rows[0]["id"] == SEED
    assert rows[0]["score"] > 0.999
    filtered = published.simrec(
        "similar", "--text", ARTICLES[SEED]["text"], "--since", "1900", "--json"
    ).rows
    assert len(filtered) == 10
    assert all(row["published_at"] >= "1900" for row in filtered)


def test_a_file_is_asked_like_its_text(published: House, tmp_path: Any) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<html><body><p>{ARTICLES[SEED]['text']}</p></body></html>")
    assert published.simrec("similar", "--file", page, "--json").rows[0]["id"] == SEED


def test_accounts_rank_all_others_and_know_their_articles(
    published: House, vectors: np.ndarray
) -> None:
    rows = published.simrec("accounts", "Abraham Lincoln", "-n", 9, "--json").rows
    names = sorted({article["account"] for article in ARTICLES.values()})
    means = np.stack(
        [vectors[[ARTICLES[i]["account"] == name for i in IDS]].mean(axis=0) for name in names]
    )
    centred = means - means.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    scores = centred @ centred[names.index("Abraham Lincoln")]
    expected = sorted(
        (-score, name)
        for name, score in zip(names, scores, strict=True)
        if name != "Abraham Lincoln"
    )
    assert [row["id"] for row in rows] == [name for _, name in expected]
    assert [row["score"] for row in rows] == pytest.approx(
        [-score for score, _ in expected], abs=1e-5
    )
    assert {row["articles"] for row in rows} == {40}


def test_neighbours_are_of_the_same_time(published: House) -> None:
    """Even a tiny encoder has to know Washington's age from Obama's."""
    near = [
        row["id"]
        for row in published.simrec("accounts", "George Washington", "-n", 9, "--json").rows
    ]
    assert near.index("James Monroe") < near.index("Barack Obama")
    assert near.index("Andrew Jackson") < near.index("Ronald Reagan")


def test_accounts_without_a_name_lists_the_largest(published: House) -> None:
    rows = published.simrec("accounts", "-n", 3, "--json").rows
    assert [row["id"] for row in rows] == ["Abraham Lincoln", "Andrew Jackson", "Barack Obama"]


def test_show_tells_what_the_release_knows(published: House) -> None:
    (row,) = published.simrec("show", SEED, "--json").rows
    assert (row["id"], row["published_at"]) == (SEED, ARTICLES[SEED]["published_at"])
    assert ARTICLES[SEED]["text"].startswith(row["lead"][:100])


def test_tables_are_for_people(published: House) -> None:
    lines = published.simrec("similar", SEED, "-n", 3).out.splitlines()
    assert lines[0].split() == ["score", "id", "account", "date", "title"]
    assert len(lines) == 4
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["similar", "1861-Lincon-1/13"], 4, "no article '1861-Lincon-1/13'"),
        (["similar", "1861-Lincoln-1/999"], 4, "the nearest are '1861-Lincoln-1/"),
        (["accounts", "Abraham Lincon"], 4, "the nearest are 'Abraham Lincoln'"),
        (["show", "nothing"], 4, "no article 'nothing'"),
        (["similar"], 2, "give one of ID, --text, --file, --history and --account"),
        (
            ["similar", SEED, "--text", "x"],
            2,
            "give one of ID, --text, --file, --history and --account",
        ),
        (["similar", "--text", "  \n "], 2, "the text is empty"),
        (["similar", "--file", "/nowhere.txt"], 2, "/nowhere.txt"),
        (["similar", SEED, "--since", "yesterday"], 2, "'yesterday' is not a date"),
        (["similar", SEED, "-n", "0"], 2, "0 is not in the range"),
        (["rollback"], 5, "no release before the current one"),
        (["rollback", "../../etc"], 5, "no release '../../etc'"),
    ],
)
def test_a_wrong_question_is_one_sentence_and_its_exit_code(
    published: House, arguments: list[str], code: int, says: str
) -> None:
    ran = published.simrec(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_a_release_is_named_by_its_id_and_by_no_path(published: House) -> None:
    ran = published.simrec("rollback", f"../releases/{published.current}")
    assert (ran.code, "no release '../releases/" in ran.err) == (5, True)


def test_without_a_workspace_or_a_release_there_is_a_sentence(
    empty_house: Callable[..., House],
) -> None:
    house = empty_house()
    assert house.simrec("similar", "a").code == 5
    assert "no workspace here" in house.simrec("status").err
    assert house.step("ingest").code == 0
    ran = house.simrec("similar", "a")
    assert (ran.code, "no release is published yet" in ran.err) == (5, True)
    ran = house.step("index")
    assert (ran.code, "run simrec embed" in ran.err) == (5, True)


@pytest.mark.parametrize("where", ["/proc/nowhere", "/dev/null/workspace"])
def test_where_no_workspace_can_be_made_is_a_sentence(published: House, where: str) -> None:
    ran = run("-m", "simrec", "ingest", published.folder / "articles.jsonl", "-w", where)
    assert (
        ran.code,
        f"{where}: no workspace can be made here" in ran.err,
        "Traceback" in ran.err,
    ) == (3, True, False)


@pytest.mark.parametrize(
    ("text", "says"),
    [("simrec workspace 9", "this is a 'simrec workspace 9'"), ("x", "this is a 'x'")],
)
def test_a_workspace_of_another_format_is_refused(house: House, text: str, says: str) -> None:
    (house.workspace / "FORMAT").write_text(text)
    for ran in (house.simrec("status"), house.step("embed"), house.job()):
        assert (ran.code, says in ran.err) == (5, True)


def test_status_and_releases_name_the_current_release(published: House) -> None:
    (facts,) = published.simrec("status", "--json").rows
    assert (facts["articles"], facts["accounts"], facts["release"]) == (400, 10, published.current)
    (kept,) = published.simrec("releases", "--json").rows
    assert (kept["release"], kept["current"]) == (published.current, "current")
    assert "exit code 0" in published.simrec("status").out


def test_evaluation_is_printed_beside_the_baseline(published: House) -> None:
    rows = {row["suite"]: row for row in published.step("evaluate", "--json").rows}
    found = rows["split-half"]
    assert found["values"]["simrec"] > 5 * 0.05  # 100 questions at random: MRR of about .05
    assert 0 < found["values"]["TF-IDF"] < 1
    low, high = found["intervals"]["simrec"]
    assert low < found["values"]["simrec"] < high
    lead = found["values"]["simrec"] - found["values"]["TF-IDF"]
    assert found["ahead_of"]["TF-IDF"]["value"] == pytest.approx(lead, abs=2e-4)
    assert "only 0 held-out articles with a title" in rows["known-item"]["skipped"]
    ran = published.step("evaluate")
    table = ran.out
    assert "all else is the score alone, without rules." in ran.err
    assert "ahead by" in table
    assert "p (Holm)" in table
    assert "lists: same category" in table
    assert "without rules" in table
    assert f"{low:.3f} to {high:.3f}" in table


def test_hostile_text_cannot_move_the_cursor(house: House) -> None:
    evil = {
        "id": "evil",
        "title": "\x1b[2Jgone \u202egnp",
        "text": speeches()[0]["text"],
        "account": "a\tb",
    }
    house.write_articles([*house.articles, evil])
    assert house.job().code == 0
    out = house.simrec("show", "evil").out + house.simrec("similar", speeches()[0]["id"]).out
    assert "[2Jgone" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_json_is_whole_whatever_the_text(house: House) -> None:
    odd = {
        "id": "奇'; DROP TABLE articles; --",
        "title": '{"a": 1}\n"',
        "text": speeches()[5]["text"],
    }
    house.write_articles([*house.articles, odd])
    assert house.job().code == 0
    rows = house.simrec("similar", odd["id"], "-n", 3, "--json").rows
    assert rows[0]["id"] == speeches()[5]["id"]
    assert json.loads(house.simrec("show", odd["id"], "--json").out)["title"] == '{"a": 1} "'
