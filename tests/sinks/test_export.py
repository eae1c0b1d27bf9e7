"""A sink holds what the release holds, whole or not at all; only rows that differ are written."""

import csv
import json
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from tests.conftest import House, Ran, run, speeches
from tests.mariadb import MariaDb
from tests.postgres import Database
from tests.sinks.in_process import in_process

TABLES = ("similar_articles", "similar_accounts")
NEW = {
    "id": "=new",
    "text": speeches()[7]["text"] + " And much more of it.",
    "account": "@Somebody",
}
KILL = "os.kill(os.getpid(), 9)"
DEEDS = ("INSERT", "UPDATE", "DELETE")

Rows = list[tuple[Any, ...]]


def kill_at_rename(name: str) -> str:
    """Python that kills its process before a file gets this name."""
    return (
        "def kill(event, arguments):\n"
        f"    if event == 'os.rename' and str(arguments[1]).endswith({name!r}):\n"
        f"        {KILL}\n"
        "sys.addaudithook(kill)"
    )


def limit_at_open(name: str, size: int) -> str:
    """Python that limits the size of files once a file is opened whose path has this name in it."""
    return (
        "import resource\n"
        "def limit(event, arguments):\n"
        f"    if event == 'open' and {name!r} in str(arguments[0]):\n"
        f"        resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, resource.RLIM_INFINITY))\n"
        "sys.addaudithook(limit)"
    )


def path_of(house: House, table: str) -> Path:
    return house.workspace / "releases" / house.current / f"{table}.parquet"


def released(house: House, table: str) -> Rows:
    """The rows of a table of the current release, scores rounded to six decimals."""
    rows = []
    for row in parquet.read_table(path_of(house, table)).to_pylist():
        if "score" in row:
            row["score"] = round(row["score"], 6)
        rows.append(tuple(row.values()))
    return rows


def columns(house: House, table: str) -> list[str]:
    return list(parquet.read_schema(path_of(house, table)).names)


def select(house: House, table: str) -> str:
    quoted = ", ".join(f'"{column}"' for column in columns(house, table))
    return f"SELECT {quoted} FROM {table} ORDER BY 1, 2"


def in_postgres(house: House, database: Database, table: str) -> Rows:
    return database.run(select(house, table))


def in_sqlite(house: House, table: str) -> Rows:
    with closing(sqlite3.connect(house.folder / "site.db")) as db:
        return db.execute(select(house, table)).fetchall()


def in_jsonl(path: Path) -> Rows:
    return [tuple(json.loads(line).values()) for line in path.read_text().splitlines()]


def in_csv(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def as_csv(house: House, table: str) -> list[list[str]]:
    lines = [columns(house, table)]
    for row in released(house, table):
        cells = [str(value) for value in row]
        lines.append([f"'{cell}" if cell.startswith(("=", "@")) else cell for cell in cells])
    return lines


def configure(house: House, *sinks: str) -> None:
    house.configure("".join(f"[[sinks]]\n{sink}\n" for sink in sinks))


def export(house: House, code: int = 0, before: str = "") -> Ran:
    """Run `simrec export`; `before` is Python that runs first in a process of its own."""
    config = house.folder / "config.toml"
    arguments = ["simrec", "export", "-c", str(config), "-w", str(house.workspace), "-v"]
    if not before:
        return checked(in_process(*arguments[1:]), code)
    code_lines = [
        "import os, sys",
        f"sys.argv = {arguments!r}",
        before,
        "from simrec.cli import main",
        "main()",
    ]
    return checked(run("-c", "\n".join(code_lines)), code)


def checked(ran: Ran, code: int) -> Ran:
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
    return ran


@pytest.fixture(scope="module")
def two_releases(published: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with two releases, of which the older is current.

    The newer one has a changed article, a new one, and lacks one.
    """
    house = House(tmp_path_factory.mktemp("two") / "house")
    shutil.copytree(published.folder, house.folder)
    house.configure("[ingest]\nsync = true\n")
    first, _, *others = house.articles
    house.write_articles([{**first, "text": first["text"] + " Again."}, *others, NEW])
    ran = house.job()
    assert ran.code == 0, ran.err
    assert house.simrec("rollback").code == 0
    return house


@pytest.fixture
def house(two_releases: House, tmp_path: Path) -> House:
    """A copy of the house with two releases, to be changed."""
    shutil.copytree(two_releases.folder, tmp_path / "house")
    return House(tmp_path / "house")


def advance(house: House) -> None:
    """Make the other release the current one."""
    workspace = ("-w", house.workspace)
    releases = {row["release"] for row in in_process("releases", "--json", *workspace).rows}
    (other,) = releases - {house.current}
    assert in_process("rollback", other, *workspace).code == 0


def holds_the_release(house: House, database: Database) -> None:
    for table in TABLES:
        assert in_postgres(house, database, table) == released(house, table)
    assert database.run(
        "SELECT table_name, release_id, row_count FROM simrec_release ORDER BY 1"
    ) == [(table, house.current, len(released(house, table))) for table in sorted(TABLES)]


def test_every_sink_holds_what_the_release_holds(house: House, database: Database) -> None:
    sinks = [f"path = '{form}'\nformat = '{form}'" for form in ("jsonl", "csv", "parquet")]
    configure(house, *sinks, "url = 'sqlite:///site.db'", f"url = '{database.url}'")
    export(house)
    for table in TABLES:
        expected = released(house, table)
        assert len(expected) > 20
        assert in_jsonl(house.folder / "jsonl" / f"{table}.jsonl") == expected
        assert in_csv(house.folder / "csv" / f"{table}.csv") == as_csv(house, table)
        assert in_sqlite(house, table) == expected
        path = house.workspace / "releases" / house.current / f"{table}.parquet"
        assert (house.folder / "parquet" / f"{table}.parquet").read_bytes() == path.read_bytes()
    holds_the_release(house, database)
    record = json.loads((house.folder / "csv" / "release.json").read_text())
    assert (record["release_id"], list(record["files"])) == (
        house.current,
        [f"{table}.csv" for table in TABLES],
    )
    assert "5 sinks hold" in export(house).err
    assert house.last_steps()["export"]["state"] == "skipped", "they hold it already"


def test_a_night_changes_only_the_rows_that_differ(house: House, database: Database) -> None:
    """A trigger counts the changes of the database; the expected counts come from the releases."""
    configure(house, f"url = '{database.url}'")
    export(house)
    before = {table: released(house, table) for table in TABLES}
    database.run("CREATE TABLE audit (name text, deed text)")
    database.run(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO audit VALUES (TG_TABLE_NAME, TG_OP); RETURN NULL; END'"
    )
    for table in TABLES:
        database.run(
            f"CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION note()"
        )
    advance(house)
    ran = export(house)
    holds_the_release(house, database)
    counted = {
        tuple(row[:2]): row[2]
        for row in database.run("SELECT name, deed, count(*) FROM audit GROUP BY 1, 2")
    }
    for table in TABLES:
        was, now = (
            {row[:2]: row for row in rows} for rows in (before[table], released(house, table))
        )
        assert (counted.get((table, "INSERT"), 0), counted.get((table, "DELETE"), 0)) == (
            len(now.keys() - was.keys()), len(was.keys() - now.keys()),
        )  # fmt: skip
        assert counted.get((table, "UPDATE"), 0) == len(
            [key for key in was.keys() & now.keys() if was[key] != now[key]]
        )
    assert 0 < counted["similar_articles", "UPDATE"] < len(before["similar_articles"]) / 2
    added, changed, removed = (
        sum(n for (_, did), n in counted.items() if did == deed) for deed in DEEDS
    )
    assert f"{added:,} rows added, {changed:,} changed, {removed:,} removed" in ran.err


MIDWAY = """
from simrec.sinks.database_sink import DatabaseWriter; bring = DatabaseWriter.bring
def midway(*what):
    due = bring(*what)
    {deed}
    return due
DatabaseWriter.bring = midway
"""


@pytest.mark.parametrize("first", [True, False])
def test_killed_midway_the_database_holds_the_old_release_and_the_next_run_the_new(
    house: House, database: Database, first: bool
) -> None:
    configure(house, f"url = '{database.url}'")
    if not first:
        export(house)
    held = None if first else [in_postgres(house, database, table) for table in TABLES]
    advance(house)
    export(house, -signal.SIGKILL, before=MIDWAY.format(deed=KILL))
    if first:
        assert not database.run("SELECT * FROM pg_tables WHERE schemaname = 'public'")
    else:
        assert [in_postgres(house, database, table) for table in TABLES] == held
    export(house)
    holds_the_release(house, database)


def test_killed_after_the_last_row_nothing_is_written_twice(
    house: House, database: Database
) -> None:
    configure(house, f"url = '{database.url}'")
    export(
        house,
        -signal.SIGKILL,
        "import simrec.sinks.database_sink as sink\nwrite = sink.write\n"
        f"sink.write = lambda *arguments: (write(*arguments), {KILL})",
    )
    holds_the_release(house, database)
    export(house)
    assert house.last_steps()["export"]["state"] == "skipped"
    holds_the_release(house, database)


@pytest.mark.parametrize("known", [True, False])
def test_a_reader_sees_the_old_release_until_it_sees_the_new(
    house: House, database: Database, known: bool
) -> None:
    configure(house, f"url = '{database.url}'")
    export(house)
    if not known:
        database.run("UPDATE simrec_release SET release_id = '../../elsewhere'")
    read = (
        "SELECT (SELECT count(*) FROM similar_articles), (SELECT sum(score) FROM similar_articles)"
    )
    spy = f"import psycopg\n    with psycopg.connect('{database.url}') as c:\n"
    spy += f"        print('SEEN', c.execute('{read}').fetchone())"
    seen = str(database.run(read)[0])
    advance(house)
    assert export(house, before=MIDWAY.format(deed=spy)).out == f"SEEN {seen}\n" * 2
    assert str(database.run(read)[0]) != seen
    holds_the_release(house, database)


TAMPERED = {
    "rows gone": "DELETE FROM similar_articles WHERE rank > 2",
    "other rows": "UPDATE similar_articles SET rank = rank + 100",
    "a row in the way": (
        "UPDATE similar_articles SET article = '=new', rank = 1 "
        "WHERE article = '{0}' AND rank = {1}"
    ),
    "a row gone that stays": "DELETE FROM similar_articles WHERE article = '{0}' AND rank = {1}",
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_others_changed_is_written_anew(house: House, database: Database, what: str) -> None:
    configure(house, f"url = '{database.url}'")
    export(house)
    before = released(house, "similar_articles")
    advance(house)
    stays = next(row for row in before if row in released(house, "similar_articles"))
    database.run(TAMPERED[what].format(*stays))
    assert "was changed by others; all its rows are written anew" in export(house).err
    holds_the_release(house, database)


LOST = {
    "emptied": "DELETE FROM similar_articles",
    "dropped": "DROP TABLE similar_articles",
    "rows gone": "DELETE FROM similar_articles WHERE rank > 2",
    "a row too many": (
        "INSERT INTO similar_articles "
        'SELECT (jsonb_populate_record(r, \'{"article": "of editors"}\')).* '
        "FROM similar_articles r LIMIT 1"
    ),
}


@pytest.mark.parametrize("what", LOST)
def test_what_is_missing_in_a_database_of_the_same_release_is_written_anew(
    house: House, database: Database, what: str
) -> None:
    configure(house, f"url = '{database.url}'")
    export(house)
    database.run(LOST[what])
    assert "was changed by others; all its rows are written anew" in export(house).err
    holds_the_release(house, database)
    assert "rows added" not in export(house).err, "what is whole is left alone"


def test_a_dropped_table_of_sqlite_is_written_anew(house: House) -> None:
    configure(house, "url = 'sqlite:///site.db'")
    export(house)
    with closing(sqlite3.connect(house.folder / "site.db")) as db, db:
        db.execute("DROP TABLE similar_articles")
    assert "rows added" in export(house).err
    for table in TABLES:
        assert in_sqlite(house, table) == released(house, table)


def test_a_mariadb_holds_what_the_release_holds(house: House, maria: MariaDb) -> None:
    maria.run(f"ALTER DATABASE {maria.name} CHARACTER SET latin1")  # as old servers have it
    changed = {**NEW, "title": "Café 你好 🌍", "account": "Größe 🌍"}
    house.write_articles([*house.articles, changed])
    assert house.job().code == 0
    configure(house, f"url = '{maria.url}'")
    for lost in ("", "DELETE FROM similar_accounts", "DROP TABLE similar_articles"):
        if lost:
            maria.run(lost)
        export(house)
        for table in TABLES:
            assert sorted(maria.run(f"SELECT * FROM {table}")) == sorted(released(house, table))
    assert house.simrec("rollback").code == 0
    export(house)
    for table in TABLES:
        assert sorted(maria.run(f"SELECT * FROM {table}")) == sorted(released(house, table))


def test_a_database_whose_release_is_gone_is_written_anew(house: House, database: Database) -> None:
    configure(house, f"url = '{database.url}'")
    export(house)
    old = house.workspace / "releases" / house.current
    advance(house)
    shutil.rmtree(old)
    assert (
        f"{len(released(house, TABLES[0])) + len(released(house, TABLES[1])):,} rows added"
        in export(house).err
    )
    holds_the_release(house, database)


def test_what_is_rolled_back_is_rolled_back_in_the_sinks(house: House, database: Database) -> None:
    configure(house, f"url = '{database.url}'", "path = 'out'")
    for _ in range(2):
        advance(house)
        export(house)
        holds_the_release(house, database)
        assert in_jsonl(house.folder / "out" / "similar_articles.jsonl") == released(
            house, "similar_articles"
        )


def test_the_nightly_job_exports_what_it_publishes(house: House) -> None:
    configure(house, "url = 'sqlite:///site.db'", "path = 'out'\nformat = 'csv'")
    house.write_articles([*house.articles, {**NEW, "id": "newer"}])
    ran = house.job()
    assert (ran.code, house.last_steps()["export"]["state"]) == (0, "done"), ran.err
    for table in TABLES:
        assert in_sqlite(house, table) == released(house, table)
        assert in_csv(house.folder / "out" / f"{table}.csv") == as_csv(house, table)
    assert "newer" in {row[0] for row in in_sqlite(house, "similar_articles")}
    report = house.workspace / "releases" / house.current / "report.json"
    report.write_text(report.read_text().replace('"simrec": 0.', '"simrec": 1.'))
    before = (house.folder / "site.db").read_bytes()
    house.write_articles([*house.articles, {**NEW, "id": "newest"}])
    assert house.job().code == 7
    assert (house.folder / "site.db").read_bytes() == before, "what a gate refused goes nowhere"


def test_a_table_that_is_there_is_written_in_the_columns_that_it_has(
    house: House, database: Database
) -> None:
    database.run(
        'CREATE TABLE similar_articles (article text, rank int, "similar" text, note text, '
        "PRIMARY KEY (article, rank))"
    )
    configure(house, f"url = '{database.url}'\ntables = ['similar_articles']")
    export(house)
    rows = 'SELECT article, rank, "similar" FROM similar_articles ORDER BY 1, 2'
    assert database.run(rows) == [row[:3] for row in released(house, "similar_articles")]
    database.run("ALTER TABLE similar_articles ADD COLUMN score real")
    export(house)
    assert database.run("SELECT count(*) FROM similar_articles WHERE score IS NULL") == [(0,)]
    advance(house)
    export(house)
    assert database.run(rows) == [row[:3] for row in released(house, "similar_articles")]


def test_tables_without_ranks_are_written_anew(house: House, database: Database) -> None:
    tables = ["duplicates", "account_evidence"]
    configure(house, f"url = '{database.url}'\ntables = {tables}")
    for _ in range(2):
        export(house)
        for table in tables:
            assert sorted(in_postgres(house, database, table)) == sorted(released(house, table))
        assert len(released(house, "account_evidence")) > 20
        advance(house)


def test_a_table_that_another_has_filled_is_left_alone(house: House, database: Database) -> None:
    database.run("CREATE TABLE similar_articles (article text, rank int)")
    database.run("INSERT INTO similar_articles VALUES ('editors choice', 1)")
    configure(house, f"url = '{database.url}'")
    assert (
        "its table similar_articles holds rows that simrec did not write; nothing was"
        in export(house, 3).err
    )
    assert database.run("SELECT * FROM similar_articles") == [("editors choice", 1)]


def test_cells_that_a_spreadsheet_would_run_are_text(house: House) -> None:
    configure(house, "path = 'out'\nformat = 'csv'")
    advance(house)
    export(house)
    with (house.folder / "out" / "similar_articles.csv").open(newline="") as file:
        cells = {cell for row in csv.reader(file) for cell in row}
    assert ("'=new" in cells, "=new" in cells) == (True, False)
    with (house.folder / "out" / "similar_accounts.csv").open(newline="") as file:
        assert "'@Somebody" in {cell for row in csv.reader(file) for cell in row}


def test_a_full_disk_leaves_the_old_files_whole(house: House) -> None:
    configure(house, "path = 'out'")
    export(house)
    out = house.folder / "out"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    advance(house)
    limit = limit_at_open("similar_accounts.jsonl", 200)
    assert "File too large" in export(house, 3, limit).err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    export(house)
    for table in TABLES:
        assert in_jsonl(out / f"{table}.jsonl") == released(house, table)


def test_killed_among_the_files_the_next_run_writes_them(house: House) -> None:
    configure(house, "path = 'out'")
    export(house, -signal.SIGKILL, kill_at_rename("release.json"))
    advance(house)
    export(house, -signal.SIGKILL, kill_at_rename("similar_articles.jsonl"))
    assert len(list((house.folder / "out").glob(".*.tmp"))) > 0
    (house.folder / "out" / "release.json").write_text('{"files": 1}')
    export(house)
    assert sorted(path.name for path in (house.folder / "out").iterdir()) == [
        "release.json", "similar_accounts.jsonl", "similar_articles.jsonl",
    ]  # fmt: skip
    assert in_jsonl(house.folder / "out" / "similar_articles.jsonl") == released(
        house, "similar_articles"
    )


@pytest.fixture
def reader(database: Database) -> Iterator[str]:
    """Make a user who may read and not write; yield the URL."""
    user = f"reader_{database.name}"
    database.run(f"CREATE USER {user} PASSWORD 'sesame'")
    database.run(f"GRANT pg_read_all_data TO {user}")
    yield f"postgresql://{user}:sesame@127.0.0.1:{database.port}/{database.name}"
    database.run(f"DROP OWNED BY {user}")
    database.run(f"DROP USER {user}")


def test_a_sink_that_cannot_be_written_is_one_sentence_and_the_others_are(
    house: House, database: Database, reader: str
) -> None:
    (house.folder / "file").write_text("")
    database.run("CREATE TABLE similar_accounts (id text)")
    configure(
        house,
        f"url = '{reader}'",
        "url = 'postgresql://u:sesame@127.0.0.1:1/site'",
        "path = 'file/out'",
        f"url = '{database.url}'",
        "path = 'out'",
    )
    ran = export(house, 3)
    lines = [line for line in ran.err.splitlines() if "differs from the config" not in line]
    for line, says in zip(
        lines,
        [
            f"/{database.name}: permission denied for schema public; nothing was changed",
            "postgresql://127.0.0.1:1/site: connection failed",
            "file/out/release.json: Not a directory",
            "its table similar_accounts has no columns account, rank; nothing was changed",
        ],
        strict=True,
    ):
        assert says in line
    assert "sesame" not in ran.err + (house.workspace / "journal.jsonl").read_text()
    assert in_jsonl(house.folder / "out" / "similar_articles.jsonl") == released(
        house, "similar_articles"
    )
    assert database.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [
        ("similar_accounts",)
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "nowhere to export to"),
        (["oracel://u:secret@h/d"], 3, "oracel://h/d: no such kind of database"),
        (
            ["$SIMREC_NOWHERE"],
            3,
            "$SIMREC_NOWHERE, which a url of the configuration names, is not set",
        ),
    ],
)
def test_a_wrong_export_is_one_sentence(
    house: House, arguments: list[str], code: int, says: str
) -> None:
    ran = house.simrec("export", *arguments)
    assert (ran.code, says in ran.err, "secret" in ran.err, "Traceback" in ran.err) == (
        code,
        True,
        False,
        False,
    )


def test_a_person_exports_to_a_folder_or_a_database(house: House) -> None:
    assert house.simrec("export", house.folder / "out", "--format", "csv").code == 0
    assert house.simrec("export", f"sqlite:///{house.folder / 'site.db'}").code == 0
    assert in_csv(house.folder / "out" / "similar_accounts.csv") == as_csv(
        house, "similar_accounts"
    )
    assert in_sqlite(house, "similar_accounts") == released(house, "similar_accounts")


def test_a_table_that_the_release_has_not_is_named(house: House) -> None:
    configure(house, "path = 'out'\ntables = ['similar_article']")
    assert (
        "the release has no table 'similar_article'; it has account_evidence, account_terms, duplicates"
        in export(house, 3).err
    )


def test_a_damaged_table_is_not_exported(house: House) -> None:
    configure(house, "path = 'out'")
    path = house.workspace / "releases" / house.current / "similar_articles.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "similar_articles.parquet: damaged" in export(house, 5).err
    assert not (house.folder / "out").exists()


def test_without_the_extra_sqlite_is_written_and_a_server_is_one_sentence(house: House) -> None:
    configure(house, "url = 'sqlite:///site.db'")
    export(house, before="sys.modules['sqlalchemy'] = None")
    assert in_sqlite(house, TABLES[0]) == released(house, TABLES[0])
    configure(house, "url = 'postgresql://127.0.0.1/site'")
    ran = export(house, 3, "sys.modules['sqlalchemy'] = None")
    differs, sentence = ran.err.splitlines()
    assert "differs from the configuration of the last run" in differs
    assert sentence == (
        "simrec: writing to a database needs packages that are not installed: "
        "pip install 'simrec[sql]'"
    )
