"""Files that are read by tasks bring in what one process brings in, row for row, whatever happens meanwhile."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrec.articles import clean_tasks
from simrec.articles.mapping import Mapping
from simrec.articles.sources.readers import read_split
from simrec.articles.splits import Split, split_file
from simrec.articles.store import Store
from simrec.config import Fields, IngestConfig
from simrec.errors import ConfigError
from tests.articles.test_ingest import write_csv, write_jsonl, write_parquet
from tests.conftest import House, Ran, new_house, run, speeches

SOURCES = """
[[sources]]
path = "export/*"
[[sources]]
path = "pages"
[[sources]]
path = "changes.jsonl"
fields = { text = "body" }
[ingest]
sync = true
max_reject_share = 0.5
[engine]
workers = %d
"""
ROWS = [
    {key: row[key] for key in ("id", "text", "account", "published_at")} for row in speeches()[:60]
]
SMALL = "import simrec.articles.clean_tasks as p; p.BATCH_BYTES = 4000\n"  # so that there is much to cut
# Every run of tasks is a line on stderr; `happens` may look at n, how many tasks are done.
COUNTED = """
import os
import simrec.tasks.local as l
run_all = l.Local.run
def run(self, task, arguments):
    print("tasks:", len(arguments), file=sys.stderr)
    for n, done in enumerate(run_all(self, task, arguments)):
        {happens}
        yield done
l.Local.run = run
"""
FEED = (
    "<rss version='2.0'><channel><title>A feed</title><item><guid>fed</guid><title>Of a feed</title>"
    "<description>Some words.</description></item></channel></rss>"
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A house with files of every kind, of which some rows are bad, and some ids in several places."""
    house = new_house(tmp_path / "house", [])
    (house.folder / "pages").mkdir()
    (house.folder / "pages" / "page.html").write_text("<p>A page, and <b>more</b> of it.</p>")
    (house.folder / "pages" / "notes.md").write_text("# Notes\n\nSome notes.")
    export = house.folder / "export"
    export.mkdir()
    bad = [
        "{oops",
        {"id": "dateless", "text": "words", "published_at": "soon"},
        "",
        {**ROWS[2], "text": "A later row."},
    ]
    write_jsonl(export / "1.jsonl", [*ROWS[:20], *bad, *ROWS[20:40]])
    write_csv(export / "2.csv", [*ROWS[40:50], {**ROWS[3], "text": 'On "two"\nlines.'}])
    (export / "3.jsonl.gz").write_bytes(
        gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS[50:55]).encode())
    )
    write_parquet(export / "4.parquet", ROWS[55:])
    (export / "5.rss").write_text(FEED)
    write_jsonl(
        house.folder / "changes.jsonl",
        [{"id": row["id"], "body": f"Changed {row['id']}."} for row in ROWS[4:8]],
    )
    return house


def ingest(
    house: House, workers: int, happens: str = "pass", more: str = "", before: str = ""
) -> Ran:
    """Bring the files into a workspace of their own, by one process or by tasks."""
    config = house.folder / "config.toml"
    config.write_text(SOURCES % workers + more)
    arguments = ["simrec", "ingest", "-c", str(config), "-w", str(workspace(house, workers)), "-v"]
    before += "\n" + (SMALL + COUNTED.format(happens=happens) if workers > 1 else "")
    return run(
        "-c", f"import sys\nsys.argv = {arguments!r}\n{before}from simrec.cli import main\nmain()"
    )


def workspace(house: House, workers: int) -> Path:
    return house.folder / f"by-{workers}"


def tasks(ran: Ran) -> int:
    return int(
        next((line.split()[1] for line in ran.err.splitlines() if line.startswith("tasks:")), 0)
    )


def contents(store: Path) -> dict[str, list[Any]]:
    """All rows of all tables, but for when an article was deleted."""
    tables = {"articles": "*", "texts": "*", "rejects": "*", "marks": "*", "tombstones": "id"}
    with closing(sqlite3.connect(store)) as db:
        return {
            table: sorted(db.execute(f"SELECT {columns} FROM {table}"))
            for table, columns in tables.items()
        }


def expect_the_same(house: House, code: int = 0) -> int:
    """Expect of tasks what one process does; return how many there were."""
    alone, ahead = ingest(house, 1), ingest(house, 2)
    assert (alone.code, ahead.code) == (code, code), ahead.err
    said = [
        [line.partition(" (")[0] for line in ran.err.splitlines() if "tasks:" not in line]
        for ran in (alone, ahead)
    ]
    assert said[0] == said[1]
    assert contents(workspace(house, 1) / "articles.db") == contents(
        workspace(house, 2) / "articles.db"
    )
    assert not (workspace(house, 2) / "staging" / "parts").exists() or code
    assert not tasks(alone)
    return tasks(ahead)


def test_nights_by_tasks_are_nights_by_one_process(house: House) -> None:
    assert expect_the_same(house) > 8
    found = {row[0]: row for row in contents(workspace(house, 2) / "articles.db")["articles"]}
    assert {"page.html", "notes.md", "fed", "dateless"} | {
        row["id"] for row in ROWS
    } == found.keys()
    assert expect_the_same(house) > 8, "what is named has to be named again"

    # The export says again what changes.jsonl then says otherwise, as the store holds it; so does a later row of it.
    export = house.folder / "export" / "1.jsonl"
    export.write_text(
        export.read_text().replace(
            json.dumps(ROWS[9], ensure_ascii=False), '{"id": "new", "text": "!"}'
        )
    )
    write_jsonl(export.with_name("0.jsonl"), [{"id": ROWS[30]["id"], "text": "Not for long."}])
    assert expect_the_same(house) > 8

    packed = export.with_name("3.jsonl.gz")
    packed.write_bytes(packed.read_bytes()[:-30])
    export.write_text(
        export.read_text() + json.dumps({"id": "last", "text": "No line break at the end."})
    )
    assert expect_the_same(house, code=7) > 8
    assert contents(workspace(house, 2) / "articles.db")["rejects"][-1][2].startswith(
        "the file is damaged"
    )


def test_a_killed_ingest_goes_on_where_it_was(house: House) -> None:
    folder = workspace(house, 2) / "staging" / "parts"
    killed = ingest(house, 2, happens="os.kill(os.getpid(), 9)")
    written = len(list(folder.glob("[!.]*")))
    assert (killed.code, 0 < written < tasks(killed)) == (-9, True)
    said = run("-m", "simrec", "status", "-w", workspace(house, 2)).out
    assert f"are to come in: {written}\n" in said
    (folder / ("0" * 32)).write_bytes(b"of another mapping")
    ran = ingest(
        house,
        2,
        happens=f"print('swept:', not os.path.exists({str(folder / ('0' * 32))!r}), file=sys.stderr)",
    )
    assert (ran.code, tasks(ran), "swept: True" in ran.err) == (0, tasks(killed) - written, True)
    assert not folder.exists()
    assert ingest(house, 1).code == 0
    assert contents(workspace(house, 1) / "articles.db") == contents(
        workspace(house, 2) / "articles.db"
    )


def test_a_part_that_is_not_so_any_more_is_not_believed(house: House) -> None:
    """It says that the store holds a row, and then the store is another, as one from a backup is."""
    store = workspace(house, 2) / "articles.db"
    assert ingest(house, 2).code == 0
    wanted = contents(store)
    assert (
        ingest(house, 2, happens="n == len(arguments) - 1 and os.kill(os.getpid(), 9)").code == -9
    )
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("DELETE FROM articles WHERE account IS NOT NULL")
        db.execute("DELETE FROM marks")
    ran = ingest(house, 2)
    assert (ran.code, tasks(ran), contents(store)) == (0, 0, wanted)


@pytest.mark.parametrize("change", ["a file", "the mapping"])
def test_parts_of_something_else_are_not_read(house: House, change: str) -> None:
    assert (
        ingest(house, 2, happens="n == len(arguments) - 1 and os.kill(os.getpid(), 9)").code == -9
    )
    more = '[fields]\naccount = "published_at"\n' if change == "the mapping" else ""
    if not more:
        page = house.folder / "pages" / "page.html"
        page.write_text(page.read_text().replace("more", "less"))
    ran = ingest(house, 2, more=more)
    assert (ran.code, tasks(ran) > 0, ingest(house, 1, more=more).code) == (0, True, 0)
    assert contents(workspace(house, 1) / "articles.db") == contents(
        workspace(house, 2) / "articles.db"
    )


def test_a_file_that_comes_while_others_are_compared_comes_in(house: House) -> None:
    late = house.folder / "export" / "0.jsonl"
    row = json.dumps({"id": "late", "text": "Just so."})
    comes = (
        "import simrec.files as f\nsha256 = f.sha256\n"
        f"def slow(path):\n    open({str(late)!r}, 'w').write({row!r})\n    return sha256(path)\n"
        "f.sha256 = slow"
    )
    ran = ingest(house, 2, before=comes)
    assert (ran.code, tasks(ran) > 8) == (0, True), ran.err
    assert "late" in {row[0] for row in contents(workspace(house, 2) / "articles.db")["articles"]}
    assert (ingest(house, 1).code, ingest(house, 2).code) == (0, 0)
    assert contents(workspace(house, 1) / "articles.db") == contents(
        workspace(house, 2) / "articles.db"
    )


def test_a_part_that_exists_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a task wrote before it failed is no part."""
    monkeypatch.setattr(clean_tasks, "FRAME_ROWS", 1)
    pieces = (
        Split(write_jsonl(tmp_path / "a.jsonl", ROWS[:5]), "jsonl"),
        Split(tmp_path / "gone.jsonl", "jsonl"),
    )
    batch = clean_tasks.SplitBatch(pieces, Mapping(Fields(), "auto", IngestConfig()), "name")
    (tmp_path / "parts").mkdir()
    with (
        Store.open(tmp_path / "articles.db", create=True),
        pytest.raises(ConfigError, match=r"gone.jsonl: cannot be read"),
    ):
        clean_tasks.write_part(
            clean_tasks.CleanTask(
                batch, tmp_path / "articles.db", False, tmp_path / "parts" / "name"
            )
        )
    assert not list((tmp_path / "parts").iterdir())


def test_a_damaged_part_is_named(house: House) -> None:
    assert (
        ingest(house, 2, happens="n == len(arguments) - 1 and os.kill(os.getpid(), 9)").code == -9
    )
    part = min((workspace(house, 2) / "staging" / "parts").glob("[!.]*"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    ran = ingest(house, 2)
    assert (ran.code, f"{part}: damaged (checksum); remove it and run again" in ran.err) == (
        5,
        True,
    )
    part.unlink()
    assert ingest(house, 2).code == 0


@given(
    st.lists(
        st.sampled_from([b'{"id": "a"}', b"", b"oops", b"\r", b"\xef\xbb\xbf{}", b"\x85\x0b"]),
        max_size=12,
    ),
    st.integers(1, 40),
)
def test_rows_of_pieces_are_the_rows_of_the_file(
    tmp_path_factory: Any, lines: list[bytes], most: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    path.write_bytes(b"\n".join(lines))
    whole = Split(path, "jsonl")
    pieces = list(split_file(whole, most))
    assert [row for piece in pieces for row in read_split(piece, Fields())] == list(
        read_split(whole, Fields())
    )
    longest = max(map(len, lines), default=0) + 1
    assert len(pieces) >= path.stat().st_size // (most + longest)
