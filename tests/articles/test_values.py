"""Values come in as they were meant: links, names, tags, dates, and whether something is published."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simrec.articles import values
from simrec.articles.mapping import Mapping
from simrec.config import Fields, IngestConfig
from tests.articles.test_ingest import stored, write_jsonl
from tests.conftest import House, Ran

CASES = Path(__file__).parents[1] / "data" / "cases"
EN_DAY = "2024-05-31"


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def test_links_and_names_are_as_given(fresh: House) -> None:
    ingested(fresh, CASES / "05-url-parameters-become-signs" / "articles.jsonl")
    first = stored(fresh)["https://x.example/?p=1&section=news"]
    query = "id=1&section=news&region=eu&copy=2&param=3&times=4&not=5"
    assert first["url"] == f"https://x.example/read?{query}"
    assert first["account"] == "https://feeds.example/?user=7&section=sport"
    assert (first["category"], first["tags"]) == ("R&D", '["a&copy=1"]')
    second = stored(fresh)["2"]
    assert second["account"] == "Tom & Jerry"
    assert second["title"] == "Why &section matters in ?a=1&copy=2"


def test_dates_of_the_case(fresh: House) -> None:
    folder = CASES / "09-dates-wrong-in-silence"
    ran = ingested(fresh, folder / "dates.jsonl")
    dates = {article: row["published_at"] for article, row in stored(fresh).items()}
    east = "2024-05-30T19:00:00Z"
    assert dates == {
        "pm": "2024-05-31T15:00:00Z",
        "rfc-colon-zone": east,
        "jst": "2024-05-30T18:00:00Z",
        "cest": "2024-05-31T01:00:00Z",
        "js-date": east,
        "gmt+8": east,
        "yyyymmdd-int": EN_DAY,
        "year-int": None,
        "excel-serial": None,
        "wp-draft": None,
        "epoch-text": "2024-06-10T12:00:00Z",
        "epoch-ms": "2024-05-31T12:00:00Z",
        "epoch-text2": "2024-05-31T12:00:00Z",
    }
    assert "3 values dropped" in ran.err
    ingested(fresh, folder / "epoch_text.csv")
    assert stored(fresh)["1"]["published_at"] == "2024-06-01T12:00:00Z"


@pytest.mark.parametrize(
    ("given", "date_format"),
    [("31.05.2024", "%d.%m.%Y"), ("05/31/24", "%m/%d/%y"), ("2024-05-31", "%d.%m.%Y")],
)
def test_a_form_of_dates_is_configured(fresh: House, given: str, date_format: str) -> None:
    fresh.configure(f"[fields]\ndate_format = '{date_format}'\n")
    fresh.write_articles([{"id": "a", "text": "Words.", "published_at": given}])
    assert fresh.step("ingest").code == 0
    assert stored(fresh)["a"]["published_at"] == EN_DAY


@pytest.mark.parametrize(
    ("given", "tags"),
    [
        ([{"id": 3, "name": "News", "slug": "news"}, {"name": "Sea"}], ("News", "Sea")),
        (["a", None, 3, True, ["x", "y"]], ("a", "3", "true", "x", "y")),
        ("['ships', 'sea level', \"captain's log\"]", ("ships", "sea level", "captain's log")),
        ('{ships,"sea level"}', ("ships", "sea level")),
        ('{"a, b",NULL,"say \\"x\\""}', ("a, b", 'say "x"')),
        ("ships;sea level;tide", ("ships", "sea level", "tide")),
        (' ["ships"]', ("ships",)),
        ('["R&amp;D", null]', ("R&D",)),
        ("a, b;c", ("a", "b;c")),
        ("[draft] notes, b", ("[draft] notes", "b")),
        ("{}", ()),
        (7.0, None),
        ({"ships": 1}, None),
        ('a:2:{i:0;s:5:"ships";i:1;s:3:"sea";}', None),
    ],
)
def test_tags_of_every_kind(given: Any, tags: tuple[str, ...] | None) -> None:
    if tags is None:
        with pytest.raises(ValueError, match="list|object"):
            values.tags(given)
    else:
        assert values.tags(given) == tags


@pytest.mark.parametrize(
    ("given", "account"),
    [
        ("NULL", None),
        ("\\N", None),
        ("nan", None),
        (float("nan"), None),
        ("Null Island", "Null Island"),
        (7.0, "7"),
        ("7.0", "7"),
        (7.5, "7.5"),
        (["Ada", "Bob"], "Ada"),
        ({"name": "Ada"}, "Ada"),
        ([{"name": "Ada"}, {"name": "Bob"}], "Ada"),
    ],
)
def test_accounts_of_every_kind(given: Any, account: str | None) -> None:
    mapping = Mapping(Fields(), "auto", IngestConfig())
    article, problems = mapping.article({"id": 1.0, "text": "Words.", "account": given})
    assert (article.id, article.account, problems) == ("1", account, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [("authors.0.name", "Ada"), ("authors.1.name", "Bob"), ("authors.name", "Ada")],
)
def test_paths_reach_into_lists(name: str, value: str) -> None:
    mapping = Mapping(Fields(account=name), "auto", IngestConfig())
    record = {"id": 1, "text": "Words.", "authors": [{"name": "Ada"}, {"name": "Bob"}]}
    assert mapping.article(record)[0].account == value


def test_a_number_that_lost_digits_is_no_id(fresh: House) -> None:
    path = CASES / "19-tags-as-python-writes-them" / "tags.jsonl"
    fresh.configure("[ingest]\nmax_reject_share = 1.0\n")
    (fresh.folder / "articles.jsonl").write_bytes(path.read_bytes())
    ran = fresh.step("ingest")
    assert "line 14: id: the number 1.2345678901234567e+19 has lost its last digits" in ran.err
    assert "line 15: no id" in ran.err
    assert {"13", "1", "12"} < stored(fresh).keys()


UNPUBLISHED = [
    {"status": "draft"},
    {"status": "Private"},
    {"status": False},
    {"draft": True},
    {"draft": "yes"},
    {"published": False},
    {"published": "false"},
    {"published_at": "2999-01-01"},
]


def test_what_is_not_published_is_left_out_and_counted(fresh: House) -> None:
    extra: list[dict[str, Any]] = [
        {"status": "publish"},
        {"status": "PUBLISHED", "published": "2024-05-31"},
        {"draft": False, "published": True},
        {"status": None, "draft": None},
        {},
    ]
    rows = [
        {"id": str(number), "text": f"Words {number}.", **more}
        for number, more in enumerate([*extra, *UNPUBLISHED[:-1]])
    ]
    ran = ingested(fresh, write_jsonl(fresh.folder / "a.jsonl", rows))
    assert stored(fresh).keys() == {"0", "1", "2", "3", "4"}
    assert "7 not published (3 draft, 3 unpublished, 1 private)" in ran.err


@pytest.mark.parametrize("more", UNPUBLISHED[:-1])
def test_an_article_that_becomes_a_draft_leaves(fresh: House, more: dict[str, Any]) -> None:
    row = {"id": "a", "text": "Words."}
    ingested(fresh, write_jsonl(fresh.folder / "a.jsonl", [row]))
    ran = ingested(fresh, write_jsonl(fresh.folder / "a.jsonl", [{**row, **more}]))
    assert "1 deleted" in ran.err
    assert not stored(fresh)


def test_a_status_that_nobody_knows_is_named_once(fresh: House) -> None:
    rows = [{"id": str(number), "text": "Words.", "status": "aktiv"} for number in range(3)]
    ran = ingested(fresh, write_jsonl(fresh.folder / "a.jsonl", rows))
    assert ran.err.count("status 'aktiv' is taken for not published") == 1
    assert "3 not published (3 aktiv)" in ran.err


def test_unpublished_articles_are_taken_if_asked_for(fresh: House) -> None:
    fresh.configure("[ingest]\ninclude_unpublished = true\n")
    fresh.write_articles([{"id": "a", "text": "Words.", "status": "draft"}])
    assert fresh.step("ingest").code == 0
    assert stored(fresh).keys() == {"a"}


def ingested(house: House, path: Path) -> Ran:
    ran = house.simrec("ingest", path, "-v")
    assert ran.code == 0, ran.err
    return ran
