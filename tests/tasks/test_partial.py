"""A bar moves with what running tasks tell, and not only when one is done."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from simrec import log
from simrec.tasks import partial
from simrec.tasks.local import LocalEngine
from simrec.tasks.stages import run_missing


class SlowTask(NamedTuple):
    """A task of 100 units, which tells of 40 and 70 and waits until the test has seen them."""

    path: Path


class Bar:
    disable = False

    def __init__(self) -> None:
        self.units = 0.0
        self.seen: list[float] = []

    def update(self, units: float) -> None:
        self.units += units
        self.seen.append(self.units)
        (self.folder / f"seen-{self.units:.0f}").touch()

    folder: Path


def tell_and_wait(task: SlowTask) -> int:
    with partial.task_of(100):
        for units in (40, 70):
            partial.tell(units / 100)
            deadline = time.monotonic() + 60
            while not (task.path.parent / f"seen-{units}").exists():
                assert time.monotonic() < deadline, "the bar does not move"
                time.sleep(0.01)
        partial.tell(1.0)
    task.path.touch()
    return 100


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bar_moves_within_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    bar = Bar()
    bar.folder = tmp_path

    @contextmanager
    def progress(*_: object) -> Iterator[Bar]:
        yield bar

    monkeypatch.setattr(log, "progress", progress)
    tasks = [SlowTask(tmp_path / "done")]
    if workers > 1:  # two tasks, or there is no second process
        tasks.append(SlowTask(tmp_path / "at once"))
        work = tell_at_once
    else:
        work = tell_and_wait
    with LocalEngine(workers) as engine:
        run_missing(engine.run, work, tasks, "embed", 100 * len(tasks))
    assert bar.units == 100 * len(tasks)
    assert bar.seen == sorted(bar.seen)


def tell_at_once(task: SlowTask) -> int:
    if task.path.name == "at once":
        task.path.touch()
        return 100
    with partial.task_of(100):
        partial.tell(0.4)
        deadline = time.monotonic() + 60
        while not any((task.path.parent / f"seen-{units}").exists() for units in (40, 100)):
            assert time.monotonic() < deadline, "the bar does not move"
            time.sleep(0.01)
    task.path.touch()
    return 100


def test_what_tells_outside_of_a_task_counts_nothing() -> None:
    before = partial.shared_units().value
    partial.tell(0.5)
    assert partial.shared_units().value == before
