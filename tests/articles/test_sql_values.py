"""Values of databases that Python cannot hold cost themselves or their row, and nothing else."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.articles.test_ingest import stored
from tests.articles.test_sql_source import configure, ingest, rows_read
from tests.conftest import House
from tests.mariadb import MariaDb
from tests.postgres import Database

QUERY = "SELECT id, body AS text, published_at FROM posts"
ANY_SHARE = "[ingest]\nmax_reject_share = 1.0\n"
CHANGED = "SELECT id, body AS text, at FROM posts"


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def write_sqlite(house: House, statement: str, rows: list[tuple[Any, ...]]) -> None:
    with closing(sqlite3.connect(house.folder / "news.db")) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS posts (id, body text, author text, at text)")
        db.executemany(statement, rows)


def dates(house: House) -> dict[str, str | None]:
    return {article_id: row["published_at"] for article_id, row in stored(house).items()}


def thirty_posts(news: Database) -> None:
    news.run("CREATE TABLE posts (id int, body text, published_at timestamptz, at timestamp)")
    news.run(
        "INSERT INTO posts SELECT n, 'The tide of day ' || n, "
        "timestamptz '2024-05-01 12:00+00' + n * interval '1 day', "
        "timestamp '2024-05-01' + n * interval '1 minute' FROM generate_series(1, 30) n"
    )


BEYOND_PYTHON = ["infinity", "-infinity", "0044-03-15 12:00:00 BC", "12024-05-31 12:00:00"]


@pytest.mark.parametrize("value", BEYOND_PYTHON)
@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_a_date_that_python_cannot_hold_costs_itself(
    fresh: House, database: Database, kind: str, value: str
) -> None:
    thirty_posts(database)
    database.run(f"ALTER TABLE posts ALTER COLUMN published_at TYPE {kind}")
    database.run(f"UPDATE posts SET published_at = '{value}' WHERE id = 5")
    configure(fresh, database.url, QUERY, "")
    ran = ingest(fresh)
    assert "kept without published_at: " in ran.err
    assert "(id '5')" in ran.err
    found = dates(fresh)
    assert (len(found), found["5"]) == (30, None)
    midday = "" if kind == "date" else "T12:00:00Z"
    assert [found["4"], found["30"]] == [f"2024-05-05{midday}", f"2024-05-31{midday}"]


def test_ranges_lists_and_times_that_python_cannot_hold_cost_nothing(
    fresh: House, database: Database
) -> None:
    thirty_posts(database)
    query = """SELECT id, body AS text, daterange('2024-01-01', 'infinity') AS shown,
        ARRAY['infinity'::date] AS days, time '24:00' AS closes, timetz '24:00:00+00' AS opens,
        interval '-178000000 years' AS age, 'NaN'::numeric AS grade FROM posts"""
    configure(fresh, database.url, query, "")
    ingest(fresh)
    assert len(stored(fresh)) == 30


def test_bytes_that_are_no_utf8_cost_their_row(fresh: House) -> None:
    rows = [(n, f"The tide of day {n} is high.") for n in range(1, 31)]
    write_sqlite(fresh, "INSERT INTO posts (id, body) VALUES (?, ?)", rows)
    latin = "Café brisé".encode("latin-1")
    update = "UPDATE posts SET body = CAST(? AS text), author = 'Zoë' WHERE id = 7"
    write_sqlite(fresh, update, [(latin,)])
    update = "UPDATE posts SET author = CAST(? AS text) WHERE id = 8"
    write_sqlite(fresh, update, [(latin,)])
    query = "SELECT id, body AS text, author AS account FROM posts"
    configure(fresh, "sqlite:///news.db", query, "")
    ran = ingest(fresh)
    assert "id '7': " in ran.err
    assert "not valid UTF-8" in ran.err
    assert "account: not valid UTF-8 (id '8')" in ran.err
    found = stored(fresh)
    assert found.keys() == {str(n) for n in range(1, 31)} - {"7"}
    assert (found["8"]["text"], found["8"]["account"]) == ("The tide of day 8 is high.", None)


def test_text_in_a_blob_is_text(fresh: House) -> None:
    rows = [("a", "Café brisé".encode()), ("b", b"Caf\xe9"), (b"c", b"Words.")]
    write_sqlite(fresh, "INSERT INTO posts (id, body) VALUES (?, ?)", rows)
    configure(fresh, "sqlite:///news.db", "SELECT id, body AS text FROM posts", "", ANY_SHARE)
    assert "id 'b': " in ingest(fresh).err
    assert {key: row["text"] for key, row in stored(fresh).items()} == {
        "a": "Café brisé",
        "c": "Words.",
    }


def test_a_database_without_an_encoding_is_read_as_utf8(fresh: House, database: Database) -> None:
    name = f"{database.name}_ascii"
    database.run(
        f"CREATE DATABASE {name} ENCODING SQL_ASCII TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    ascii_database = Database(database.port, name)
    ascii_database.run("CREATE TABLE posts (id text, body text)")
    ascii_database.run("INSERT INTO posts VALUES ('a', E'Caf\\xc3\\xa9'), ('b', E'Caf\\xe9')")
    configure(fresh, ascii_database.url, "SELECT id, body AS text FROM posts", "", ANY_SHARE)
    assert "id 'b': " in ingest(fresh).err
    assert {key: row["text"] for key, row in stored(fresh).items()} == {"a": "Café"}


def test_zero_dates_of_mariadb_cost_themselves(fresh: House, maria: MariaDb) -> None:
    maria.run(
        "CREATE TABLE posts (id int, body text, published_at datetime, day date, "
        "at timestamp NULL, image blob) CHARACTER SET utf8mb4"
    )
    moments = ["2024-05-31 12:00:00", "0000-00-00 00:00:00", "2024-00-00 00:00:00", None]
    rows = [(n, f"Café {n} 你好 🌍", moment, b"\xff\xd8") for n, moment in enumerate(moments)]
    maria.run("INSERT INTO posts (id, body, published_at, image) VALUES (%s, %s, %s, %s)", rows)
    query = "SELECT id, body AS text, published_at, image, time '838:59:59' AS closes FROM posts"
    configure(fresh, maria.url, query, "")
    ran = ingest(fresh)
    assert dates(fresh) == {"0": "2024-05-31T12:00:00Z", "1": None, "2": None, "3": None}
    assert stored(fresh)["2"]["text"] == "Café 2 你好 🌍"
    assert "'0000-00-00 00:00:00' names no day that exists" in ran.err


def test_nights_of_pulls_from_mariadb_by_watermark(fresh: House, maria: MariaDb) -> None:
    maria.run("CREATE TABLE posts (id varchar(20), body text, at datetime(6))")
    maria.run("INSERT INTO posts VALUES ('zero', 'At 12:30 :so 100%', '0000-00-00')")
    insert = "INSERT INTO posts VALUES (%s, %s, %s)"
    maria.run(
        insert, [(f"a{n}", f"Words {n}.", f"2024-05-{n:02d} 12:00:00.5") for n in range(1, 10)]
    )
    query = (
        "SELECT id, body AS text, at FROM posts WHERE body LIKE '%:so%' OR body LIKE 'W%'; -- all"
    )
    configure(fresh, maria.url, query.replace(";", ""), more="[ingest]\nsync = true\n")
    ingest(fresh)
    assert len(stored(fresh)) == 10
    maria.run(insert, [("b", "Words.", "2024-05-09 12:00:00.6")])
    maria.run("DELETE FROM posts WHERE id = 'a2'")
    ingest(fresh)
    assert rows_read(fresh) == 2
    assert stored(fresh).keys() == {"zero", "b", "a1", *(f"a{n}" for n in range(3, 10))}


FUTURE = {
    "timestamp": ("2099-01-01 00:00:00", "2099-01-01 00:00:00"),
    "timestamptz": ("2099-01-01 00:00:00+00", "2099-01-01 00:00:00+00:00"),
    "date": ("2099-01-01", "2099-01-01"),
    "text": ("2099-01-01T00:00:00", "2099-01-01T00:00:00"),
    "timestamp without end": ("infinity", "infinity"),
}


@pytest.mark.parametrize("kind", FUTURE)
def test_a_watermark_in_the_future_is_named_once_and_nothing_after_it_is_missed(
    fresh: House, database: Database, kind: str
) -> None:
    value, shown = FUTURE[kind]
    database.run(f"CREATE TABLE posts (id text, body text, at {kind.partition(' ')[0]})")
    insert = "INSERT INTO posts VALUES (%s, 'Words.', %s)"
    database.run(insert, [(f"a{n}", f"2024-05-{n:02d}") for n in range(1, 6)])
    database.run(insert, [("typo", value)])
    configure(fresh, database.url, CHANGED)
    assert f"'at' reaches {shown}, which is in the future" in ingest(fresh).err
    database.run(insert, [("b", "2024-05-06")])
    assert "future" not in ingest(fresh).err
    assert (rows_read(fresh), len(stored(fresh))) == (3, 7)
    database.run("UPDATE posts SET at = '2024-05-07' WHERE id = 'typo'")
    assert "warning" not in ingest(fresh).err
    assert rows_read(fresh) == 2


def test_a_watermark_of_this_hour_is_no_future(fresh: House) -> None:
    local = datetime.now(UTC) + timedelta(hours=13)  # a clock in Auckland
    rows = [("a", local.strftime("%Y-%m-%d %H:%M:%S"))]
    write_sqlite(fresh, "INSERT INTO posts (id, body, at) VALUES (?, 'Words.', ?)", rows)
    configure(fresh, "sqlite:///news.db", CHANGED)
    assert "future" not in ingest(fresh).err


def test_a_text_watermark_of_sqlite_in_the_future(fresh: House) -> None:
    insert = "INSERT INTO posts (id, body, at) VALUES (?, 'Words.', ?)"
    write_sqlite(fresh, insert, [("a", "2024-05-01 12:00:00"), ("b", "2099-01-01 12:00:00")])
    configure(fresh, "sqlite:///news.db", CHANGED)
    assert "reaches 2099-01-01 12:00:00, which is in the future" in ingest(fresh).err
    write_sqlite(fresh, insert, [("c", "2024-05-02 12:00:00")])
    ingest(fresh)
    assert stored(fresh).keys() == {"a", "b", "c"}


def make_posts_of_numbers(house: House) -> None:
    with closing(sqlite3.connect(house.folder / "news.db")) as db, db:
        db.execute("CREATE TABLE posts (id, body text, author text, at numeric)")


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 0.9375])
def test_a_number_of_seconds_in_the_future_is_named_once(fresh: House, unit: float) -> None:
    insert = "INSERT INTO posts (id, body, at) VALUES (?, 'Words.', ?)"
    day = 86_400 * unit
    may = 1_717_156_801 * unit
    typo = 17_171_568_001 * unit  # a digit too much
    make_posts_of_numbers(fresh)
    write_sqlite(fresh, insert, [("a", may), ("b", may + day), ("typo", typo)])
    configure(fresh, "sqlite:///news.db", CHANGED)
    assert f"'at' reaches {typo}, which is in the future" in ingest(fresh).err
    write_sqlite(fresh, insert, [("c", may + 2 * day)])
    assert "future" not in ingest(fresh).err
    assert (rows_read(fresh), stored(fresh).keys()) == (3, {"a", "b", "c", "typo"})


@pytest.mark.parametrize(
    "numbers",
    [
        [1, 2, 3_000_000_000],  # as of a counter of which a part is in use
        [*range(int(datetime.now(UTC).timestamp()) - 5, 2_100_000_000, 50_000)],
    ],
)
def test_a_counter_is_no_clock_however_large_it_is(fresh: House, numbers: list[int]) -> None:
    insert = "INSERT INTO posts (id, body, at) VALUES (?, 'Words.', ?)"
    make_posts_of_numbers(fresh)
    write_sqlite(fresh, insert, [(f"a{number}", number) for number in numbers])
    configure(fresh, "sqlite:///news.db", CHANGED)
    assert "future" not in ingest(fresh).err
    ingest(fresh)
    assert rows_read(fresh) == 1


@pytest.mark.parametrize("value", ["Infinity", "NaN"])
@pytest.mark.parametrize("kind", ["double precision", "numeric"])
def test_a_watermark_that_is_no_finite_number_hides_nothing(
    fresh: House, database: Database, kind: str, value: str
) -> None:
    database.run(f"CREATE TABLE posts (id text, body text, at {kind})")
    insert = "INSERT INTO posts VALUES (%s, 'Words.', %s)"
    database.run(insert, [("a", "1"), ("b", "2"), ("typo", value)])
    configure(fresh, database.url, CHANGED)
    assert f"'at' reaches {value.lower()[:3]}" in ingest(fresh).err.lower()
    database.run(insert, [("c", "3")])
    ingest(fresh)
    assert (rows_read(fresh), stored(fresh).keys()) == (3, {"a", "b", "c", "typo"})


DELETE = "DELETE FROM posts RETURNING id, body AS text, at"


@pytest.mark.parametrize("watermark", ["", "at"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_query_that_changes_something_is_refused(
    fresh: House, request: pytest.FixtureRequest, kind: str, watermark: str
) -> None:
    url, count = posts_in(fresh, request, kind)
    for query in (DELETE, f"-- all\n/* of; them */ {DELETE.lower()}", "DROP TABLE posts"):
        configure(fresh, url, query, watermark)
        ran = ingest(fresh, 3)
        assert "a query may only read, and this one begins with D" in ran.err
    assert count() == 1


def posts_in(
    house: House, request: pytest.FixtureRequest, kind: str
) -> tuple[str, Callable[[], int]]:
    """Return the URL of a database with one post, and what counts its posts."""
    if kind == "sqlite":
        write_sqlite(house, "INSERT INTO posts (id, body, at) VALUES (?, ?, ?)", [("a", "W", "1")])

        def in_sqlite() -> int:
            with closing(sqlite3.connect(house.folder / "news.db")) as db:
                return int(db.execute("SELECT count(*) FROM posts").fetchone()[0])

        return "sqlite:///news.db", in_sqlite
    server = request.getfixturevalue("database" if kind == "postgresql" else "maria")
    server.run("CREATE TABLE posts (id varchar(20), body text, at int)")
    server.run("INSERT INTO posts VALUES (%s, %s, %s)", [("a", "W", 1)])
    return server.url, lambda: int(server.run("SELECT count(*) FROM posts")[0][0])


HIDDEN = {
    "sqlite": ("WITH one AS (SELECT 1) DELETE FROM posts RETURNING id", "not authorized"),
    "postgresql": ("SELECT forget() AS id, 'Words.' AS text", "in a read-only transaction"),
    "mariadb": ("SELECT forget() AS id, 'Words.' AS text", "READ ONLY transaction"),
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_a_change_inside_a_query_is_refused_by_the_database(
    fresh: House, request: pytest.FixtureRequest, kind: str
) -> None:
    url, count = posts_in(fresh, request, kind)
    if kind == "postgresql":
        request.getfixturevalue("database").run(
            "CREATE FUNCTION forget() RETURNS text LANGUAGE sql AS 'DELETE FROM posts RETURNING id'"
        )
    if kind == "mariadb":
        request.getfixturevalue("maria").run(
            "CREATE FUNCTION forget() RETURNS text MODIFIES SQL DATA "
            "BEGIN DELETE FROM posts; RETURN 'a'; END"
        )
    query, says = HIDDEN[kind]
    configure(fresh, url, query, "")
    assert says in ingest(fresh, 3).err
    assert count() == 1


def test_a_wrong_password_of_mariadb_is_one_sentence(fresh: House, maria: MariaDb) -> None:
    url = maria.url.replace("root@", "root:sesame@")
    configure(fresh, url, QUERY, "")
    err = ingest(fresh, 3).err
    assert f"/{maria.name}: Access denied for user 'root'@'" in err
    assert "sesame" not in err
