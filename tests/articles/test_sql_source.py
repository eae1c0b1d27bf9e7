"""Rows come in from databases, all or those since a watermark; none is lost or wrongly deleted."""

import random
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from simrec.articles.sources.sql_source import SqlSource
from simrec.config import Fields
from simrec.config_file import load
from simrec.errors import ConfigError
from tests import postgres
from tests.articles.test_ingest import ROWS, stored, write_jsonl
from tests.conftest import House, Ran, environment, new_house
from tests.postgres import Database

TABLE = (
    "CREATE TABLE news (id text, title text, text text, account text, published_at text, "
    "category text, at timestamp)"
)
QUERY = "SELECT * FROM news"


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with one article, which nothing that fails may change."""
    house = new_house(tmp_path_factory.mktemp("settled"), [{"id": "a", "text": "Words."}])
    assert house.step("ingest").code == 0
    return house


@pytest.fixture
def news(database: Database) -> Database:
    database.run(TABLE)
    return database


def configure(
    house: House, url: str, query: str = QUERY, watermark: str = "at", more: str = ""
) -> None:
    source = f"[[sources]]\nurl = '{url}'\nquery = '''{query}'''\nwatermark = '{watermark}'\n"
    (house.folder / "config.toml").write_text(source + more)


def ingest(house: House, code: int = 0) -> Ran:
    ran = house.step("ingest")
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
    return ran


def insert(news: Database, rows: list[tuple[str, str, int | None]]) -> None:
    """Insert (id, text, minute of the watermark)."""
    at = "timestamp '2024-01-01' + %s * interval '1 minute'"
    statement = f"INSERT INTO news (id, text, at) VALUES (%s, %s, {at})"
    news.run(statement, rows)


def texts(house: House) -> dict[str, str]:
    return {identity: row["text"] for identity, row in stored(house).items()}


def in_database(news: Database) -> dict[str, str]:
    return dict(news.run("SELECT id, text FROM news"))


def rows_read(house: House) -> int:
    return int(house.last_steps()["ingest"]["rows_in"])


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_a_query_gives_the_same_articles_as_a_file(
    fresh: House, request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    values = [
        [row[key] for key in ("id", "text", "account", "published_at", "category")] for row in ROWS
    ]
    columns = "INSERT INTO news (id, text, account, published_at, category) VALUES"
    if kind == "sqlite":
        with closing(sqlite3.connect(fresh.folder / "news.db")) as db, db:
            db.execute(TABLE)
            db.executemany(f"{columns} (?,?,?,?,?)", values)
        configure(fresh, "sqlite:///news.db", watermark="")
    else:
        news = request.getfixturevalue("news")
        news.run(f"{columns} (%s,%s,%s,%s,%s)", values)
        configure(fresh, news.url, watermark="")
    ingest(fresh)
    other = new_house(tmp_path / "other", [])
    other.simrec("ingest", write_jsonl(tmp_path / "a.jsonl", ROWS))
    articles, expected = stored(fresh), stored(other)
    assert len(articles) == 40
    assert [{**row, "source_key": None} for row in articles.values()] == [
        {**row, "source_key": None} for row in expected.values()
    ]


def test_nights_of_pulls_by_watermark_bring_in_what_a_full_pull_would(
    fresh: House, news: Database
) -> None:
    """Rows are written at the watermark's very minute as well, and some have none."""
    rng = random.Random(0)
    configure(fresh, news.url)
    minute, pulled = 0, []
    for night in range(6):
        changed = rng.sample([f"a{n}" for n in range(60)], 20)
        news.run("DELETE FROM news WHERE id = %s", [(identity,) for identity in changed])
        insert(
            news,
            [
                (identity, f"Of night {night}.", rng.choice([minute, minute, None]))
                for identity in changed
            ],
        )
        insert(news, [(f"last{night}", "Words.", minute)])  # so that the newest never goes
        ingest(fresh)
        assert texts(fresh) == in_database(news), f"after night {night}"
        pulled.append(rows_read(fresh))
        minute += rng.randrange(2)
    assert max(pulled[3:]) < len(texts(fresh)), f"not everything is read every night: {pulled}"
    ingest(fresh)
    assert fresh.last_steps()["ingest"]["rows_out"] == 0


def test_a_refused_pull_is_pulled_again(fresh: House, news: Database) -> None:
    """The watermark is stored in the transaction of its rows: rows not taken are read again."""
    insert(news, [("a", "Words.", 0)])
    configure(fresh, news.url, more="[ingest]\nmax_reject_share = 0.0\n")
    ingest(fresh)
    insert(news, [*((f"bad{n}", "", 5) for n in range(11)), ("good", "Words.", 6)])
    ran = ingest(fresh, 7)
    assert "id 'bad0': no text in 'text'" in ran.err
    assert texts(fresh).keys() == {"a"}
    news.run("UPDATE news SET text = 'Mended, but of no newer minute.' WHERE text = ''")
    ingest(fresh)
    assert texts(fresh) == in_database(news)


def test_a_few_bad_rows_do_not_stop_a_pull_of_a_few(fresh: House, news: Database) -> None:
    insert(news, [(f"a{n}", "Words.", 0) for n in range(20)])
    configure(fresh, news.url)
    ingest(fresh)
    insert(
        news, [(None, "No id.", 1), ("b\x07", "A bell in the id.", 1), ("c", "Ding\x07 dong.", 1)]
    )  # type: ignore[list-item]
    ran = ingest(fresh)
    assert "no id in 'id'" in ran.err
    assert "id 'b\\x07' holds a line break or a control character" in ran.err
    assert texts(fresh).keys() == {*(f"a{n}" for n in range(20)), "c"}
    assert texts(fresh)["c"] == "Ding dong."


def test_a_watermark_that_goes_back_is_said_and_everything_is_read_again(
    fresh: House, news: Database
) -> None:
    insert(news, [("a", "Words.", 0), ("b", "Words.", 1), ("c", "Words.", 9)])
    configure(fresh, news.url)
    ingest(fresh)
    news.run("DELETE FROM news WHERE id = 'c'")  # as after a backup was played back
    news.run("UPDATE news SET text = 'As it was before.' WHERE id = 'a'")
    ran = ingest(fresh)
    assert (
        "'at' went back from 2024-01-01 00:09:00 to 2024-01-01 00:01:00, so every row is read again"
        in ran.err
    )
    assert texts(fresh)["a"] == "As it was before."
    insert(news, [("d", "Words.", 2)])
    assert "went back" not in ingest(fresh).err
    assert rows_read(fresh) == 2


def test_another_mapping_reads_everything_again(fresh: House, news: Database) -> None:
    insert(news, [("a", "Words.", 0), ("b", "Words.", 1)])
    configure(fresh, news.url)
    ingest(fresh)
    configure(fresh, news.url, more='fields = { title = "id" }\n')
    ingest(fresh)
    assert {row["title"] for row in stored(fresh).values()} == {"a", "b"}


def test_a_source_that_was_away_is_read_whole_again(fresh: House, news: Database) -> None:
    insert(news, [(f"a{n}", "Words.", n) for n in range(9)])
    write_jsonl(fresh.folder / "articles.jsonl", [{"id": "other", "text": "Words."}])
    sync = "[ingest]\nsync = true\nmax_delete_share = 1.0\n"
    both = f"[[sources]]\npath = 'articles.jsonl'\n{sync}"
    configure(fresh, news.url, more=both)
    ingest(fresh)
    (fresh.folder / "config.toml").write_text(both)
    ingest(fresh)
    assert texts(fresh).keys() == {"other"}
    configure(fresh, news.url, more=both)
    ingest(fresh)
    assert len(texts(fresh)) == 10


def test_sync_deletes_what_is_gone_and_not_what_was_not_pulled(
    fresh: House, news: Database
) -> None:
    insert(news, [(f"a{n}", "Words.", n) for n in range(20)])
    configure(fresh, news.url, more="[ingest]\nsync = true\n")
    ingest(fresh)
    news.run("DELETE FROM news WHERE id IN ('a3', 'a4')")
    insert(news, [("new", "Words.", 30)])
    ran = ingest(fresh)
    assert "1 new, 0 changed, 1 unchanged, 2 deleted" in ran.err
    assert texts(fresh) == in_database(news)


def test_colons_percents_semicolons_and_comments_are_the_querys_own(
    fresh: House, news: Database
) -> None:
    insert(news, [("a", "100% at 12:30 :so", 0), ("b", "Other words.", 0)])
    query = (
        "SELECT id::text, text, at FROM news "
        "WHERE text LIKE '100%' AND text LIKE '%:so'; -- all :of them\n"
    )
    for watermark in ("", "at"):
        configure(fresh, news.url, query.replace(";", ""), watermark)
        ingest(fresh)
        assert texts(fresh).keys() == {"a"}
    configure(fresh, news.url, "SELECT * FROM news ORDER BY id;")
    ingest(fresh)
    ingest(fresh)
    assert texts(fresh).keys() == {"a", "b"}


def test_kinds_that_only_databases_have(fresh: House, news: Database) -> None:
    query = """SELECT 'c2f6a3c0-1111-2222-3333-444455556666'::uuid AS id, 'Words.' AS text,
        extract(epoch FROM timestamptz '2024-05-31 12:00+00') AS published_at,
        12.50 AS account, ARRAY['x', 'y'] AS tags, now() AS at"""
    configure(fresh, news.url, query)
    ingest(fresh)
    ((identity, row),) = stored(fresh).items()
    assert identity == "c2f6a3c0-1111-2222-3333-444455556666"
    assert (row["account"], row["published_at"], row["tags"]) == (
        "12.50",
        "2024-05-31T12:00:00Z",
        '["x", "y"]',
    )


def test_kinds_of_watermarks_are_remembered_as_what_they_are(fresh: House, news: Database) -> None:
    kinds = ["integer", "numeric", "date", "timestamptz", "text", "double precision"]
    values = {"date": "2024-05-%02d", "timestamptz": "2024-05-%02d 12:00:00.123456+02"}
    sources = ""
    for number, kind in enumerate(kinds):
        news.run(f"ALTER TABLE news ADD COLUMN mark{number} {kind}")
        rows = [(f"{kind} {n}", "Words.", values.get(kind, "%d") % n) for n in range(1, 10)]
        news.run(f"INSERT INTO news (id, text, mark{number}) VALUES (%s, %s, %s)", rows)
        query = f"SELECT * FROM news WHERE mark{number} IS NOT NULL"
        sources += (
            f"[[sources]]\nurl = '{news.url}'\nquery = '{query}'\nwatermark = 'mark{number}'\n"
        )
    (fresh.folder / "config.toml").write_text(sources)
    for read in (9, 1):
        ingest(fresh)
        assert rows_read(fresh) == read * len(kinds)


def test_rows_are_fetched_by_and_by(news: Database) -> None:
    """The server says what it is asked: a cursor to fetch from, not all rows at once."""
    query = "SELECT n::text AS id, 'Words.' AS text, n AS at FROM generate_series(1, 2500) n"
    source = SqlSource(news.url, query, "at", Fields())
    (split,) = source.splits(1)
    rows = source.rows(split)
    ids = [next(rows).record["id"]]
    running = "SELECT left(query, 40) FROM pg_stat_activity WHERE datname = current_database()"
    assert "FETCH FORWARD" in str(news.run(running))
    ids += [row.record["id"] for row in rows]
    assert ids == [str(number) for number in range(1, 2501)]


@pytest.mark.parametrize(
    ("url", "query", "watermark", "says"),
    [
        (
            "postgresql://postgres:{secret}@127.0.0.1:1/news",
            QUERY,
            "",
            "127.0.0.1:1/news: connection failed",
        ),
        (
            "postgresql://nobody:{secret}@127.0.0.1:{port}/{name}",
            QUERY,
            "",
            'authentication failed for user "nobody"',
        ),
        (
            "{url}",
            "SELECT title FROM news",
            "",
            "no column 'id' to take the id from; the columns are title",
        ),
        ("{url}", QUERY, "changed", "no column 'changed' for a watermark among id, title, text"),
        ("{url}", "SELECT * FROM nowhere", "", 'relation "nowhere" does not exist'),
        ("{url}", "SELEC", "at", "syntax error"),
        (
            "{url}",
            "SELECT id, text, '{{}}'::json AS at FROM news",
            "at",
            "function max(json) does not exist",
        ),
        (
            "oracel://u:{secret}@h/d",
            QUERY,
            "",
            "oracel://h/d: no such kind of database; postgresql, mysql and sqlite",
        ),
        (
            "mssql+pyodbc://u:{secret}@h/d",
            QUERY,
            "",
            "mssql://h/d: its driver is not installed: pip install pyodbc",
        ),
        ("postgresql//u:{secret}@h", QUERY, "", "is no URL of a database"),
        ("postgresql://u:{secret}@h:port/d", QUERY, "", "is no URL of a database"),
        ("sqlite:///nowhere.db", QUERY, "", "nowhere.db: no such file"),
        (
            "$SIMREC_NOWHERE",
            QUERY,
            "",
            "$SIMREC_NOWHERE, which a url of the configuration names, is not set",
        ),
    ],
)
def test_what_a_database_refuses_is_one_sentence_and_nothing_changes(
    settled: House, news: Database, url: str, query: str, watermark: str, says: str
) -> None:
    insert(news, [("b", "Other words.", 0)])
    secret = quote(postgres.PASSWORD, safe="")
    url = url.format(url=news.url, port=news.port, name=news.name, secret=secret)
    configure(settled, url, query.format(), watermark, "[ingest]\nsync = true\n")
    ran = ingest(settled, 3)
    errors = [line for line in ran.err.splitlines() if "differs from the configuration" not in line]
    assert (says in ran.err, len(errors)) == (True, 1), ran.err
    journal = (settled.workspace / "journal.jsonl").read_text()
    assert not [word for word in (postgres.PASSWORD, secret) if word in ran.err + ran.out + journal]
    assert texts(settled) == {"a": "Words."}


def test_a_url_or_its_password_comes_from_the_environment(
    fresh: House, news: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(news, [("a", "Words.", 0)])
    monkeypatch.setenv("NEWS_URL", news.url)
    monkeypatch.setenv("NEWS_PASSWORD", postgres.PASSWORD)
    assert environment()["NEWS_URL"] == news.url
    for url in (
        "$NEWS_URL",
        f"postgresql://postgres:$NEWS_PASSWORD@127.0.0.1:{news.port}/{news.name}",
    ):
        configure(fresh, url)
        ingest(fresh)
        assert texts(fresh) == {"a": "Words."}


def test_without_the_extra_a_database_is_one_sentence(fresh: House) -> None:
    configure(fresh, "sqlite:///news.db")
    ran = fresh.job(before="sys.modules['sqlalchemy'] = None")
    assert (ran.code, ran.err.splitlines()[-1]) == (
        3,
        "simrec: reading from a database needs packages that are not installed: "
        "pip install 'simrec[sql]'",
    )


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("path = 'a'\nurl = 'b'\nquery = 'c'", "a source has either a path or a url"),
        ("format = 'csv'", "a source has either a path or a url"),
        ("url = 'b'", "url and query go together"),
        ("path = 'a'\nwatermark = 'at'", "a watermark is a column of the query"),
        (
            "url = 'b'\nquery = 'c'\nwatermrk = 'at'",
            "unknown key 'watermrk' in [sources[0]]; did you mean 'watermark'?",
        ),
    ],
)
def test_a_source_is_files_or_a_query(tmp_path: Path, source: str, says: str) -> None:
    (tmp_path / "config.toml").write_text(f"[[sources]]\n{source}\n")
    with pytest.raises(ConfigError, match=re.escape(says)):
        load(tmp_path / "config.toml")
