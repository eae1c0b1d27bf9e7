"""A source that cannot be read does not stop a night, loses nothing, and is named everywhere."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.articles.test_ingest import stored
from tests.conftest import House

DATABASE = "url = 'sqlite:///news.db'\nquery = 'SELECT * FROM news'\nwatermark = 'at'\n"
SOURCES = f"[[sources]]\n{DATABASE}[[sources]]\npath = 'pages'\n[[sources]]\npath = 'paper.rss'\n"
INGEST = "[ingest]\nsync = true\n[monitor]\nprometheus = 'simrec.prom'\n"
FEED = (
    "<rss version='2.0'><channel><title>Paper</title><link>https://paper.example/</link>"
    "<item><guid>https://paper.example/1</guid><title>Of a feed</title>"
    "<description>Some words of a feed.</description></item></channel></rss>"
)
OF_OTHERS = {"row", "post.md", "https://paper.example/1"}
NEW = {"id": "new", "text": "A new article about the budget of the coming year."}


def write_sources(house: House) -> None:
    with closing(sqlite3.connect(house.folder / "news.db")) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS news (id, text, at)")
        db.execute("DELETE FROM news")
        db.execute("INSERT INTO news VALUES ('row', 'Words of a database.', 7)")
    (house.folder / "pages").mkdir()
    (house.folder / "pages" / "post.md").write_text("Words of a page.")
    (house.folder / "paper.rss").write_text(FEED)


def break_sources(house: House) -> None:
    (house.folder / "news.db").write_bytes(b"this is no database, " * 1_000)
    (house.folder / "pages").rename(house.folder / "elsewhere")
    (house.folder / "paper.rss").write_text("<html><body>502 Bad Gateway</body></html>")


def marks(house: House) -> dict[str, str]:
    with closing(sqlite3.connect(house.workspace / "articles.db")) as db:
        return dict(db.execute("SELECT source, mark FROM marks"))


def test_the_others_go_on_and_the_night_publishes(house: House) -> None:
    write_sources(house)
    house.configure(SOURCES + INGEST)
    assert house.job().code == 0
    cursors = marks(house)
    assert list(cursors.values()) == ["int 7"]

    break_sources(house)
    before = house.current
    gone = house.articles[0]["id"]
    house.write_articles([*house.articles[1:], NEW])
    ran = house.job()
    assert (ran.code, "Traceback" in ran.err) == (3, False), ran.err
    assert house.current != before
    articles = stored(house).keys()
    assert articles >= OF_OTHERS | {"new"}
    assert gone not in articles, "a source that was read whole has it no more"
    assert marks(house) == cursors

    (error,) = [line for line in ran.err.splitlines() if line.startswith("simrec: ")]
    named = ran.err[ran.err.index(error) :].splitlines()
    assert named == [
        "simrec: pages: no such file or folder".replace("pages", str(house.folder / "pages")),
        f"sqlite:///{house.folder}/news.db: file is not a database",
        f"{house.folder}/paper.rss, line 1: not RSS or Atom (it is XML with the root <html>)",
        "3 of 4 sources could not be read; their articles stay as they were, and the other sources "
        "came in. Mend them and run the same command",
    ]
    last = house.journal()[-1]
    assert (last["exit_code"], last["error"].splitlines()[0]) == (3, named[0][8:])
    assert [step["state"] for step in last["steps"]][:6] == ["done"] * 6
    assert "3 of 4 sources not read" in last["steps"][0]["what"]
    (status,) = house.simrec("status", "--json").rows
    assert status["last_error"] == named[0][8:]
    assert set(status["failed_sources"].split("; ")) == {named[0][8:], *named[1:3]}
    assert "simrec_failed_sources 3.0" in (house.folder / "simrec.prom").read_text()

    ran = house.job()
    assert ran.code == 3, "it is named every night until it is mended"
    assert len(house.simrec("rejects", "--json").rows) == 3

    (house.folder / "news.db").unlink()
    (house.folder / "elsewhere").rename(house.folder / "pages")
    (house.folder / "pages" / "post.md").unlink()
    (house.folder / "pages" / "other.md").write_text("Words of another page.")
    (house.folder / "paper.rss").write_text(FEED)
    (house.folder / "news.db").touch()
    with closing(sqlite3.connect(house.folder / "news.db")) as db, db:
        db.execute("CREATE TABLE news (id, text, at)")
        db.execute("INSERT INTO news VALUES ('row', 'Words of a database.', 7)")
        db.execute("INSERT INTO news VALUES ('later', 'Later words of a database.', 8)")
    ran = house.job()
    assert ran.code == 0, ran.err
    assert OF_OTHERS - stored(house).keys() == {"post.md"}
    assert stored(house).keys() >= {"later", "other.md"}
    assert "failed_sources" not in house.simrec("status", "--json").rows[0]
    assert "simrec_failed_sources 0.0" in (house.folder / "simrec.prom").read_text()


@pytest.mark.parametrize(("most", "others"), [(2, True), (99, False)])
def test_more_than_allowed_or_all_of_them_stop_it_before_anything_changes(
    empty_house: object, most: int, others: bool
) -> None:
    house: House = empty_house([{"id": "a", "text": "Words."}])  # type: ignore[operator]
    write_sources(house)
    limit = f"max_failed_sources = {most}\n"
    house.configure(SOURCES + INGEST.replace("[monitor]", f"{limit}[monitor]"))
    assert house.step("ingest").code == 0
    before = stored(house)
    break_sources(house)
    house.write_articles([{"id": "b", "text": "Other words."}])
    if not others:
        (house.folder / "articles.jsonl").unlink()
    ran = house.job()
    why = "more than ingest.max_failed_sources = 2 allows" if others else "all of them"
    says = f"{3 if others else 4} of 4 sources cannot be read, {why}; no article was changed"
    assert (ran.code, says in ran.err) == (3, True), ran.err
    assert stored(house) == before
    assert [step["state"] for step in house.journal()[-1]["steps"]] == ["failed"]


def test_a_damaged_file_is_read_as_far_as_it_goes_and_ends_the_night_with_its_code(
    house: House,
) -> None:
    whole = house.articles
    (house.folder / "more.json").write_text(json.dumps([NEW, {"id": "cut", "text": "Words."}]))
    house.configure("[[sources]]\npath = 'more.json'\n[ingest]\nsync = true\n")
    assert house.step("ingest").code == 0
    before = house.current
    more = Path(house.folder / "more.json")
    more.write_text(more.read_text().replace("new article", "changed article")[:-20])
    house.write_articles(whole[1:])
    ran = house.job()
    assert (ran.code, "more.json, line 1: not JSON" in ran.err) == (7, True), ran.err
    assert house.current != before
    articles = stored(house)
    assert articles["new"]["text"].startswith("A changed article")
    assert "cut" in articles, "what was cut off is not deleted"
    assert whole[0]["id"] not in articles
