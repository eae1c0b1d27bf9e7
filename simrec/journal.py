"""The run journal: one sealed line of JSON for each run of a job and what its steps did."""

import json
import resource
import time
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from simrec import files
from simrec.errors import ReleaseError

PRIVATE = 0o600
KILLED = 137  # as a shell says of what SIGKILL ended


class StepRecord(Struct, kw_only=True):
    """How a step ended, what it did and cost, and the release that it published, if it did.

    The seconds and the peak memory of one process include those of child processes.
    """

    step: str
    state: Literal["done", "skipped", "failed"]
    rows_in: int = 0
    rows_out: int = 0
    what: str = ""
    release: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: int = 0


class RunRecord(Struct, kw_only=True):
    """How a run of a job ended; started_at is a UTC timestamp, error is empty if all went well."""

    job: str
    started_at: str
    steps: list[StepRecord] = []
    exit_code: int
    error: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: int = 0

    def step(self, name: str) -> StepRecord | None:
        """Return the record of a step, or None if the run did not come as far."""
        for record in self.steps:
            if record.step == name:
                return record
        return None

    def published(self, release_id: str) -> bool:
        """Tell whether this run published that release; old journals say so in words only."""
        record = self.step("publish")
        if record is None or record.state != "done":
            return False
        return record.release == release_id or record.what.startswith(f"{release_id} ")


class Stopwatch:
    """Measures what has been spent since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._cpu_seconds = _cpu_seconds()

    @property
    def seconds(self) -> float:
        """Return the seconds that have passed."""
        return round(time.monotonic() - self._started, 3)

    def note(self, record: StepRecord | RunRecord) -> None:
        """Write what has been spent into a record."""
        record.seconds = self.seconds
        record.cpu_seconds = round(_cpu_seconds() - self._cpu_seconds, 3)
        record.peak_mib = max(usage.ru_maxrss for usage in _usages()) // 1024  # Linux counts KiB


def append_run(path: Path, run: RunRecord, mode: int = PRIVATE) -> None:
    """Add one run to the journal, which then has that mode."""
    sealed = files.seal(msgspec.to_builtins(run))
    files.append_line(path, json.dumps(sealed, ensure_ascii=False), mode)


def read_runs(path: Path) -> list[RunRecord]:
    """Return the runs in order, without lines that are damaged or that a crash cut off.

    Who may not read the journal sees none.
    """
    runs = []
    for line in _lines(path):
        try:
            runs.append(_run_of(line))
        except ValueError:
            continue
    return runs


def _run_of(line: bytes) -> RunRecord:
    """Return the run of a line; ValueError if it is none, or differs from what was sealed."""
    try:
        run = msgspec.convert(files.unseal(line), RunRecord)
    except RecursionError:
        raise ValueError("no JSON object") from None
    datetime.fromisoformat(run.started_at)
    return run


def begin_run(path: Path, job: str, started_at: str) -> None:
    """Note a run that is at work, so that the next finds it if it is killed."""
    files.write(path, json.dumps({"job": job, "started_at": started_at}).encode())


def find_killed(path: Path) -> RunRecord | None:
    """Return the record of the run that was at work last and did not end by itself."""
    try:
        noted = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        datetime.fromisoformat(noted["started_at"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError):  # cut by a crash of the machine
        noted = {"started_at": "1970-01-01T00:00:00Z"}
    return RunRecord(
        job=noted.get("job", "unknown"),
        started_at=noted["started_at"],
        exit_code=KILLED,
        error="killed before its end; the run after it found this",
    )


def verify(path: Path) -> None:
    """Raise ReleaseError that names the first damaged line; one cut off by a crash is none."""
    for number, line in enumerate(_lines(path), start=1):
        try:
            _run_of(line)
        except ValueError as error:
            if line.endswith(b"}") or b'"seal": ' in line:
                raise ReleaseError(f"{path}, line {number}: {error}; remove the line") from error


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except (FileNotFoundError, PermissionError):
        return []


def _usages() -> list[resource.struct_rusage]:
    return [
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    ]


def _cpu_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in _usages())
