"""Pipes are read once, like files, and leave nothing behind."""

import gzip
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.articles.test_ingest import stored
from tests.conftest import ROOT, House, Ran, environment

ROWS = [{"id": f"a{n}", "text": f"Words, {n} of them."} for n in range(9)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def shell(house: House, script: str) -> Ran:
    """Run a script of bash, where $S is simrec ingest and $W its workspace."""
    simrec = shlex.join([sys.executable, "-m", "simrec", "ingest"])
    values = {"S": simrec, "W": str(house.workspace)}
    command = ["bash", "-c", script]
    env = environment() | values
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT, timeout=600)
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "script",
    [
        "cat {file} | $S /dev/stdin --format jsonl -w $W -v",
        "$S <(cat {file}) --format jsonl -w $W -v",
        "$S /dev/stdin --format jsonl -w $W -v < {file}",
    ],
)
def test_a_pipe_comes_in_as_the_file_would(fresh: House, script: str) -> None:
    more = "".join(LINES.replace('"a', f'"b{number}') for number in range(3))
    (fresh.folder / "a.jsonl").write_text(LINES + "{oops\n" + more)
    ran = shell(fresh, script.format(file=fresh.folder / "a.jsonl"))
    assert (ran.code, "36 new" in ran.err) == (0, True), ran.err
    assert stored(fresh)["a3"]["text"] == "Words, 3 of them."
    rejects = [row for row in fresh.simrec("rejects", "--json").rows if "not JSON" in row["reason"]]
    (reject,) = rejects
    assert (reject["file"].startswith("/dev/"), reject["line"]) == (True, 10)
    assert list((fresh.workspace / "staging").iterdir()) == []


def test_a_pipe_with_a_name_is_known_by_it(fresh: House) -> None:
    pipe = fresh.folder / "news.jsonl.gz"
    os.mkfifo(pipe)
    content = gzip.compress(LINES.encode())
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    fresh.configure(f"[[sources]]\npath = '{pipe}'\n")
    ran = fresh.step("ingest")
    writer.join()
    assert (ran.code, "9 new" in ran.err) == (0, True), ran.err


def test_sync_takes_a_pipe_for_a_source_of_its_own(fresh: House) -> None:
    path = fresh.folder / "a.jsonl"
    path.write_text(LINES)
    script = f"cat {path} | $S /dev/stdin {fresh.folder}/b.jsonl --format jsonl --sync -w $W -v"
    (fresh.folder / "b.jsonl").write_text('{"id": "b", "text": "Other words."}\n')
    assert shell(fresh, script).code == 0
    path.write_text("".join(LINES.splitlines(keepends=True)[1:]))
    ran = shell(fresh, script)
    assert (ran.code, "9 unchanged, 1 deleted" in ran.err) == (0, True), ran.err
    assert stored(fresh).keys() == {"b", *(f"a{n}" for n in range(1, 9))}


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("cat {file} | $S /dev/stdin -w $W", "/dev/stdin: a pipe, whose name does not tell its"),
        ("$S /dev/null --format jsonl -w $W", "/dev/null: a device or a terminal; give a file"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(fresh: House, script: str, says: str) -> None:
    path = Path(fresh.folder / "a.jsonl")
    path.write_text(LINES)
    ran = shell(fresh, script.format(file=path))
    assert (ran.code, says in ran.err, "Traceback" in ran.err) == (2, True, False), ran.err


def test_a_copy_that_a_killed_run_left_is_removed(fresh: House) -> None:
    fresh.write_articles(ROWS)
    assert fresh.step("ingest").code == 0
    left = fresh.workspace / "staging" / "pipes"
    left.mkdir()
    (left / "0-stdin").write_text(LINES)
    assert "pipes" not in fresh.simrec("status", "--json").rows[0]["pending"]
    fresh.write_articles(ROWS[1:])
    assert fresh.step("ingest").code == 0
    assert not left.exists()
