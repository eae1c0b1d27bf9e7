"""What an operator looks at: status, the monitor's file, a dry run, the log, what stops a job."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import House, Ran, environment, run, speeches
from tests.jobs.test_nightly import WORSE_CANDIDATES, snapshot

NEW = {**speeches()[3], "id": "new", "title": "Quite new"}


def age(house: House, hours: float) -> None:
    """Let the current release be that old, as its sealed manifest says."""
    from simrec import files

    path = house.workspace / "releases" / house.current / "manifest.json"
    created = (datetime.now(UTC) - timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
    path.write_text(
        json.dumps(files.seal({**files.unseal(path.read_bytes()), "created_at": created}))
    )


def test_status_exits_7_if_the_release_is_too_old(house: House) -> None:
    house.configure("[release]\nmax_age_hours = 26\n")
    config = ("-c", house.folder / "config.toml")
    assert house.simrec("status", "--line", *config).code == 0
    age(house, 26.5)
    ran = house.simrec("status", "--line", *config)
    assert (ran.code, ran.err) == (
        7,
        "simrec: the release is 26.5 hours old, release.max_age_hours is 26; see the last runs\n",
    )
    assert ran.out.count("\n") == 1
    assert f"release {house.current}, 26.5 hours old; last run retrain at " in ran.out
    assert house.simrec("status").code == 0, "without a limit no age is too much"


def test_status_without_a_release_is_too_old_as_well(empty_house) -> None:
    house = empty_house()
    house.configure("[release]\nmax_age_hours = 26\n")
    assert house.step("ingest").code == 0
    ran = house.simrec("status", "--line", "-c", house.folder / "config.toml")
    assert (ran.code, "not there yet" in ran.err) == (7, True)


def test_status_says_what_is_pending_and_how_the_last_runs_ended(house: House) -> None:
    assert house.simrec("status", "--json").rows[0]["pending"] == ""
    house.write_articles([*house.articles, NEW])
    assert house.step("ingest").code == 0
    assert (
        house.simrec("status", "--json").rows[0]["pending"]
        == "1 articles changed since the last release"
    )
    assert house.own_job(WORSE_CANDIDATES).code == 7
    (facts,) = house.simrec("status", "--json").rows
    assert facts["pending"].startswith("1 articles changed since the last release; ")
    refusal = "is staged: the release is refused and the old one stays: 50.0% at most of"
    assert refusal in facts["pending"]
    assert [run["job"] for run in facts["last_runs"]] == ["nightly", "ingest", "retrain"]
    assert [run["exit_code"] for run in facts["last_runs"]] == [7, 0, 0]
    assert "50.0% at most of" in house.simrec("status").out
    shutil.rmtree(next((house.workspace / "staging").glob("*/index.json")).parent)
    assert house.job().code == 0
    assert house.simrec("status", "--json").rows[0]["pending"] == ""


def test_the_monitor_is_told_of_every_run_good_or_bad(house: House) -> None:
    (house.folder / "metrics").mkdir()
    house.configure('[monitor]\nprometheus = "metrics/simrec.prom"\n')
    path, sample = (
        house.folder / "metrics" / "simrec.prom",
        re.compile(r"(simrec_\w+(?:\{.*\})?) (\S+)"),
    )

    def told() -> dict[str, float]:
        lines = path.read_text().splitlines()
        kinds = [line.split()[2] for line in lines if line.startswith("# TYPE")]
        assert len(kinds) == len(set(kinds)), "each name is declared once"
        found = (sample.fullmatch(line) for line in lines if not line.startswith("#"))
        return {match[1]: float(match[2]) for match in found if match}

    house.write_articles([*house.articles, NEW])
    assert house.job().code == 0
    first, release = told(), f'release="{house.current}"'
    assert first["simrec_articles"] == first["simrec_release_articles"] == 401
    assert (
        first['simrec_last_run_exit_code{job="nightly"}']
        == first['simrec_last_run_exit_code{job="retrain"}']
        == 0
    )
    assert first['simrec_last_run_seconds{job="nightly"}'] == house.journal()[-1]["seconds"]
    assert [
        value
        for name, value in first.items()
        if name.startswith("simrec_release_info") and release in name
    ] == [1]
    created = datetime.fromisoformat(
        house.simrec("status", "--json").rows[0]["released_at"]
    ).timestamp()
    assert first["simrec_release_created_timestamp_seconds"] == created

    house.write_articles([*house.articles, *[{"id": "", "text": "nothing"}] * 99])
    assert house.job().code == 7
    assert told()['simrec_last_run_exit_code{job="nightly"}'] == 7
    shutil.rmtree(path.parent)
    house.write_articles(house.articles[:401])
    ran = house.job()
    assert (ran.code, "simrec.prom: not written" in ran.err) == (0, True), (
        "who watches does not decide"
    )


@pytest.mark.parametrize("name", ["nightly", "retrain", "housekeeping"])
def test_a_dry_run_tells_and_changes_nothing(house: House, name: str) -> None:
    changed = {**house.articles[0], "text": "Other words altogether."}
    house.write_articles([changed, *house.articles[2:], NEW, {"id": "bad"}])
    house.configure("[ingest]\nsync = true\n")
    before = snapshot(house.workspace)
    ran = job(house, name, "--dry-run")
    assert (ran.code, ran.err, snapshot(house.workspace)) == (0, "", before)
    told = dict(line.split(": ", 1) for line in ran.out.splitlines())
    if name == "housekeeping":
        assert list(told) == ["verify", "prune", "compact"]
        return
    assert told["ingest"].startswith(
        "401 rows to read, 2 new or changed, 1 to be deleted by sync, 1 to be rejected; about"
    )
    assert told["embed"].startswith("2 texts to encode; about ")
    assert told["index"].startswith("anew; about ")
    assert house.job().code == 0
    done = house.last_steps()
    assert (done["ingest"]["rows_in"], done["ingest"]["rows_out"], done["embed"]["rows_out"]) == (
        401,
        3,
        2,
    )
    told = dict(line.split(": ", 1) for line in job(house, "nightly", "--dry-run").out.splitlines())
    assert (told["embed"], told["publish"]) == ("0 texts to encode", "nothing to do")


def test_a_dry_run_asks_a_database_what_the_night_asks(empty_house) -> None:
    """Only what is new by the watermark is read, and what is not read is not deleted by sync."""
    house = empty_house()
    with closing(sqlite3.connect(house.folder / "news.db")) as db, db:
        db.execute("CREATE TABLE news (id, text, at)")
        db.executemany(
            "INSERT INTO news VALUES (?, ?, ?)",
            [(row["id"], row["text"], 1) for row in speeches()[:30]],
        )
    source = 'url = "sqlite:///news.db"\nquery = "SELECT * FROM news"\nwatermark = "at"\n'
    (house.folder / "config.toml").write_text(f"[[sources]]\n{source}[ingest]\nsync = true\n")
    assert job(house, "nightly", "--dry-run").out.startswith(
        "ingest: 30 rows to read, 30 new or changed, 0 to be"
    )
    assert house.step("ingest").code == 0
    with closing(sqlite3.connect(house.folder / "news.db")) as db, db:
        db.execute("DELETE FROM news WHERE id = ?", (speeches()[0]["id"],))
        db.execute(
            "UPDATE news SET at = 2, text = 'Other words.' WHERE id = ?", (speeches()[1]["id"],)
        )
        db.execute("UPDATE news SET at = 0 WHERE id <> ?", (speeches()[1]["id"],))
    told = job(house, "nightly", "--dry-run").out
    assert told.startswith(
        "ingest: 1 rows to read, 1 new or changed, 1 to be deleted by sync, 0 to be rejected"
    )


def test_a_dry_run_makes_no_workspace(empty_house) -> None:
    house = empty_house()
    ran = job(house, "nightly", "--dry-run")
    assert (ran.code, "400 texts to encode; no run has measured it yet" in ran.out) == (0, True), (
        ran.err
    )
    assert not house.workspace.exists()


def job(house: House, name: str, *options: str):
    script = Path(__file__).parents[2] / "jobs" / f"{name}.py"
    return run(script, "-c", house.folder / "config.toml", "-w", house.workspace, *options)


def test_the_log_as_json(house: House) -> None:
    house.write_articles([*house.articles, NEW, {"id": "bad"}])
    records = [
        json.loads(line)
        for line in job(house, "nightly", "-v", "--log-format", "json").err.splitlines()
    ]
    assert [record["message"].partition(":")[0] for record in records if record["level"] == "info"] == [
        "ingest", "embed", "index", "recommend", "evaluate", "publish", "export",
    ]  # fmt: skip
    assert [record["level"] for record in records].count("warning") == 1
    house.write_articles([])
    house.configure("[ingest]\nsync = true\n")
    (record,) = [
        json.loads(line) for line in job(house, "nightly", "--log-format", "json").err.splitlines()
    ]
    assert record.keys() == {"time", "level", "logger", "message"}
    assert (record["level"], "sync would delete 401 of 401" in record["message"]) == ("error", True)


def test_a_step_that_fails_is_in_the_journal_with_its_cost(house: House) -> None:
    failing = "def fail(night): 1 / 0\nSTEPS = [steps.ingest, Step('embed', fail), steps.index]"
    assert house.own_job(failing).code == 1
    *_, failed = house.journal()[-1]["steps"]
    assert (failed["step"], failed["state"], failed.keys() >= {"seconds", "cpu_seconds", "peak_mib"}) == (
        "embed", "failed", True,
    )  # fmt: skip


def test_a_clock_that_was_set_back_stops_the_night(house: House) -> None:
    house.write_articles([*house.articles, NEW])
    back = (
        "import simrec.log as l\nnow = l.now\n"
        "l.now = lambda precision='microseconds', later=0: now(precision, later - {seconds})"
    )
    before = snapshot(house.workspace)
    before.pop("LOCK")
    ran = house.job(before=back.format(seconds=3_600))
    after = snapshot(house.workspace)
    after.pop("LOCK")
    assert (ran.code, "the clock says " in ran.err, "Traceback" in ran.err, after) == (
        3,
        True,
        False,
        before,
    )
    assert house.job(before=back.format(seconds=0)).code == 0
    assert house.job(before=back.format(seconds=36)).code == 0, (
        "clocks are corrected by seconds all the time"
    )


# Root may do everything; without these it may do what the owner of its files may.
AS_OWNER = (
    ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
)


def as_owner(house: House) -> Ran:
    if AS_OWNER and not shutil.which("setpriv"):
        pytest.skip("root may read and write everything")
    command = [*AS_OWNER, sys.executable, "-c", house.job_code("nightly", "")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    return Ran(done.returncode, done.stdout, done.stderr)


FORBIDDEN = [
    ("config.toml", 0), ("articles.jsonl", 0), ("workspace", 0o500), ("workspace/LOCK", 0o400),
    ("workspace/FORMAT", 0), ("workspace/CURRENT", 0), ("workspace/articles.db", 0o400), ("workspace/articles.db", 0),
    ("workspace/encoders/*/manifest.json", 0), ("workspace/encoders/*/encoder.onnx", 0),
    ("workspace/encoders/*/tokenizer.json", 0), ("workspace/embeddings/*[!d]", 0o500),
    ("workspace/embeddings/*[!d]/*.npz", 0), ("workspace/staging", 0o500), ("workspace/releases/*", 0),
    ("workspace/releases", 0o500),
]  # fmt: skip


def test_what_may_not_be_read_or_written_is_a_sentence(house: House) -> None:
    current, before = house.current, snapshot(house.workspace / "releases")
    for number, (path, mode) in enumerate(FORBIDDEN):
        new = {**NEW, "id": f"new {number}", "text": f"{NEW['text']} {path}"}
        house.write_articles([*house.articles, new])  # or there is nothing to write
        (found, *_) = house.folder.glob(path)
        usual = found.stat().st_mode
        found.chmod(mode)
        ran = as_owner(house)
        found.chmod(usual)
        assert (ran.code, "Traceback" in ran.err) == (3, False), (path, ran.err)
        assert re.search(
            "[Pp]ermission denied|readonly|unable to open", ran.err.splitlines()[-1]
        ), (path, ran.err)
        assert ran.err.splitlines()[-1].startswith("simrec: "), (path, ran.err)
        assert (house.current, snapshot(house.workspace / "releases")) == (current, before), path
    assert house.job().code == 0


def test_a_read_only_disk_answers_and_refuses_to_change(house: House) -> None:
    house.write_articles([*house.articles, NEW])
    before, bound = (
        snapshot(house.workspace),
        ["mount", "--bind", str(house.workspace), str(house.workspace)],
    )
    if subprocess.run(bound, capture_output=True).returncode:
        pytest.skip("only root may mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(house.workspace)], check=True)
        ran = house.job()
        assert (ran.code, "Read-only file system" in ran.err, "Traceback" in ran.err) == (
            3,
            True,
            False,
        ), ran.err
        assert house.simrec("similar", house.articles[0]["id"]).code == 0
        assert house.simrec("verify").code == 0
        assert house.simrec("status").code == 0
    finally:
        subprocess.run(["umount", "--lazy", str(house.workspace)], check=True)
    assert snapshot(house.workspace) == before
    assert house.job().code == 0
