"""What a row, a file or a source may cost, and what it may not do to the others."""

import gzip
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from simrec.articles.cleaning import clean_text
from simrec.articles.html_text import MOST_ATTRIBUTES
from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import MissingPathError, UnreadableSourceError
from simrec.articles.sources.spool import Spool
from simrec.articles.time_limit import TimeLimit, TooSlowError
from simrec.config import Fields, LimitsConfig, SourceConfig
from tests.conftest import ROOT, environment, run
from tests.trust.reading import Desk, jsonl

GOOD = [{"id": f"good{n}", "text": f"Good words, {n} of them."} for n in range(3)]
KEPT = {row["id"]: row["text"] for row in GOOD}
FEED = (
    "<rss version='2.0'><channel><title>F</title><link>https://f.example/</link>{}</channel></rss>"
)
ITEM = "<item><guid>https://f.example/{}</guid><title>T</title><description>Words.</description>{}</item>"
SMALL = LimitsConfig(line_bytes=2_000, document_bytes=40_000, values=100, value_chars=200)
CROWD = "<p " + " ".join(f"a{n}=1" for n in range(MOST_ATTRIBUTES + 1)) + ">Words.</p>"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, SMALL)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "x" * 2_000}, "a line of more than limits.line_bytes = 2,000 bytes"),
        ({"text": "<p>half \ud83d of a pair</p>"}, "not valid UTF-8"),
        ({"text": "w", "account": "x" * 513}, "kept without account: 513 characters; at most 512"),
        ({"text": "w", "url": "u" * 201}, "kept without url: 201 characters; at most 200"),
        ({"text": "w", "tags": ["t"] * 101}, "tags: 101 tags; at most limits.values = 100"),
    ],
)
def test_what_is_beyond_a_limit_costs_that_row_or_value(desk: Desk, row: dict, reason: str) -> None:
    desk.write("a.jsonl", jsonl(*GOOD[:1], {"id": "odd", **row}, *GOOD[1:]))
    desk.read("a.jsonl")
    (problem,) = desk.problems()
    assert reason in problem
    assert {id: text for id, text in desk.texts().items() if id != "odd"} == KEPT
    assert ("odd" in desk.texts()) == problem.startswith("kept without")


def test_a_tag_with_too_many_attributes_is_named_in_rows_pages_and_feeds(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("a.jsonl", jsonl({"id": "odd", "text": CROWD}, *GOOD))
    desk.write("pages/a.html", f"<html><body>{CROWD}</body></html>")
    desk.write("f.rss", FEED.format(ITEM.format("1", CROWD) + ITEM.format("2", "")))
    desk.read("a.jsonl", "pages", "f.rss")
    assert [f"than {MOST_ATTRIBUTES}" in each.replace(",", "") for each in desk.problems()] == [
        True
    ] * 3
    assert desk.texts() == {**KEPT, "https://f.example/2": "Words."}


def test_an_entry_with_too_many_fields_is_rejected_alone(desk: Desk) -> None:
    categories = "".join(f"<category>{n}</category>" for n in range(101))
    desk.write("f.rss", FEED.format(ITEM.format("1", "") + ITEM.format("2", categories)))
    desk.read("f.rss")
    assert desk.problems() == ["an entry of more than limits.values = 100 fields"]
    assert desk.texts() == {"https://f.example/1": "Words."}


@pytest.mark.parametrize("encoding", ["undefined", "idna", "hex", "rot13", "utf\u00fc", "punycode"])
def test_an_encoding_that_no_feed_can_have_costs_nothing(desk: Desk, encoding: str) -> None:
    xml = f"<?xml version='1.0' encoding='{encoding}'?>{FEED.format(ITEM.format('1', ''))}"
    desk.write("f.rss", xml)
    desk.read("f.rss")
    assert (desk.problems(), len(desk.texts())) == ([], 1)


def test_documents_and_pages_have_a_size(desk: Desk) -> None:
    desk.write("a.json", "[" + jsonl(*GOOD).replace("\n", ",") + '{"x": "' + "y" * 50_000 + '"}]')
    desk.write("pages/big.txt", "w" * 40_001)
    desk.write("pages/good.txt", "Good.")
    result = desk.read("a.json", "pages")
    assert {*KEPT.values(), "Good."} == set(desk.texts().values())
    says = "it holds more than limits.document_bytes = 40,000 allows; the 3 records before it stay"
    assert says in result.damaged[0]
    assert "40,001 bytes; at most limits.document_bytes = 40,000 are read" in desk.problems()[-1]


def test_bombs_are_damage_and_the_others_are_read(tmp_path: Path) -> None:
    """Under a limit of memory that none of them would fit into."""
    text = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 20_000), ["x" * 1_000_000])
    table = pyarrow.table({"id": [str(n) for n in range(20_000)], "text": text})
    parquet.write_table(table, tmp_path / "a.parquet", compression="zstd")
    with gzip.open(tmp_path / "b.jsonl.gz", "wb", compresslevel=1) as packed:
        for _ in range(20):
            packed.write(bytes(1 << 20))
    (tmp_path / "c.json").write_text("[" + "{}," * 6_000_000 + "{}]")
    (tmp_path / "good.jsonl").write_text(jsonl(*GOOD))
    code = (
        "import sys; from pathlib import Path; from simrec.config import LimitsConfig\n"
        "from simrec.articles.sources import bounded_lines, parquet_source\n"
        "bounded_lines.FREE_BYTES = parquet_source.FREE_BYTES = 8 << 20\n"
        "from tests.trust.reading import Desk\n"
        "desk = Desk(Path(sys.argv[1]), LimitsConfig(document_bytes=20_000_000, bad_rows=9, unpacked_ratio=1))\n"
        "result = desk.read('a.parquet', 'b.jsonl.gz', 'c.json', 'good.jsonl')\n"
        "print(sorted(desk.texts())[-3:], result.failure)"
    )
    most = 2 << 30
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr[-2_000:]
    assert "['good0', 'good1', 'good2']" in ran.stdout
    assert ran.stdout.count("it holds more than limits.") == 2, ran.stdout
    assert "c.json, line 9: limits.bad_rows = 9 rows one after the other" in ran.stdout


def test_marks_upon_a_letter_are_cleaned_in_linear_time() -> None:
    """Sorting them all took their square; the same work on plain text is the measure."""

    def seconds(text: str) -> float:
        started = time.process_time()
        clean_text(text)
        return time.process_time() - started

    marks = "a" + "\u0301\u0323" * 200_000
    seconds(marks)
    assert seconds(marks) < 200 * max(seconds("é" * 400_000), 0.002)
    assert clean_text("e\u0301 " + "\u0301" * 5) == "é " + "\u0301" * 5, (
        "few marks stay as they are"
    )


def test_a_row_that_never_ends_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.limits = LimitsConfig(row_seconds=0.2)

    def wait(text: str, kind: str) -> str:
        while "forever" in text:
            pass
        return text

    monkeypatch.setattr("simrec.articles.mapping.body_text", wait)
    desk.write("a.jsonl", jsonl({"id": "odd", "text": "forever"}, *GOOD))
    desk.read("a.jsonl")
    assert desk.problems() == ["it takes more than limits.row_seconds = 0.2 to read"]
    assert desk.texts() == KEPT


def test_no_limit_is_left_behind() -> None:
    with pytest.raises(TooSlowError), TimeLimit(0.01):
        while True:
            pass
    with TimeLimit(60):
        pass
    time.sleep(0.02)


def test_a_process_that_ends_slowly_is_not_killed_by_the_clock_of_its_rows() -> None:
    """Python takes its handlers of signals away before it destroys what modules hold."""
    ran = run(
        "-c",
        "import time\nfrom simrec.articles.time_limit import TimeLimit\n"
        "class Slow:\n    def __del__(self, sleep=time.sleep): sleep(0.3)\n"
        "with TimeLimit(0.02): slow = Slow()\n",
    )
    assert (ran.code, ran.err) == (0, "")


def test_a_pipe_that_nobody_writes_into_is_named(desk: Desk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    with Spool.open(tmp_path / "pipes") as spool:
        with pytest.raises(UnreadableSourceError, match="nothing was written into this pipe"):
            spool.copy_of(tmp_path / "a.jsonl", 0.1)
        writer = threading.Timer(0.1, (tmp_path / "a.jsonl").write_text, [jsonl(*GOOD)])
        writer.start()
        assert spool.copy_of(tmp_path / "a.jsonl", 30).read_text() == jsonl(*GOOD)


def test_links_lead_out_of_a_folder_only_where_the_source_says_so(desk: Desk) -> None:
    desk.write("secret.txt", "A secret.")
    desk.write("pages/good.txt", "Good.")
    pages = desk.folder / "pages"
    (pages / "out.txt").symlink_to(desk.folder / "secret.txt")
    (pages / "in.txt").symlink_to("good.txt")
    os.mkfifo(desk.folder / "fifo")
    (pages / "pipe.txt").symlink_to(desk.folder / "fifo")
    desk.read("pages")
    assert desk.texts() == {"good.txt": "Good.", "in.txt": "Good."}
    assert [each.startswith("note: a link to a file outside") for each in desk.problems()] == [
        True
    ] * 2


def test_a_workspace_is_no_source(desk: Desk) -> None:
    desk.write("pages/good.txt", "Good.")
    desk.write("pages/ws/FORMAT", "simrec workspace 1\n")
    desk.write("pages/ws/releases/1/report.html", "<p>A report.</p>")
    desk.read("pages")
    assert desk.texts() == {"good.txt": "Good."}
    assert ["a workspace of simrec, left out" in each for each in desk.problems()] == [True]
    with pytest.raises(MissingPathError):
        open_sources(SourceConfig(path=f"{desk.folder}/**/*.html"), Fields())
