"""People judge lists through the command line; `simrec evaluate` reads what they said."""

import csv
from collections.abc import Sequence
from pathlib import Path

import click.testing
import numpy as np
import pytest

import simrec
from simrec.cli import cli
from simrec.evaluate.judgement_files import (
    Preference,
    append_grade,
    append_preference,
    read_grades,
    read_preferences,
)
from simrec.evaluate.judging import JudgedSystem, draw_topics, side_by_side
from tests.conftest import House

pytest.importorskip("ir_measures")


def ask(house: House, *arguments: object, answers: Sequence[str] = ()) -> click.testing.Result:
    command = ["judge", *map(str, arguments), "-w", str(house.workspace)]
    lines = "".join(f"{answer}\n" for answer in answers)
    return click.testing.CliRunner().invoke(cli, command, input=lines)


def lists_of(house: House, ids: Sequence[str]) -> dict[str, list[str]]:
    with simrec.open(house.workspace) as recommender:
        return {article: [hit.id for hit in recommender.similar(article)] for article in ids}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_pairs_are_judged_blind_once_and_measured(published: House, tmp_path: Path) -> None:
    file = tmp_path / "grades.csv"
    ran = ask(published, "-n", 2, "-o", file, answers=["2", "s", "1", "q"])
    assert ran.exit_code == 0, ran.output
    assert "20 pairs to judge" in ran.output
    assert published.current not in ran.output, "nobody sees whose list it is"
    assert not any(f"0.{n}" in ran.output for n in range(10)), "nor the score"
    first = rows_of(file)
    assert [row["grade"] for row in first] == ["2", "1"]
    again = ask(published, "-n", 2, "-o", file, answers=["0"])  # the end of the input is no answer
    assert "18 pairs to judge" in again.output
    assert rows_of(file)[:2] == first
    topics = list({row["topic"]: 1 for row in rows_of(file)})
    lists = lists_of(published, topics)
    shown = [row["article"] for row in rows_of(file)]
    assert all(row["article"] in lists[row["topic"]] for row in rows_of(file))
    assert shown != lists[topics[0]][: len(shown)], "not in the order of the list"


def test_grades_and_preferences_measure_the_published_lists(
    published: House, tmp_path: Path
) -> None:
    ids = [article["id"] for article in published.articles[:30]]
    lists = lists_of(published, ids)
    file = tmp_path / "people.csv"
    for number, article in enumerate(ids):
        append_grade(file, article, lists[article][number % 3], 1)
        append_grade(file, article, lists[article][8], 0)
        append_grade(file, article, lists[article][9], 0)
    append_grade(file, "of no release", "nor this", 1)
    sides = tmp_path / "sides.csv"
    for number, article in enumerate(ids):
        preferred = [published.current, published.current, "older"][number % 3]
        append_preference(sides, Preference(article, published.current, "older", preferred))
    append_preference(sides, Preference(ids[0], published.current, "older", ""))  # the last counts
    ran = published.step("evaluate", "--judgements", file, "--judgements", sides, "--json")
    assert ran.code == 0, ran.err
    rows = {(row["suite"], row["measure"]): row for row in ran.rows}
    of_lists = rows["people, published lists", "MRR"]
    expected = np.mean([1 / (1 + number % 3) for number in range(30)])
    assert of_lists["queries"] == 30
    assert of_lists["values"] == {"simrec": pytest.approx(expected, abs=1e-4)}
    assert of_lists["judged"] == {"simrec": pytest.approx(0.3, abs=1e-4)}, "three of ten"
    gain = np.mean([1 / np.log2(2 + number % 3) for number in range(30)])
    ndcg = rows["people, published lists", "nDCG@10"]["values"]["simrec"]
    assert ndcg == pytest.approx(gain, abs=1e-4)
    by_score = rows["people", "nDCG@10"]
    assert set(by_score["judged"]) == {"simrec", "TF-IDF"}
    assert by_score["skipped"] == "2 ids of the file are no articles"
    leads = [row["ahead_of"]["TF-IDF"] for row in rows.values() if "TF-IDF" in row["ahead_of"]]
    assert all(lead["p_holm"] >= lead["p"] for lead in leads)
    assert any(lead["p_holm"] > lead["p"] for lead in leads)
    preferred = rows["sides", "preferred"]
    assert preferred["queries"] == 30
    assert preferred["values"] == {"simrec": 0.65, "older": 0.35}
    assert preferred["ahead_of"]["older"]["value"] == 0.3


def test_sides_need_two(published: House) -> None:
    ran = ask(published, "--sides")
    assert (ran.exit_code, "--sides needs --against RELEASE" in ran.output) == (2, True)
    ran = ask(published, "--sides", "--against", "../x")
    assert "no release '../x'" in str(ran.exception)


def test_sides_are_blind_and_the_same_for_every_judge() -> None:
    lists = {"a": ["x", "y"], "b": ["y", "x"], "c": ["x"]}
    first = JudgedSystem("one", lambda topic: lists[topic])
    second = JudgedSystem("two", lambda topic: ["x", "y"])
    topics = [f"t{n}" for n in range(100)]
    lists |= dict.fromkeys(topics, ["z"])
    assert [side.topic for side in side_by_side(["a", "b", "c"], first, second)] == ["b", "c"]
    sides = side_by_side(topics, first, second)
    swapped = side_by_side(topics, second, first)
    assert [side.left.name for side in sides] == [side.left.name for side in swapped]
    assert 30 < sum(side.left.name == "one" for side in sides) < 70, "left is either"
    side = sides[0]
    assert side.preference("left") == Preference("t0", "one", "two", side.left.name)
    assert side.preference("").preferred == ""
    assert draw_topics(["a", "b", "c", "d"], 3, judged=["b"]) == draw_topics("dca", 3)


def test_a_preference_for_neither_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "sides.csv").write_text("topic,first,second,preferred\na,one,two,three\n")
    with pytest.raises(simrec.ConfigError, match="line 2: preferred is one of first and second"):
        read_preferences(tmp_path / "sides.csv")


def test_a_pool_is_written_for_others(published: House, tmp_path: Path) -> None:
    ids = [article["id"] for article in published.articles[:2]]
    trec = tmp_path / "pool.txt"
    assert ask(published, *ids, "--pool", "-o", trec).exit_code == 0
    lists = lists_of(published, ids)
    wanted = {f"{topic} 0 {article}" for topic in ids for article in lists[topic]}
    assert set(trec.read_text().splitlines()) == wanted
    table = tmp_path / "pool.csv"
    assert ask(published, *ids, "--pool", "-o", table).exit_code == 0
    rows = rows_of(table)
    assert {f"{row['topic']} 0 {row['article']}" for row in rows} == wanted
    assert all(row["grade"] == "" and row["article_title"] for row in rows)
    assert read_grades(table) == {}, "what has no grade is not judged yet"
    table.write_text(
        table.read_text().replace(f"{rows[0]['article']},,", f"{rows[0]['article']},3,", 1)
    )
    assert read_grades(table) == {rows[0]["topic"]: {rows[0]["article"]: 3}}
    ran = ask(published, *ids, "--pool", "-o", table)
    assert (ran.exit_code, "exists already" in str(ran.exception)) == (1, True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("topic,article,grade\na,b,good\n", "line 2: a judgement has a topic"),
        ("topic,article,grade\n,b,1\n", "line 2: a judgement has a topic"),
        ("topic,article,grade\na,b,-1\n", "line 2: a judgement has a topic"),
    ],
)
def test_a_bad_judgement_is_named(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(simrec.ConfigError, match=says):
        read_grades(tmp_path / "x.csv")


def test_ids_and_titles_of_any_kind(tmp_path: Path) -> None:
    ids = ['a "b", c', "=1+1", "ü\u2028x", "https://e.org/?a=1"]
    for article in ids:
        append_grade(tmp_path / "g.csv", article, "other, one", 2)
    assert read_grades(tmp_path / "g.csv") == {article: {"other, one": 2} for article in ids}
    with pytest.raises(simrec.UsageError, match="white space"):
        append_grade(tmp_path / "g.qrels", "a b", "c", 1)
    (tmp_path / "mine.csv").write_text("my,own\n")
    with pytest.raises(simrec.UsageError, match="a file of their own"):
        append_grade(tmp_path / "mine.csv", "a", "b", 1)
    assert (tmp_path / "mine.csv").read_text() == "my,own\n"
