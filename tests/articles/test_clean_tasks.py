"""Files that are read by tasks bring in what one process brings in, whatever happens meanwhile."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrec.articles.clean_tasks import CleanTask, SplitBatch, write_part
from simrec.articles.mapping import Mapping
from simrec.articles.sources.jsonl_source import JsonlSource
from simrec.articles.sources.source import Split, read_rows
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
batch_bytes = 4_000
workers = %d
"""
ROWS = [
    {key: row[key] for key in ("id", "text", "account", "published_at")} for row in speeches()[:60]
]
# Python that runs before the command, in the job and not in its workers: it sees when the first file of
# a folder is read. When the job reads its first part, all tasks are done and nothing is in the store.
AT_OPEN = """
import json, os, sys
opened = set()
def about_to(event, arguments):
    if event != "open" or arguments[1] != "r":
        return
    folder = os.path.dirname(str(arguments[0]))
    if folder in opened:
        return
    opened.add(folder)
    if folder == {parts!r}:
        times = {{entry.name: entry.stat().st_mtime_ns for entry in os.scandir(folder)}}
        print("parts:", json.dumps(times), file=sys.stderr, flush=True)
        {at_first_part}
    elif folder == {export!r}:
        {at_first_export}
sys.addaudithook(about_to)
"""
KILL = "os.kill(os.getpid(), 9)"
FEED = (
    "<rss version='2.0'><channel><title>A feed</title>"
    "<item><guid>fed</guid><title>Of a feed</title><description>Some words.</description></item>"
    "</channel></rss>"
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A house with files of every kind; some rows are bad, and some ids are in several files."""
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
    house: House,
    workers: int,
    at_first_part: str = "pass",
    at_first_export: str = "pass",
    more: str = "",
) -> Ran:
    """Bring the files into a workspace of their own, by one process or by tasks."""
    config = house.folder / "config.toml"
    config.write_text(SOURCES % workers + more)
    arguments = ["simrec", "ingest", "-c", str(config), "-w", str(workspace(house, workers)), "-v"]
    before = AT_OPEN.format(
        parts=str(parts(house)),
        export=str(house.folder / "export"),
        at_first_part=at_first_part,
        at_first_export=at_first_export,
    )
    command = f"sys.argv = {arguments!r}\nfrom simrec.cli import main\nmain()"
    return run("-c", f"{before}{command}")


def workspace(house: House, workers: int) -> Path:
    return house.folder / f"by-{workers}"


def store(house: House, workers: int = 2) -> Path:
    return workspace(house, workers) / "articles.db"


def parts(house: House) -> Path:
    return workspace(house, 2) / "staging" / "parts"


def parts_read(ran: Ran) -> dict[str, int]:
    """What parts there were when the job began to read them, and when each was written."""
    for line in ran.err.splitlines():
        if line.startswith("parts:"):
            times: dict[str, int] = json.loads(line.removeprefix("parts:"))
            return times
    return {}


def contents(path: Path) -> dict[str, list[Any]]:
    """All rows of all tables, but for when an article was deleted."""
    tables = {"articles": "*", "texts": "*", "rejects": "*", "marks": "*", "tombstones": "id"}
    with closing(sqlite3.connect(path)) as db:
        return {
            table: sorted(db.execute(f"SELECT {columns} FROM {table}"))
            for table, columns in tables.items()
        }


def expect_the_same(house: House, code: int = 0) -> int:
    """Expect of tasks what one process does; return how many parts there were."""
    alone, ahead = ingest(house, 1), ingest(house, 2)
    assert (alone.code, ahead.code) == (code, code), ahead.err
    messages = [
        [line.partition(" (")[0] for line in ran.err.splitlines() if "parts:" not in line]
        for ran in (alone, ahead)
    ]
    assert messages[0] == messages[1]
    assert contents(store(house, 1)) == contents(store(house, 2))
    assert not parts(house).exists() or code
    assert not parts_read(alone)
    return len(parts_read(ahead))


def kill_before_parts_come_in(house: House) -> dict[str, int]:
    """Kill an ingest when all its parts are written; return when each was."""
    killed = ingest(house, 2, at_first_part=KILL)
    assert (killed.code, len(parts_read(killed)) > 8) == (-9, True), killed.err
    return parts_read(killed)


def test_nights_by_tasks_are_nights_by_one_process(house: House) -> None:
    assert expect_the_same(house) > 8
    articles = {row[0]: row for row in contents(store(house))["articles"]}
    expected = {"page.html", "notes.md", "A-feed/fed", "dateless", *(row["id"] for row in ROWS)}
    assert articles.keys() == expected
    assert expect_the_same(house) == 0, "what is known to be bad is not read again"

    # The export holds what the store holds, and then changes.jsonl and a later row change it.
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
    assert contents(store(house))["rejects"][-1][2].startswith("the file is damaged")


def test_a_killed_ingest_goes_on_where_it_was(house: House) -> None:
    written = kill_before_parts_come_in(house)
    status = run("-m", "simrec", "status", "-w", workspace(house, 2)).out
    assert f"are to come in: {len(written)}\n" in status
    for name in sorted(written)[::2]:  # as if it had been killed earlier
        (parts(house) / name).unlink()
    left = {entry.name for entry in parts(house).iterdir()}
    (parts(house) / ("0" * 32)).write_bytes(b"of another mapping")
    ran = ingest(house, 2)
    assert ran.code == 0, ran.err
    read = parts_read(ran)
    assert read.keys() == written.keys(), "the part of another mapping is removed"
    assert {name for name in read if read[name] == written[name]} == left, "none is made twice"
    assert not parts(house).exists()
    assert ingest(house, 1).code == 0
    assert contents(store(house, 1)) == contents(store(house, 2))


def test_a_part_that_is_not_valid_any_more_is_not_used(house: House) -> None:
    """It takes a row for unchanged, and then the store is another, as one from a backup is."""
    assert ingest(house, 2).code == 0
    wanted = contents(store(house))
    with closing(sqlite3.connect(store(house))) as db, db:
        db.execute("DELETE FROM marks")  # so that all is read again
    written = kill_before_parts_come_in(house)
    with closing(sqlite3.connect(store(house))) as db, db:
        db.execute("DELETE FROM articles WHERE account IS NOT NULL")
        db.execute("DELETE FROM marks")
    ran = ingest(house, 2)
    assert (ran.code, parts_read(ran), contents(store(house))) == (0, written, wanted)


@pytest.mark.parametrize("change", ["a file", "the mapping"])
def test_parts_of_something_else_are_not_read(house: House, change: str) -> None:
    written = kill_before_parts_come_in(house)
    more = '[fields]\naccount = "published_at"\n' if change == "the mapping" else ""
    if not more:
        page = house.folder / "pages" / "page.html"
        page.write_text(page.read_text().replace("more", "less"))
    ran = ingest(house, 2, more=more)
    assert (ran.code, ingest(house, 1, more=more).code) == (0, 0)
    assert parts_read(ran).keys() - written.keys(), "some parts are of what has changed"
    assert contents(store(house, 1)) == contents(store(house, 2))


def test_a_file_that_comes_while_others_are_compared_comes_in(house: House) -> None:
    late = house.folder / "export" / "0.jsonl"
    row = json.dumps({"id": "late", "text": "Just so."})
    ran = ingest(house, 2, at_first_export=f"open({str(late)!r}, 'w').write({row!r})")
    assert (ran.code, len(parts_read(ran)) > 8) == (0, True), ran.err
    assert "late" in {row[0] for row in contents(store(house))["articles"]}
    assert (ingest(house, 1).code, ingest(house, 2).code) == (0, 0)
    assert contents(store(house, 1)) == contents(store(house, 2))


def test_a_part_that_exists_is_whole(tmp_path: Path) -> None:
    """What a task wrote before it failed is no part."""
    there = JsonlSource(write_jsonl(tmp_path / "a.jsonl", ROWS[:5]), Fields())
    gone = JsonlSource(tmp_path / "gone.jsonl", Fields())
    mapping = Mapping(Fields(), "auto", IngestConfig())
    batch = SplitBatch(((there, Split(1)), (gone, Split(1))), mapping, "name")
    articles_db = tmp_path / "articles.db"
    part = tmp_path / "parts" / "name"
    part.parent.mkdir()
    with (
        Store.open(articles_db, create=True),
        pytest.raises(ConfigError, match=r"gone.jsonl: cannot be read"),
    ):
        write_part(CleanTask(batch, articles_db, False, part), frame_rows=1)
    assert not list(part.parent.iterdir())


def test_a_damaged_part_is_named(house: House) -> None:
    written = kill_before_parts_come_in(house)
    part = parts(house) / min(written)
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    ran = ingest(house, 2)
    says = f"{part}: damaged (checksum); remove it and run again"
    assert (ran.code, says in ran.err) == (5, True), ran.err
    part.unlink()
    assert ingest(house, 2).code == 0


@given(
    st.lists(
        st.sampled_from([b'{"id": "a"}', b"", b"oops", b"\r", b"\xef\xbb\xbf{}", b"\x85\x0b"]),
        max_size=12,
    ),
    st.integers(1, 40),
)
def test_rows_of_splits_are_the_rows_of_the_file(
    tmp_path_factory: Any, lines: list[bytes], most: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    path.write_bytes(b"\n".join(lines))
    source = JsonlSource(path, Fields())
    splits = list(source.splits(most))
    (whole,) = source.splits(path.stat().st_size)
    cut = [row for split in splits for row in read_rows(source, split)]
    assert cut == list(read_rows(source, whole))
    longest = max(map(len, lines), default=0) + 1
    assert len(splits) >= path.stat().st_size // (most + longest)
    assert sum(split.size for split in splits) == path.stat().st_size


def test_a_source_that_tasks_cannot_read_is_named_by_the_job_and_costs_itself_alone(
    house: House,
) -> None:
    (house.folder / "export" / "0.csv").write_text("key,headline\n1,words\n")
    (house.folder / "export" / "6.rss").write_text("Service unavailable")
    assert expect_the_same(house, code=3) > 8
    ran = ingest(house, 2)
    assert "0.csv, line 1: no column 'id' to take the id from" in ran.err
    assert "6.rss, line 1: not RSS or Atom" in ran.err
    assert "2 of 9 sources could not be read" in ran.err
    articles = {row[0] for row in contents(store(house))["articles"]}
    assert articles == {"page.html", "notes.md", "A-feed/fed", "dateless"} | {
        row["id"] for row in ROWS
    }
