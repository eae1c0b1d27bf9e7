"""Inputs on which ingest once lost or changed something come in with the right values, by the CLI."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pytest
from pyarrow import parquet

from simrec.lexical.words import words
from tests.articles.test_ingest import ingest
from tests.conftest import CASES, House, Ran, environment

# Root may read everything; without these it may read what the owner of its files may.
AS_OWNER = (
    ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
)
Values = dict[str, dict[str, Any]]


class Case(NamedTuple):
    """A source of a case, how many articles come in, the values of some, and what is said."""

    source: str
    count: int
    values: Values
    code: int = 0
    says: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def texts(**by_id: str) -> Values:
    return {article_id: {"text": text} for article_id, text in by_id.items()}


def dates(by_id: dict[str, str | None]) -> Values:
    return {article_id: {"published_at": date} for article_id, date in by_id.items()}


PAPER = "https://paper.example/#Paper/"
HARBOUR = "https://harbour.example/?p=101"
TIDE = "春天的潮水在中午最高，渔船此时进港。"
SPRING = "When sun and moon pull together, the sea rises & falls further."
TABLE = [
    Case(
        "01-feed-emoji-as-surrogates/*.xml",
        23,
        {f"{PAPER}1": {"text": "Words \ufffd here."}, "P/1": {"text": "Words"}},
    ),
    Case(
        "01-feed-emoji-as-surrogates/emoji.xml",
        11,
        {
            "https://paper.example/#Emoji/em-99": {
                "title": "Smile 😀 today",
                "text": "Words 😀 with a smile.",
            }
        },
    ),
    Case("02-csv-open-quote/whole.csv", 40, {"34": {"title": "Tide table 34"}}),
    Case(
        "02-csv-open-quote/open_quote.csv",
        33,
        {"33": {"title": "Tide table 33"}},
        7,
        ("line 35: the quotation mark that opens here is never closed", "33 good rows were kept"),
    ),
    Case(
        "02-csv-open-quote/mysql_batch.tsv",
        40,
        {"20": {"title": '"High water'}, "30": {"title": '"Low" water'}},
    ),
    Case(
        "03-feeds-same-guid/*.xml",
        20,
        {
            f"{PAPER[:-6]}Tides/1": {"account": "Tides", "title": "Tide 1"},
            f"{PAPER[:-6]}Bakery/1": {"account": "Bakery", "title": "Bread 1"},
        },
    ),
    Case(
        "04-wechat-page-hidden-body/pages",
        3,
        {
            name: {
                "title": "潮汐与渔港",
                "account": "渔港小报",
                "published_at": "2024-05-31T12:00:00Z",
                "url": "http://mp.weixin.qq.com/s?__biz=MzA&mid=1&idx=1&sn=abc",
            }
            for name in ("hidden.html", "hidden2.html", "visible.html")
        },
    ),
    Case(
        "05-url-parameters-become-signs/articles.jsonl",
        2,
        {
            "https://x.example/?p=1&section=news": {
                "url": "https://x.example/read?id=1&section=news&region=eu&copy=2&param=3&times=4&not=5",
                "account": "https://feeds.example/?user=7&section=sport",
                "title": "A & B",
                "category": "R&D",
                "tags": ["a&copy=1"],
            },
            "2": {"title": "Why &section matters in ?a=1&copy=2", "account": "Tom & Jerry"},
        },
    ),
    Case(
        "05-url-parameters-become-signs/wellformed.xml",
        1,
        {
            "https://paper.example/?p=1&section=2&region=eu": {
                "url": "https://paper.example/?p=1&section=2&region=eu"
            }
        },
    ),
    Case(
        "07-wordpress-blocks-stay-html/articles.jsonl",
        16,
        {
            "101": {"text": SPRING},
            "102": {"text": 'The tide is "high" at noon.\n\nMore here…\n\nThe pier'},
            **{str(number): {"text": "Words & more."} for number in range(103, 110)},
            "113": {"text": "Café & bar – open 'late'"},
            "115": {"text": "<ada@harbour.example> wrote: the tide is high."},
            "116": {"text": "<T> is a type parameter in Java, List<T> too."},
        },
    ),
    Case(
        "08-feed-empty-content/*.xml",
        3,
        {
            f"{PAPER}1": {"text": "The description has all the words."},
            f"{PAPER}2": {"text": "The description has all the words of two."},
            "B/3": {"text": "The summary has all the words of three."},
        },
    ),
    Case(
        "09-dates-wrong-in-silence/dates.jsonl",
        13,
        dates(
            {
                "pm": "2024-05-31T15:00:00Z",
                "rfc-colon-zone": "2024-05-30T19:00:00Z",
                "jst": "2024-05-30T18:00:00Z",
                "cest": "2024-05-31T01:00:00Z",
                "js-date": "2024-05-30T19:00:00Z",
                "gmt+8": "2024-05-30T19:00:00Z",
                "yyyymmdd-int": "2024-05-31",
                "epoch-text": "2024-06-10T12:00:00Z",
                "epoch-ms": "2024-05-31T12:00:00Z",
                "epoch-text2": "2024-05-31T12:00:00Z",
                "year-int": None,
                "excel-serial": None,
                "wp-draft": None,
            }
        ),
        0,
        ("2024 is not a date", "45443 is not a date", "-0001 00:00:00 +0000' is not a date"),
    ),
    Case(
        "09-dates-wrong-in-silence/epoch_text.csv",
        30,
        dates({str(day): f"2024-06-{day:02d}T12:00:00Z" for day in range(1, 31)}),
    ),
    Case(
        "10-feed-with-a-script-behind-its-end/cloudflare.xml",
        10,
        {f"{PAPER}cf-10": {"title": "Tide 10", "text": "The tide of day 10 is high."}},
    ),
    Case(
        "14-wordpress-export-with-drafts/export.xml",
        1,
        {
            HARBOUR: {
                "title": "Spring tides explained",
                "text": f"{SPRING}\n\nWhy it matters",
                "account": "Ada Quay",
                "published_at": "2024-05-31T10:00:00Z",
                "url": "https://harbour.example/2024/05/spring-tides/",
                "category": "Tides",
                "tags": ["Tides", "moon"],
            }
        },
        0,
        ("4 not published (1 draft, 1 private, 1 attachment, 1 menu item)",),
        ("--field", "account=author"),
    ),
    Case(
        "17-toml-front-matter/posts",
        3,
        {
            "toml.md": {
                "title": "Spring tides",
                "published_at": "2024-05-31T10:00:00Z",
                "account": "Ada",
                "text": "The sea rises when sun and moon pull together.",
            },
            "rule.md": {"text": "A text that begins with a rule.\n\nAnd goes on."},
        },
    ),
    Case(
        "18-front-matter-value-costs-the-article/posts",
        3,
        {
            "yes.md": {"title": "Yes"},
            "diary.md": {"title": "2024-05-31"},
            "baddate.md": {"published_at": None},
        },
        0,
        ("kept without published_at: '2023-02-29' names no day that exists",),
    ),
    Case(
        "18-front-matter-value-costs-the-article/articles.jsonl",
        2,
        {},
        0,
        ("kept without title: a bool", "kept without title: a list"),
    ),
    Case(
        "19-tags-as-python-writes-them/tags.jsonl",
        14,
        {
            "1": {"tags": ["News", "Sea"]},
            "2": {"tags": ["a", "3", "true", "x", "y"]},
            "3": {"tags": ["ships", "sea level", "captain's log"]},
            "4": {"tags": ["ships", "sea level"]},
            "5": {"tags": ["ships", "sea level", "tide"]},
            "6": {"tags": ["ships"]},
            "8": {"tags": ["R&D"]},
            "10": {"account": "Ada"},
            "11": {"account": "Ada"},
            "12": {"account": None, "category": None},
            "13": {"account": "7"},
        },
        0,
        ("line 14: id: the number", "line 15: no id", "line 7: kept without tags: a list in PHP's"),
    ),
    Case("19-tags-as-python-writes-them/tags.csv", 2, {"2": {"tags": ["ships", "sea level"]}}),
    Case(
        "22-folder-of-files-that-are-no-texts/exports",
        0,
        {},
        3,
        ("no .txt, .md or .html in it; give ", "exports/*.jsonl or "),
    ),
    Case(
        "22-folder-of-files-that-are-no-texts/exports",
        1,
        {"1": {"text": "Words"}},
        options=("--format", "jsonl"),
    ),
    Case(
        "24-feed-with-doctype-loses-letters/*.xml",
        2,
        {
            f"https://x.example/{n}": {"title": "Café noir", "text": "Crème brûlée – 5€"}
            for n in (1, 2)
        },
    ),
    Case("27-feed-that-writes-about-entities/feed.xml", 2, {}),
    *[
        Case(f"29-spreadsheets-csv/{name}.csv", 40, {"1": {"title": "Tide table 1"}})
        for name in ("blank_tail", "cr", "header_commas", "leading_blank", "sep", "utf16")
    ],
    Case("29-spreadsheets-csv/trailing_delim2.csv", 40, {"1": {"title": "Tide table 1"}}),
    Case(
        "29-spreadsheets-csv/header_nl.csv",
        40,
        {"1": {"title": "Tide table 1"}},
        options=("--field", "title=title (short)"),
    ),
    Case(
        "29-spreadsheets-csv/outfile.csv",
        40,
        {"1": {"title": 'Tide "table" 1', "text": "The tide, at harbour 1\nis high"}},
    ),
    Case(
        "30-pages-that-name-their-charset/pages",
        2,
        {
            "cp1252.html": {"title": "Café", "text": "Crème brûlée"},
            "gbk.html": {"title": "潮汐与渔港", "published_at": "2024-05-31T12:00:00Z"},
        },
    ),
    Case(
        "33-small-things/authors.jsonl",
        1,
        {"1": {"account": "Bob"}},
        options=("--field", "account=authors.1.name"),
    ),
    Case(
        "33-small-things/*.xml",
        2,
        {
            "https://blog.example/posts/1": {"url": "https://blog.example/posts/1"},
            "B/1": {"title": "A day"},
        },
    ),
]
ELSEWHERE = {
    "11-file-name-that-is-no-utf8", "23-pipes-are-read-twice", "28-database-sink-that-is-empty",
}  # fmt: skip


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def taken_in(house: House) -> Values:
    ran = house.simrec("articles", "--json", "-n", 1_000)
    return {article["id"]: article for article in ran.rows}


def test_every_case_is_tried() -> None:
    tried = {case.source.partition("/")[0] for case in TABLE} | ELSEWHERE
    assert tried == {folder.name for folder in CASES.iterdir()}


@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case.source}{case.options}")
def test_a_case_comes_out_as_it_should(fresh: House, case: Case) -> None:
    config = fresh.folder / "config.toml"
    config.write_text("[ingest]\nmax_reject_share = 0.5\n")
    ran = ingest(fresh, CASES / case.source, *case.options, "-c", config)
    assert ran.code == case.code, ran.err
    for sentence in case.says:
        assert sentence in ran.err
    if not case.count:
        return
    articles = taken_in(fresh)
    assert len(articles) == case.count
    for article_id, values in case.values.items():
        article = articles[article_id]
        assert {name: article[name] for name in values} == values


def test_the_body_of_a_hidden_page_of_wechat_is_whole(fresh: House) -> None:
    assert ingest(fresh, CASES / "04-wechat-page-hidden-body" / "pages").code == 0
    bodies = {article["text"] for article in taken_in(fresh).values()}
    assert len(bodies) == 1
    (body,) = bodies
    assert body.startswith(TIDE)
    assert body.count("\n\n") == 11
    assert len(body) == 244


def test_case_10_a_script_behind_a_feed_does_not_stop_the_night(fresh: House) -> None:
    case = CASES / "10-feed-with-a-script-behind-its-end"
    sources = [f"[[sources]]\npath = '{case / name}'\n" for name in ("ok.xml", "cloudflare.xml")]
    config = fresh.folder / "config.toml"
    config.write_text("".join(sources))
    ran = fresh.step("ingest")
    assert (ran.code, "20 new, 0 changed, 0 unchanged, 0 deleted, 0 rejected" in ran.err) == (
        0,
        True,
    )


def test_case_11_a_file_name_that_is_no_utf8(fresh: House) -> None:
    posts = fresh.folder / "posts"
    shutil.copytree(CASES / "11-file-name-that-is-no-utf8" / "posts", posts)
    for name in (b"caf\xe9.txt", b"caf\xe9.jsonl"):
        content = (
            '{"id": 1, "text": "Words"}\n' if name.endswith(b"l") else "Words of the odd file."
        )
        folder = fresh.folder if name.endswith(b"l") else posts
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text(content)
    assert ingest(fresh, posts).code == 0
    articles = taken_in(fresh)
    assert articles.keys() == {"good1.txt", "good2.txt", r"caf\xe9.txt"}
    assert articles[r"caf\xe9.txt"]["text"] == "Words of the odd file."
    assert ingest(fresh, fresh.folder / "caf*.jsonl").code == 0
    assert taken_in(fresh)["1"]["text"] == "Words"


def test_case_12_a_subfolder_that_may_not_be_read_deletes_nothing(fresh: House) -> None:
    if AS_OWNER and not shutil.which("setpriv"):
        pytest.skip("root may read everything")
    docs = fresh.folder / "docs"
    for number in range(33):
        path = docs / ("sub" if number > 29 else "") / f"p{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Words of post {number} about tides and harbours.")
    assert ingest(fresh, docs, "--sync").code == 0
    (docs / "p1.txt").write_text("Changed words.")
    (docs / "sub").chmod(0)
    ran = _ingest_as_owner(fresh, docs)
    (docs / "sub").chmod(0o755)
    assert (ran.code, f"{docs}/sub: cannot be read (Permission denied)" in ran.err) == (3, True)
    articles = taken_in(fresh)
    assert len(articles) == 33
    assert articles["p1.txt"]["text"].startswith("Words of post 1"), "nothing was changed"


def _ingest_as_owner(house: House, path: Path) -> Ran:
    simrec = [sys.executable, "-m", "simrec", "ingest", str(path), "--sync", "-v"]
    command = [*AS_OWNER, *simrec, "-w", str(house.workspace)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=600)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_case_13_one_value_costs_its_row_and_not_the_database(fresh: House) -> None:
    with sqlite3.connect(fresh.folder / "news.db") as db:
        db.execute("CREATE TABLE posts(id INTEGER PRIMARY KEY, body TEXT, updated_at TEXT)")
        db.executemany(
            "INSERT INTO posts VALUES(?, ?, ?)",
            [
                (n, f"The tide of day {n} is high.", f"2024-05-{n:02d} 12:00:00")
                for n in range(1, 31)
            ],
        )
        db.execute("UPDATE posts SET body = CAST(x'436166e9206272697365' AS TEXT) WHERE id = 7")
    db.close()
    (fresh.folder / "config.toml").write_text(
        f"[[sources]]\nurl = 'sqlite:///{fresh.folder}/news.db'\n"
        "query = 'SELECT id, body AS text, updated_at FROM posts'\n"
    )
    ran = fresh.step("ingest")
    assert (ran.code, "id '7': not valid UTF-8" in ran.err) == (0, True), ran.err
    articles = taken_in(fresh)
    assert articles.keys() == {str(n) for n in range(1, 31)} - {"7"}
    assert articles["30"]["text"] == "The tide of day 30 is high."


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        (
            "भारत की क्रिकेट टीम ने मुंबई में विश्व कप जीता",
            ["भारत", "क्रिकेट", "टीम", "मुंबई", "विश्व", "कप", "जीता"],
        ),
        ("তিস্তা নদীর জলের উচ্চতা বেড়েছে", ["তিস্তা", "নদীর", "জলের", "উচ্চতা", "বেড়েছে"]),
        ("தமிழ்நாடு முதலமைச்சர் அறிவிப்பு", ["தமிழ்நாடு", "முதலமைச்சர்", "அறிவிப்பு"]),
    ],
)
def test_case_15_words_of_indian_scripts_are_whole(sentence: str, found: list[str]) -> None:
    assert set(found) <= set(words(sentence))


def test_case_22_the_parts_of_a_table_in_a_folder_are_read(fresh: House) -> None:
    folder = fresh.folder / "articles.parquet"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    table = pyarrow.table({"id": ["1", "2"], "text": ["One tide.", "Two tides."]})
    parquet.write_table(table, folder / "part-00000.snappy.parquet")
    assert ingest(fresh, folder).code == 0
    assert {key: value["text"] for key, value in taken_in(fresh).items()} == {
        "1": "One tide.",
        "2": "Two tides.",
    }


def test_case_23_a_pipe_is_read_once(fresh: House) -> None:
    content = (CASES / "23-pipes-are-read-twice" / "three.jsonl").read_text()
    command = [sys.executable, "-m", "simrec", "ingest", "/dev/stdin", "--format", "jsonl"]
    done = subprocess.run(
        [*command, "-w", str(fresh.workspace)],
        input=content,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert taken_in(fresh).keys() == {"1", "2", "3"}
    assert taken_in(fresh)["3"]["text"] == "Words of article 3 about the tide."


def test_case_28_a_table_that_was_dropped_is_written_anew(house: House) -> None:
    site = house.folder / "site.db"
    assert house.simrec("export", f"sqlite:///{site}").code == 0
    with sqlite3.connect(site) as db:
        (before,) = db.execute("SELECT count(*) FROM similar_articles").fetchone()
        db.execute("DROP TABLE similar_articles")
    ran = house.simrec("export", f"sqlite:///{site}", "-v")
    assert (ran.code, "all its rows are written anew" in ran.err) == (0, True), ran.err
    (after,) = db.execute("SELECT count(*) FROM similar_articles").fetchone()
    db.close()
    assert before == after > 0


def test_case_33_a_list_of_names_is_its_first(fresh: House) -> None:
    assert ingest(fresh, CASES / "33-small-things" / "authors.jsonl").code == 0
    (line,) = fresh.simrec("articles", "--json").out.splitlines()
    assert json.loads(line)["account"] == "Ada"
