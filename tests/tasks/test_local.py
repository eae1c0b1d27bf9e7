"""The local engine: it runs every argument once and raises the first failure."""

import os
import time
from pathlib import Path

import pytest

from simrec.tasks import local


def square(number: int) -> int:
    if number < 0:
        raise ValueError(f"negative: {number}")
    return number * number


def linger(folder: str) -> None:
    (Path(folder) / f"{os.getpid()}.pid").write_text("")
    time.sleep(120)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_runs_once(workers: int) -> None:
    assert sorted(local.LocalEngine(workers).run(square, range(20))) == [n * n for n in range(20)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_is_raised_as_it_was(workers: int) -> None:
    with pytest.raises(ValueError, match="negative: -3"):
        list(local.LocalEngine(workers).run(square, [1, 2, -3, 4]))


def test_no_configured_workers_are_one_a_core() -> None:
    assert local.worker_count(0) == len(os.sched_getaffinity(0))
    assert local.worker_count(3) == 3
