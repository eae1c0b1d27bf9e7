"""The journal: what is written can be read, by this simrec and by those before it."""

import json
from pathlib import Path

import pytest

from simrec import files, journal
from simrec.errors import ReleaseError
from simrec.journal import RunRecord, StepRecord

RELEASE = "0123456789abcdef"
OLD_PUBLISH = {
    "step": "publish", "state": "done", "rows_in": 1, "rows_out": 1,
    "what": f"{RELEASE} is the current release", "seconds": 0.1, "cpu_seconds": 0.1, "peak_mib": 90,
}  # fmt: skip
OLD_RUN = {
    "job": "nightly", "started_at": "2024-01-01T00:00:00Z", "steps": [OLD_PUBLISH], "exit_code": 0,
    "seconds": 1.5, "cpu_seconds": 1.0, "peak_mib": 100,
}  # fmt: skip


def written(path: Path, *runs: dict) -> Path:
    path.write_text("".join(json.dumps(files.seal(run)) + "\n" for run in runs))
    return path


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    step = StepRecord(step="ingest", state="done", rows_in=3, rows_out=2, what="3 read", seconds=1)
    run = RunRecord(job="nightly", started_at="2024-05-31T02:30:00Z", steps=[step], exit_code=7)
    run.error = "a gate refused: half of a pair \ud800"
    path = tmp_path / "journal.jsonl"
    journal.append_run(path, run)
    journal.append_run(path, run)
    assert journal.read_runs(path) == [run, run]


def test_lines_of_older_and_newer_versions_are_read(tmp_path: Path) -> None:
    failed = {"step": "embed", "state": "failed", "seconds": 1, "cpu_seconds": 1, "peak_mib": 9}
    broken = {**OLD_RUN, "steps": [failed], "exit_code": 5, "error": "damaged"}
    newer = {**OLD_RUN, "machine": "a", "steps": [{**OLD_PUBLISH, "release": RELEASE, "more": 1}]}
    runs = journal.read_runs(written(tmp_path / "journal.jsonl", OLD_RUN, broken, newer))
    assert [run.exit_code for run in runs] == [0, 5, 0]
    assert [run.published(RELEASE) for run in runs] == [True, False, True]
    assert not runs[0].published("0123456789abcde0")
    assert runs[1].step("embed").rows_out == 0
    assert runs[1].step("publish") is None


def test_older_versions_find_all_keys(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    step = StepRecord(step="publish", state="done", release=RELEASE)
    journal.append_run(path, RunRecord(job="nightly", started_at="", steps=[step], exit_code=0))
    line = json.loads(path.read_text())
    assert line.keys() >= OLD_RUN.keys()
    assert line["steps"][0].keys() >= OLD_PUBLISH.keys()


@pytest.mark.parametrize("line", ['{"job": "x", "seal": "0"}', "[]}"])
def test_a_damaged_line_is_passed_over_and_named(tmp_path: Path, line: str) -> None:
    path = written(tmp_path / "journal.jsonl", OLD_RUN)
    path.write_text(path.read_text() + f"{line}\n" + path.read_text())
    assert len(journal.read_runs(path)) == 2
    with pytest.raises(ReleaseError, match="line 2: "):
        journal.verify(path)


def test_half_a_line_is_no_damage(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.jsonl", OLD_RUN)
    path.write_text(path.read_text() + '{"job": "nigh')
    assert len(journal.read_runs(path)) == 1
    journal.verify(path)
