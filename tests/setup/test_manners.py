"""How commands behave at a shell: pipes, narrow and old terminals, nothing found, failures."""

import json
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from simrec import files
from simrec.cli import MODULES, SECTIONS, cli
from tests.conftest import House, environment
from tests.setup.conftest import Say

SEED = "1861-Lincoln-1/13"


def shell(command: str, **more: str) -> subprocess.CompletedProcess[str]:
    simrec = f"{sys.executable} -m simrec"
    return subprocess.run(
        ["bash", "-c", command.replace("simrec", simrec, 1)],
        capture_output=True,
        text=True,
        env={**environment(), **more},
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    ["simrec --help", "simrec --version", "simrec similar --help", "simrec config"],
)
def test_a_pipe_that_has_seen_enough_ends_any_command_well(command: str) -> None:
    ran = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_pipe_that_has_seen_enough_ends_a_question_well(published: House) -> None:
    ran = shell(
        f"simrec similar {SEED} -n 300 -w {published.workspace} | head -1; exit ${{PIPESTATUS[0]}}"
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_ids_are_whole_and_pipes_get_all(
    published: House, simrec: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["similar", SEED, "-n", 5, "-w", published.workspace]
    rows = simrec(*asked, "--json").rows
    monkeypatch.setenv("COLUMNS", "30")
    narrow = simrec(*asked).out.splitlines()[1:]
    assert [row["id"] in line for row, line in zip(rows, narrow, strict=True)] == [True] * 5
    monkeypatch.delenv("COLUMNS")
    piped = simrec(*asked).out.splitlines()[1:]
    for row, line in zip(rows, piped, strict=True):
        assert line.endswith(" ".join(row["lead"].split()))
        assert row["account"] in line


@pytest.mark.parametrize("columns", ["50", "100"])
def test_explanations_are_wrapped_and_whole(
    published: House, simrec: Say, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    asked = ["similar", SEED, "-n", 3, "--explain", "-w", published.workspace]
    rows = simrec(*asked, "--json").rows
    monkeypatch.setenv("COLUMNS", columns)
    lines = [line for line in simrec(*asked).out.splitlines() if line.startswith("    ")]
    assert max(map(len, lines)) <= int(columns)
    text = " ".join(" ".join(line.split()) for line in lines)
    for row in rows:
        for passage in row["explanation"]["passages"]:
            assert " ".join(passage.split()) in text


def test_evidence_of_accounts_names_titles(published: House, simrec: Say) -> None:
    asked = ["accounts", "Abraham Lincoln", "-n", 1, "--explain", "-w", published.workspace]
    (row,) = simrec(*asked, "--json").rows
    out = " ".join(simrec(*asked).out.split())
    for pair in row["evidence"]:
        for article_id in (pair["article"], pair["similar_article"]):
            (article,) = simrec("show", article_id, "--json", "-w", published.workspace).rows
            title = " ".join(article["lead"].split())[:50].rsplit(" ", 1)[0]
            assert title in out
            assert f"({article_id})" in out


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (["similar", SEED, "--account", "Nobody"], "no article is similar enough and passes"),
        (["find", "zebra", "crossing"], "no title, URL or id of an article holds 'zebra' and"),
        (["rejects"], "no rows were rejected"),
        (["rejects", "--by-reason"], "no rows were rejected"),
    ],
)
def test_nothing_found_is_said_on_stderr(
    published: House, simrec: Say, question: list[str], says: str
) -> None:
    for json_option in ([], ["--json"]):
        ran = simrec(*question, *json_option, "-w", published.workspace)
        assert (ran.code, ran.out) == (0, "")
        assert ran.err.startswith(says)


def test_a_story_of_one_is_said_on_stderr(published: House, simrec: Say) -> None:
    for article in published.articles:
        ran = simrec("story", article["id"], "-w", published.workspace)
        if not ran.out:
            break
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"no other article is about the event of '{article['id']}'\n"


def test_a_workspace_without_anything_says_so(tmp_path: Path, simrec: Say) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    assert simrec("ingest", tmp_path / "empty.jsonl", "-w", tmp_path / "ws").code == 0
    for question, says in (
        (["articles"], "no articles have come in yet"),
        (["articles", "--json"], "no articles have come in yet"),
        (["releases"], "no release is published yet"),
    ):
        ran = simrec(*question, "-w", tmp_path / "ws")
        assert (ran.code, ran.out) == (0, "")
        assert ran.err.startswith(says)
    assert simrec("status", "-w", tmp_path / "ws").code == 0
    ran = simrec("status", "--line", "-w", tmp_path / "ws")
    assert (ran.code, "the release is not there yet" in ran.err) == (7, True)


@pytest.mark.parametrize(
    ("command", "encoding"),
    [
        ("similar {0} --explain", "latin-1"),
        ("accounts --explain 'Barack Obama'", "ascii"),
        ("status", "ascii"),
        ("--help", "latin-1"),
    ],
)
def test_an_old_terminal_is_no_traceback(published: House, command: str, encoding: str) -> None:
    places = "" if command == "--help" else f" -w {published.workspace}"
    ran = shell(f"simrec {command.format(SEED)}{places}", PYTHONIOENCODING=encoding)
    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("simrec night", "plain,nightly"),
        ("simrec similar --hist", "plain,--history"),
        ("simrec nightly --engine d", "plain,dask"),
        ("simrec nightly -w", "plain,--workspace"),
        ("simrec status -w ", "dir,"),
        ("simrec nightly -c ", "file,"),
        ("simrec ingest ", "file,"),
        ("simrec similar --among ", "file,"),
    ],
)
def test_shells_complete_commands_options_and_paths(
    simrec: Say, monkeypatch: pytest.MonkeyPatch, words: str, expected: str
) -> None:
    monkeypatch.setenv("_SIMREC_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    if words.endswith("-w"):
        expected = "plain,-w"
    assert expected in simrec().out.splitlines()


def test_the_help_groups_commands_by_task_and_cuts_nothing() -> None:
    text = cli.get_help(click.Context(cli, info_name="simrec", terminal_width=80))
    assert text.count("...") == 1, "that of the usage"
    words = " ".join(text.split())
    for title, section in SECTIONS.items():
        assert f"{title}:" in text
        for name in section:
            command = cli.get_command(click.Context(cli), name)
            assert command
            assert f"{name} {command.get_short_help_str(1_000)}" in words
    assert len(MODULES) == sum(map(len, SECTIONS.values())), "each command stands once"


def on_terminal(*arguments: object, **more: str) -> bytes:
    """Return what a command writes to stderr, where that is a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "simrec", *map(str, arguments)]
    env = {**environment(), "TERM": "xterm", **more}
    subprocess.run(command, stderr=theirs, stdout=subprocess.DEVNULL, env=env, check=False)
    os.close(theirs)
    return os.read(ours, 10_000)


def test_failures_are_red_on_a_terminal_unless_nobody_wants_that(tmp_path: Path) -> None:
    failing = ("status", "-w", tmp_path / "nowhere")
    assert on_terminal(*failing).startswith(b"\x1b[31m")
    assert b"\x1b" not in on_terminal(*failing, NO_COLOR="1")
    assert b"\x1b" not in on_terminal(*failing, TERM="dumb")
    assert on_terminal("similar", "--nope").startswith(b"\x1b[31m")


def journal(house: House, *runs: dict[str, object]) -> None:
    """Let the journal hold these runs, an hour apart, the last now."""
    lines = []
    for hours, run in enumerate(reversed(runs)):
        started = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        steps = [{"step": "publish", "state": run["publish"]}] if "publish" in run else []
        record = {"job": run["job"], "started_at": started, "steps": steps}
        record |= {"exit_code": run.get("code", 0), "error": run.get("error", "")}
        lines.append(json.dumps(files.seal(record)))
    path = house.workspace / "journal.jsonl"
    path.write_text("\n".join(reversed(lines)) + "\n")


FAILED = {"job": "nightly", "code": 3, "error": "a.csv: not read\nand more"}
PUBLISHED = {"job": "nightly", "publish": "done"}


@pytest.mark.parametrize(
    ("runs", "alarm"),
    [
        ([PUBLISHED], ""),
        ([PUBLISHED, FAILED], "ended with exit code 3: a.csv: not read\n"),
        ([FAILED, PUBLISHED], ""),
        ([FAILED, {"job": "export"}], "nightly at "),
        ([FAILED, {"job": "publish", "publish": "done"}], ""),
        ([PUBLISHED, {"job": "housekeeping", "code": 5}], "housekeeping at "),
        ([{"job": "housekeeping", "code": 5}, {"job": "housekeeping"}], ""),
        ([PUBLISHED, {"job": "train", "code": 130}], "train at "),
    ],
)
def test_a_monitor_hears_of_a_run_that_failed(
    house: House, simrec: Say, runs: list[dict[str, object]], alarm: str
) -> None:
    journal(house, *runs)
    ran = simrec("status", "--line", "-w", house.workspace)
    notice, *alarms = ran.err.splitlines(keepends=True)
    assert notice.startswith("simrec: with the configuration of the last run")
    assert (ran.code, len(alarms)) == ((7, 1) if alarm else (0, 0))
    assert alarm in ran.err
    assert simrec("status", "-w", house.workspace).code == 0


def test_by_default_an_old_release_alarms_unless_a_night_found_nothing_to_do(
    house: House, simrec: Say
) -> None:
    path = house.workspace / "releases" / house.current / "manifest.json"
    old = (datetime.now(UTC) - timedelta(hours=51)).isoformat().replace("+00:00", "Z")
    sealed = files.seal({**files.unseal(path.read_bytes()), "created_at": old})
    path.write_text(json.dumps(sealed))
    for runs, code in (
        ([{"job": "housekeeping"}], 7),
        ([{"job": "nightly", "publish": "skipped"}], 0),
        ([{"job": "nightly", "publish": "skipped"}, *[{"job": "export"}] * 51], 7),
    ):
        journal(house, *runs)
        for line in ([], ["--line"]):
            ran = simrec("status", *line, "-w", house.workspace)
            assert ran.code == code, ran.err
    assert "hours old, release.max_age_hours is 50" in ran.err


def test_units_of_words_are_wrapped_by_their_width() -> None:
    from simrec.cli.terminal import text_width, wrap

    assert wrap("aa bb ccc", 5) == ["aa bb", "ccc"]
    assert wrap("aaaaaaa b", 3) == ["aaa", "aaa", "a b"]
    wide = wrap("相似的文章 abc", 6)
    assert wide == ["相似的", "文章", "abc"]
    assert max(map(text_width, wide)) <= 6
    assert re.sub(r"\s", "", "".join(wide)) == "相似的文章abc"
