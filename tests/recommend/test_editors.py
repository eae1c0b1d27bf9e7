"""The editors' file: what it may say, and lists and answers that follow it place by place."""

import itertools
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from pyarrow import parquet

from simrec.errors import ConfigError
from simrec.recommend.editors_file import EditorsFile
from tests.conftest import House, Ran, first_house, new_house

CONFIG = """[[sources]]
path = "articles.jsonl"
[evaluate]
sample = 100
baselines = []
[recommend]
similar_articles = 10
similar_accounts = 5
"""
PLACES = 10
TOML = """# what the editors want
[[pin]]
article = "b"
under = "a"
place = 2

[[never]]
article = "c"

[[prefer]]
account = "One"
weight = 2
"""
CSV = """rule,article,account,under,place,weight
pin,b,,a,2,

never,c,,,,
prefer,,One,,,2
"""


@pytest.mark.parametrize(("name", "text"), [("e.toml", TOML), ("e.csv", CSV)])
def test_toml_and_csv_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    entries = EditorsFile.read(tmp_path / name).entries
    said = [(entry.rule, entry.kind, entry.id, entry.under, entry.place) for entry in entries]
    assert said == [
        ("pin", "article", "b", "a", 2),
        ("never", "article", "c", None, 1),
        ("prefer", "account", "One", None, 1),
    ]
    assert entries[2].weight == 2
    lines = {"e.toml": (2, 7, 10), "e.csv": (2, 4, 5)}[name]
    assert [entry.where for entry in entries] == [
        f"{tmp_path / name}, line {line}" for line in lines
    ]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("pin,b,,a,1,\npin,c,,a,1,", "line 3: 'c' pinned under 'a' at place 1 contradicts"),
        ("pin,b,,a,1,\npin,b,,a,2,", "line 3: 'b' pinned under 'a' at place 2 contradicts"),
        ("never,b,,a,,\npin,b,,a,2,", "line 3: 'b' pinned under 'a' at place 2 contradicts"),
        ("pin,b,,a,1,\nnever,b,,,,", "line 2: 'b' pinned under 'a' at place 1 contradicts"),
        ("prefer,b,,,,2\nprefer,b,,,,3", "line 3: 'b' preferred with weight 3 contradicts"),
        ("pin,a,,a,1,", "line 2: article 'a' is put under itself"),
        ("never,a,,a,,", "line 2: article 'a' is put under itself"),
        ("pin,b,,,1,", "line 2: a pin needs 'under'"),
        ("pin,b,,a,0,", "line 2: place is 0; places count from 1"),
        ("pin,b,,a,1.5,", "line 2: place is 1.5; places count from 1"),
        ("pin,b,,a,top,", "line 2: place is 'top', which is no number"),
        ("pin,b,,a,inf,", "line 2: place is 'inf', which is no number"),
        ("prefer,b,,,,nan", "line 2: weight is 'nan', which is no number"),
        ("prefer,b,,,,-1", "line 2: weight is -1; it multiplies scores and is more than 0"),
        (
            "prefer,b,,a,,2",
            "line 2: prefer does not know 'under'; it knows article, account, weight",
        ),
        ("pin,b,One,a,1,", "line 2: pin names either an article or an account"),
        ("hide,b,,,,", "line 2: rule is 'hide'; the rules are pin, never, prefer"),
        ("pin,b,,a,1,,,,", "line 2: more fields than the header has"),
    ],
)
def test_what_cannot_be_meant_is_named_with_its_line(tmp_path: Path, rows: str, says: str) -> None:
    path = tmp_path / "editors.csv"
    path.write_text(f"rule,article,account,under,place,weight\n{rows}\n")
    with pytest.raises(ConfigError) as refused:
        EditorsFile.read(path)
    assert f"{path}, {says}" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n[[hide]]\narticle = 'a'\n", "line 2: 'hide' is no rule; the rules are [[pin]]"),
        ("[[pin]\n", "line 1"),
        ("[pin]\narticle = 'a'\n", "line 1: 'pin' is no rule; the rules are [[pin]]"),
        ("pin = [1]\n", "pin 1: 1 is no entry of [[pin]]"),
        ("[[never]]\narticle = 'a'\n[[never]]\narticle = ['b']\n", "line 3: article is ['b']"),
        ("[[pin]]\narticle='b'\nunder='a'\nposition=1\n", "line 1: pin does not know 'position'"),
    ],
)
def test_toml_that_cannot_be_meant_is_named_with_its_line(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "editors.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        EditorsFile.read(path)
    assert str(path) in str(refused.value) and says in str(refused.value)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with the encoder in the box and the default rules, and no wishes of editors."""
    return first_house(tmp_path_factory.mktemp("editors"), CONFIG)


@pytest.fixture
def changed(house: House, tmp_path: Path) -> House:
    """A copy, to be changed."""
    shutil.copytree(house.folder, tmp_path / "house")
    return House(tmp_path / "house")


def run_night(house: House, rows: str) -> Ran:
    """Run a night with an editors' file."""
    header = "rule,article,account,under,place,weight"
    (house.folder / "editors.csv").write_text(f"{header}\n{rows}")
    (house.folder / "config.toml").write_text(f'{CONFIG}editors = "editors.csv"\n')
    return house.job()


def release_of(house: House) -> Path:
    return house.workspace / "releases" / house.current


def lists(house: House, table: str = "similar_articles") -> dict[str, list[str]]:
    subject = "article" if table == "similar_articles" else "account"
    listed: dict[str, list[str]] = {}
    for row in parquet.read_table(release_of(house) / f"{table}.parquet").to_pylist():
        listed.setdefault(row[subject], []).append(row["similar"])
    return listed


def asked(house: House, *options: object) -> list[str]:
    return [hit["id"] for hit in house.simrec("similar", *options, "--json").rows]


A = "1861-Lincoln-1/13"
SPEAKER = "Abraham Lincoln"


def test_pins_stand_where_editors_put_them_in_tables_and_answers(
    house: House, changed: House
) -> None:
    before = lists(house)
    far = sorted(set(before) - {A, *before[A]})
    listed = before[A][3]
    rows = f"pin,{far[0]},,{A},1,\npin,{listed},,{A},3,\npin,{far[1]},,{A},{PLACES},\npin,{far[2]},,gone,1,\n"
    ran = run_night(changed, rows)
    assert ran.code == 0, ran.err
    assert "line 5: there is no article 'gone', so nothing is done" in ran.err
    others = [other for other in before[A] if other != listed]
    expected = [far[0], others[0], listed, *others[1:7], far[1]]
    after = lists(changed)
    assert after == {**before, A: expected}
    assert asked(changed, A) == expected
    deep = asked(changed, A, "-n", 30)
    assert (deep[0], deep[2], deep[PLACES - 1]) == (far[0], listed, far[1])
    assert len(set(deep)) == 30
    assert far[0] not in asked(changed, A, "--no-rules")
    table = parquet.read_table(release_of(changed) / "similar_articles.parquet").to_pylist()
    pinned = {row["similar"]: row for row in table if row["article"] == A}
    named = {other for other, row in pinned.items() if "pinned by editors" in str(row.values())}
    assert named == {far[0], listed, far[1]}
    assert not any("seldom" in str(pinned[other].values()) for other in (far[0], far[1]))
    shown = changed.simrec("similar", A, "--explain").out
    assert shown.count("pinned by editors") == 3
    # The score of a pinned pair is the score of the pair.
    of_far = changed.simrec("similar", A, "--no-rules", "-n", 399, "--json").rows
    score_of = {hit["id"]: hit["score"] for hit in of_far}
    assert pinned[far[0]]["score"] == pytest.approx(score_of[far[0]], abs=2e-6)


def test_what_editors_never_want_is_replaced_by_the_next_and_what_they_prefer_rises(
    house: House, changed: House
) -> None:
    before = lists(house)
    first, second = before[A][:2]
    counts = Counter(itertools.chain.from_iterable(before.values()))
    third = min(before[A][2:], key=lambda other: counts[other])
    ran = run_night(changed, f"never,{first},,{A},,\nnever,{second},,,,\nprefer,{third},,,,3\n")
    assert ran.code == 0, ran.err
    after = lists(changed)
    assert after[A][0] == third and first not in after[A]
    assert {len(listed) for listed in after.values()} == {PLACES}
    assert not any(second in listed for listed in after.values())
    assert any(first in listed for listed in after.values())
    assert len(after[second]) == PLACES
    count = sum(third in listed for listed in after.values())
    assert counts[third] < count <= 2 * PLACES
    text = next(article["text"] for article in changed.articles if article["id"] == second)
    assert second not in asked(changed, "--text", text)
    assert second in asked(changed, "--text", text, "--no-rules")
    exposure = json.loads((release_of(changed) / "report.json").read_text())["exposure"]
    assert exposure["articles"] == len(before) - 1


def test_accounts_are_pinned_and_hidden_and_preferred(house: House, changed: House) -> None:
    before = lists(house, "similar_accounts")
    hidden, other, *_ = before[SPEAKER]
    far = sorted(set(before) - {SPEAKER, *before[SPEAKER]})[0]
    rows = f'never,,"{hidden}",,,\npin,,"{far}","{SPEAKER}",2,\nprefer,,"{other}",,,9\n'
    ran = run_night(changed, rows)
    assert ran.code == 0, ran.err
    after = lists(changed, "similar_accounts")
    assert after[SPEAKER][:2] == [other, far]
    assert not any(hidden in listed for listed in after.values())
    # A score above zero is multiplied by nine.
    table = parquet.read_table(release_of(house) / "similar_accounts.parquet").to_pylist()
    liked = {row["account"] for row in table if row["similar"] == other and row["score"] > 0.1}
    assert len(liked) > 1 and {after[name][0] for name in liked} == {other}
    answered = changed.simrec("accounts", SPEAKER, "--json").rows
    assert [hit["id"] for hit in answered][:2] == [other, far]
    writing = changed.simrec("accounts", "--text", "the union and slavery", "--json").rows
    assert writing and hidden not in [hit["id"] for hit in writing]


def test_a_change_of_the_file_makes_another_release_and_its_place_does_not(
    house: House, changed: House
) -> None:
    listed = lists(house)[A]
    assert run_night(changed, f"pin,{listed[5]},,{A},1,\n").code == 0
    first = changed.current
    rules = json.loads((release_of(changed) / "manifest.json").read_text())["rules"]
    assert len(rules["editors"]) == 64
    assert run_night(changed, f"pin,{listed[5]},,{A},1,\n").code == 0
    assert changed.current == first
    assert run_night(changed, f"pin,{listed[6]},,{A},1,\n").code == 0
    assert changed.current != first
    assert lists(changed)[A][0] == listed[6]
    # As from scratch, to the byte.
    scratch = new_house(changed.folder.parent / "scratch")
    assert run_night(scratch, f"pin,{listed[6]},,{A},1,\n").code == 0
    assert scratch.current == changed.current
    for name in ("similar_articles.parquet", "similar_accounts.parquet", "editors.json"):
        written = [(release_of(each) / name).read_bytes() for each in (scratch, changed)]
        assert written[0] == written[1], name


def test_a_file_that_cannot_be_meant_stops_the_night_before_it_does_anything(
    changed: House,
) -> None:
    before = changed.current
    for rows, says in (
        (f"pin,{A},,{A},1,\n", f"editors.csv, line 2: article '{A}' is put under itself"),
        (
            f"pin,b,,{A},11,\n",
            "line 2: 'b' pinned under '" + A + "' at place 11, but lists of articles",
        ),
    ):
        ran = run_night(changed, rows)
        assert (ran.code, says in ran.err, changed.current) == (3, True, before), ran.err
    (changed.folder / "editors.csv").unlink()
    ran = changed.job()
    assert (ran.code, "recommend.editors: " in ran.err) == (3, True), ran.err
