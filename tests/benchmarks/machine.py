"""Where figures are taken, and what a process costs."""

import os
import platform
import resource
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def print_machine(command: str) -> None:
    """Say where and on what the figures were taken."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT
    )
    model = next(
        line
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    print(
        f"{model.partition(': ')[2]}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"
    )
    print(f"commit {commit.stdout.strip() or 'unknown'}")
    print(f"command: {command}")


def cpu_seconds(command: list[str]) -> float:
    """Run a command and return the user and system time of its process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
