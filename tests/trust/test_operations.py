"""How runs end, and what they leave for others to read."""

import errno
import json
import logging
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simrec import database, files, journal, log
from simrec.config import MonitorConfig
from simrec.config_file import load
from simrec.errors import ConfigError
from simrec.exit_codes import as_simrec_error
from simrec.journal import RunRecord
from tests.conftest import House, environment

PIPES = (errno.EPIPE, errno.ESHUTDOWN)  # of `| head`
WAITS = "import time\nSTEPS = [Step('wait', lambda night: print('ready', flush=True) or time.sleep(60))]"
DONE = (
    "from simrec.steps import StepResult\nSTEPS = [Step('done', lambda night: StepResult('done'))]"
)


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def test_a_stopped_run_is_in_the_journal_whatever_stopped_it(fresh: House) -> None:
    """A killed run is found by the next one, and named."""
    numbers = [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]
    codes = []
    for number in numbers:
        command = [sys.executable, *map(str, fresh.own_job_command(WAITS))]
        run = subprocess.Popen(
            command,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert run.stdout and run.stdout.readline() == "ready\n"
        run.send_signal(number)
        if number != signal.SIGKILL:
            run.send_signal(number)
            run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
        codes.append(run.returncode)
        assert "Traceback" not in errors
    assert codes == [130, 130, -9]
    ran = fresh.own_job(DONE)
    assert (ran.code, "began at" in ran.err, "was killed" in ran.err) == (0, True, True), ran.err
    assert [each["exit_code"] for each in fresh.journal()] == [130, 130, 137, 0]
    assert "KeyboardInterrupt('SIG" in fresh.journal()[0]["error"]
    assert not (fresh.workspace / "RUNNING").exists()
    assert stat.S_IMODE((fresh.workspace / "journal.jsonl").stat().st_mode) == 0o600


def test_the_journal_is_readable_where_the_configuration_says_so(tmp_path: Path) -> None:
    run = RunRecord(job="nightly", started_at="2026-01-01T00:00:00Z", exit_code=0)
    for mode in (0o600, 0o644, 0o600):
        journal.append_run(tmp_path / "journal.jsonl", run, mode)
        assert stat.S_IMODE((tmp_path / "journal.jsonl").stat().st_mode) == mode
    assert not MonitorConfig().readable_journal


@pytest.mark.parametrize("line", ["{}", "[]", "[" * 100_000, '{"job": 1}', "\xff", "null",
    '{"job": "x", "started_at": "never", "exit_code": 0}'])  # fmt: skip
def test_a_broken_line_of_the_journal_is_passed_over(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.jsonl"
    runs = [
        RunRecord(job=f"job {n}", started_at="2026-01-01T00:00:00Z", exit_code=0) for n in range(2)
    ]
    journal.append_run(path, runs[0])
    with path.open("a", encoding="latin-1") as file:
        file.write(f"{line}\n")
    journal.append_run(path, runs[1])
    assert journal.read_runs(path) == runs


@pytest.mark.parametrize("number", [number for number in errno.errorcode if number not in PIPES])
def test_every_error_of_the_system_is_a_sentence(number: int) -> None:
    error = as_simrec_error(OSError(number, os.strerror(number), "/ws/CURRENT"))
    assert isinstance(error, ConfigError)
    assert errno.errorcode[number] in str(error)
    assert str(error).startswith("/ws/CURRENT: ")


def test_what_a_lock_is_linked_to_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("my words")
    (tmp_path / "LOCK").symlink_to(tmp_path / "mine")
    with pytest.raises(ConfigError, match="a link"), files.lock(tmp_path / "LOCK"):
        pass
    assert (tmp_path / "mine").read_text() == "my words"


SECRETS = [
    "$ecret",
    "p@ss",
    "p@ss@w9rd",
    "$ECRET1",
    "sec:ret",
    "${secret}",
    "100%25",
    "#hash",
    "a?b",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_message_and_no_file_shows_a_password(tmp_path: Path, secret: str) -> None:
    from simrec import last_config
    from simrec.last_config import LoadedConfig
    from simrec.workspace import Workspace

    urls = [
        f"postgresql://ada:{secret}@127.0.0.1:1/news",
        f"mysql://127.0.0.1:1/n?password={secret}",
    ]
    for url in urls:
        path = tmp_path / "config.toml"
        path.write_text(f"[[sources]]\nurl = {json.dumps(url)}\nquery = 'SELECT 1'\n")
        config = load(path)
        workspace = Workspace.create(tmp_path / "ws")
        last_config.remember(workspace, LoadedConfig(config, path))
        said = workspace.last_config.read_text()
        try:
            with database.transaction(config.sources[0].url):
                raise AssertionError("there is no server")
        except ConfigError as error:
            said += str(error)
        for part in (secret, *secret.split("@")[1:], secret.strip("${}")):
            if len(part) > 2 and part not in ("100%25",):
                assert part not in said, (url, said)


def test_a_password_comes_from_a_file_or_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        "[[sources]]\nurl = 'postgresql://ada@h/n'\nquery = 'SELECT 1'\npassword_file = 'news'\n"
    )
    (tmp_path / "news").write_text("p@ss $word\nsecond line")
    assert database.resolve(load(path).sources[0].url).password == "p@ss $word"
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "news").write_text("of the unit\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert database.resolve(load(path).sources[0].url).password == "of the unit"
    monkeypatch.setenv("NEWS_PASSWORD", "from outside")
    assert database.resolve("postgresql://ada:$NEWS_PASSWORD@h/n").password == "from outside"
    assert database.resolve("postgresql://ada:$$NEWS@h/n").password == "$NEWS"


def test_what_is_logged_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(verbose=True)
    logging.getLogger("simrec").warning("one %s\ntwo", "\x1b[31m\r\u202e")
    assert capsys.readouterr().err == "one \\x1b[31m\\r\\u202e\ntwo\n"
