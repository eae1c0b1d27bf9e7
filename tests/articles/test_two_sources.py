"""An id in two sources is two articles or one named warning; cron hears of a bad value once."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.articles.test_ingest import stored, write_csv, write_jsonl, write_parquet
from tests.conftest import House, Ran

FEED = (
    "<rss version='2.0'><channel><title>{title}</title><link>https://{title}.example/</link>"
    "{items}</channel></rss>"
)
ITEM = "<item><guid>{id}</guid><title>{text}</title><description>{text}</description></item>"


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def write_feed(path: Path, rows: list[dict[str, str]]) -> Path:
    items = "".join(ITEM.format(**row) for row in rows)
    path.write_text(FEED.format(title=path.stem, items=items))
    return path


def write_folder(path: Path, rows: list[dict[str, str]]) -> Path:
    path.mkdir(exist_ok=True)
    for row in rows:
        (path / f"{row['id']}.md").write_text(row["text"])
    return path


WRITERS: dict[str, Callable[[Path, list[Any]], Path]] = {
    ".jsonl": write_jsonl,
    ".csv": write_csv,
    ".parquet": write_parquet,
    ".rss": write_feed,
    "": write_folder,
}


SAME = {False: "same", True: "same.md"}  # of a folder the name of the page


def rows_of(name: str) -> list[dict[str, str]]:
    own = [
        {"id": f"{name}{number}", "text": f"Own words {number} of {name}."} for number in range(3)
    ]
    return [{"id": "same", "text": f"The words of {name}."}, *own]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (".csv", ".jsonl"),
        (".jsonl", ".parquet"),
        (".parquet", ".csv"),
        (".jsonl", ".jsonl"),
        ("", ""),
        (".rss", ".rss"),
        (".rss", ".csv"),
    ],
)
def test_an_id_in_two_files_is_two_articles_or_one_warning(
    fresh: House, first: str, second: str
) -> None:
    one = WRITERS[first](fresh.folder / f"one{first}", rows_of("one"))
    two = WRITERS[second](fresh.folder / f"two{second}", rows_of("two"))
    ran = fresh.simrec("ingest", one, two)
    assert ran.code == 0, ran.err
    warnings = [
        line for line in ran.err.splitlines() if f"note: id '{SAME[not second]}' is" in line
    ]
    articles = stored(fresh)
    texts = {article["text"] for article in articles.values()}
    assert f"The words of {'two' if second else 'one'}." in texts
    if ".rss" in (first, second):
        assert (len(articles), warnings) == (8, [])
        assert "The words of one." in texts
        return
    assert len(articles) == 7
    page = "/same.md" if not second else ""
    (warning,) = warnings
    line = 2 if first == ".csv" else 1
    assert f"{two}{page}, line {2 if second == '.csv' else 1}: note: id '" in warning
    if second:
        assert f"of another article in {one}{page}, line {line}, and the later one was" in warning
    else:  # whoever writes into a folder chooses the names in it
        assert f"is that of an article of {one}{page}, which keeps it" in warning
    assert "note: id" not in fresh.simrec("ingest", one, two).err, "it is known now"
    (note,) = [row for row in fresh.simrec("rejects", "--json").rows if "note: id" in row["reason"]]
    assert note["file"] == f"{two}{page}"


def tables(house: House, statements: list[tuple[str, list[Any]]]) -> None:
    with closing(sqlite3.connect(house.folder / "news.db")) as db, db:
        for table in ("one", "two"):
            db.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (id PRIMARY KEY, text, published_at, at)"
            )
        for statement, rows in statements:
            db.executemany(statement, rows)


QUERY = "url = 'sqlite:///news.db'\nquery = 'SELECT * FROM {table}'\nwatermark = '{watermark}'\n"


def pull(house: House, *names: str, watermark: str = "at", more: str = "") -> Ran:
    sources = [f"[[sources]]\n{QUERY.format(table=name, watermark=watermark)}" for name in names]
    (house.folder / "config.toml").write_text("".join(sources) + more)
    ran = house.step("ingest")
    assert ran.code == 0, ran.err
    return ran


def insert(table: str) -> str:
    return f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)"


@pytest.mark.parametrize("watermark", ["", "at"])
def test_an_id_in_two_queries_is_one_warning(fresh: House, watermark: str) -> None:
    one = [("same", "The words of one.", None, 1), ("a", "Own words.", None, 2)]
    two = [("same", "The words of two.", None, 1), ("b", "Own words.", None, 2)]
    tables(fresh, [(insert("one"), one), (insert("two"), two)])
    ran = pull(fresh, "one", "two", watermark=watermark)
    assert "SELECT * FROM two, line 1: note: id 'same' is also that of another" in ran.err
    assert stored(fresh)["same"]["text"] == "The words of two."
    assert "is also" not in pull(fresh, "one", "two", watermark=watermark).err


def test_an_id_whose_other_row_is_not_read_again_is_named_as_well(fresh: House) -> None:
    one = [("same", "The words of one.", None, 1), ("a", "Own words.", None, 2)]
    tables(fresh, [(insert("one"), one), (insert("two"), [("b", "Own words.", None, 2)])])
    assert "is also" not in pull(fresh, "one", "two").err
    tables(fresh, [(insert("two"), [("same", "The words of two.", None, 3)])])
    ran = pull(fresh, "one", "two")
    assert "news.db, SELECT * FROM one, and the later one was taken" in ran.err
    assert "SELECT * FROM two, line 2: note: id 'same' is also that of another article" in ran.err
    tables(fresh, [(insert("two"), [("same", "Newer words of two.", None, 4)])])
    assert "is also" not in pull(fresh, "one", "two").err


def test_a_bad_value_of_a_query_is_named_once_and_stays_counted(fresh: House) -> None:
    rows = [(f"a{n}", "Words.", "soon" if n == 3 else None, n) for n in range(20)]
    tables(fresh, [(insert("one"), [*rows, ("bad", "", None, 4)])])
    ran = pull(fresh, "one")
    assert "published_at: 'soon' is not a date" in ran.err
    assert "id 'bad': no text in 'text'" in ran.err
    for night in range(2):
        tables(fresh, [(insert("one"), [(f"new{night}", "Words.", None, 30 + night)])])
        ran = pull(fresh, "one")
        assert ("soon" in ran.err, "bad" in ran.err) == (False, False), ran.err
        reasons = [row["reason"] for row in fresh.simrec("rejects", "--json").rows]
        assert len(reasons) == 2, reasons
    # Everything is read again, as after a restored backup: nothing of it is new.
    tables(fresh, [("DELETE FROM one WHERE id = ?", [("new0",), ("new1",)])])
    ran = pull(fresh, "one")
    assert "went back" in ran.err
    assert ("soon" in ran.err, "id 'bad'" in ran.err) == (False, False), ran.err
    tables(
        fresh,
        [(insert("one"), [("a3", "Words.", "2024-05-31", 50), ("bad", "Words.", None, 51)])],
    )
    pull(fresh, "one")
    assert fresh.simrec("rejects", "--json").rows == []


def test_unchanged_files_with_bad_dates_are_quiet_beside_a_query_too(fresh: House) -> None:
    rows = [{"id": f"b{n}", "text": "Words.", "published_at": "31/5/24"} for n in range(9)]
    path = write_jsonl(fresh.folder / "a.jsonl", rows)
    more = f"[[sources]]\npath = '{path}'\n"
    tables(fresh, [(insert("one"), [("a", "Words.", None, 1)])])
    assert "9 values dropped" in pull(fresh, "one", more=more).err
    for night in range(2):
        tables(fresh, [(insert("one"), [(f"new{night}", "Words.", None, 2 + night)])])
        ran = pull(fresh, "one", more=more)
        assert ("dropped" in ran.err, "31/5/24" in ran.err) == (False, False), ran.err
        assert "1 new, 0 changed" in ran.err
        assert len(fresh.simrec("rejects", "--json").rows) == 9
