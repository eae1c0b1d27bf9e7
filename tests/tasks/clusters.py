"""A Dask cluster on this machine: a scheduler and two workers that note their tasks."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import House, Ran, environment

ALLOWED = "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"

# Python that a worker runs first: it notes every task in a file, and each takes a moment.
NOTED = """
import os, time
import simrec.tasks.dask as engine
run_here = engine.run_here
def run_noted(versions, work, task):
    def noted(task):
        with open({started!r}, "a") as file:
            file.write(f"{{os.getpid()}} {{getattr(task, 'path', task)}}\\n")
        time.sleep({seconds})
        {happens}
        return work(task)
    return run_here(versions, noted, task)
engine.run_here = run_noted
"""
WORKER = """
{before}
import sys
from distributed.cli.dask_worker import main
sys.argv[0] = 'dask-worker'
main()
"""


@dataclass
class Cluster:
    """A scheduler, workers, and what these say that they have started."""

    folder: Path
    scheduler: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return str(json.loads((self.folder / "scheduler.json").read_text())["address"])

    @property
    def shards(self) -> list[tuple[int, Path]]:
        """Those of `started` that are shards of the cache."""
        return [(process, path) for process, path in self.started if "embeddings" in path.parts]

    @property
    def started(self) -> list[tuple[int, Path]]:
        """The process and the part of every task that was started, in order."""
        path = self.folder / "started"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(line.split()[0]), Path(line.split()[1])) for line in lines]

    def work_for(self, house: House, wait_seconds: float = 30) -> None:
        """Let the house run its tasks here, and wait so long for a worker."""
        path = house.folder / "config.toml"
        engine = f'kind = "dask"\nscheduler = "{self.address}"\nwait_seconds = {wait_seconds}'
        path.write_text(path.read_text().replace("[engine]", f"[engine]\n{engine}"))


@contextmanager
def cluster(
    folder: Path,
    before: str = "",
    seconds: float = 0.0,
    happens: str = "pass",
    deaths_allowed: int = 10,
) -> Iterator[Cluster]:
    """Start a scheduler and two workers, which run `before` first, and `happens` in every task."""
    folder.mkdir()
    noted = NOTED.format(started=str(folder / "started"), seconds=seconds, happens=happens)
    scheduler = [
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
    ]
    scheduler += ["--scheduler-file", str(folder / "scheduler.json")]
    processes = []
    try:
        processes.append(
            _start(scheduler, folder / "scheduler.log", **{ALLOWED: str(deaths_allowed)})
        )
        processes += [start_worker(folder, noted + before, f"worker{n}.log") for n in range(2)]
        for n in range(2):
            joined(folder / f"worker{n}.log")
        yield Cluster(folder, processes[0])
    finally:
        for process in processes:
            process.kill()
            process.wait()


def start_worker(folder: Path, before: str, log: str) -> subprocess.Popen[bytes]:
    arguments = [
        "-c",
        WORKER.format(before=before),
        "--scheduler-file",
        str(folder / "scheduler.json"),
    ]
    arguments += [
        "--nthreads",
        "1",
        "--no-nanny",
        "--no-dashboard",
        "--local-directory",
        str(folder),
    ]
    return _start(arguments, folder / log)


def joined(log: Path) -> str:
    """Wait until a worker has joined; return its address."""
    until(lambda: "Starting established connection" in log.read_text(), f"{log} has no worker")
    return next(
        line.split()[-1] for line in log.read_text().splitlines() if "Start worker at:" in line
    )


def _start(arguments: list[str], log: Path, **more: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as said:
        streams = {"stdout": said, "stderr": said}
        return subprocess.Popen(
            [sys.executable, *arguments], env=environment() | more, cwd=log.parent, **streams
        )


def until(happened: Callable[[], object], otherwise: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def copy(house: House, folder: Path) -> House:
    shutil.copytree(house.folder, folder)
    return House(folder)


def refusal(ran: Ran) -> str:
    """The one sentence that a run ends with."""
    assert "Traceback" not in ran.err, ran.err
    return ran.err.splitlines()[-1]


def released(house: House) -> dict[str, str]:
    """The checksums of the current release's files; its manifest is left out, since it is dated."""
    folder = house.workspace / "releases" / house.current
    files = (path for path in folder.iterdir() if path.name != "manifest.json")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
