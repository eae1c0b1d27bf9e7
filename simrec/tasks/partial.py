"""How far running tasks are: a long task tells, and a bar moves before the task is done."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, Protocol

SECONDS_BETWEEN_LOOKS = 0.25


class Bar(Protocol):
    """A progress bar; it is disabled where there is no terminal."""

    disable: bool

    def update(self, units: float) -> object:
        """Move the bar by so many units."""


class _OwnUnits:
    """A counter of this process alone, with what one in shared memory has."""

    def __init__(self) -> None:
        self.value = 0.0
        self._lock = threading.Lock()

    def get_lock(self) -> threading.Lock:
        return self._lock


class _Told:
    """Units that tasks of all processes have told of, and the task that this process runs."""

    def __init__(self) -> None:
        self.units: Any = _OwnUnits()
        self.of_task = 0.0  # units of the task that runs here
        self.share = 0.0  # of them told so far


_told = _Told()


def shared_units() -> Any:
    """Return the counter that worker processes are to share with this one; see `share_units`."""
    if isinstance(_told.units, _OwnUnits):
        _told.units = get_context("spawn").Value("d", _told.units.value)
    return _told.units


def share_units(units: Any) -> None:
    """In a worker: count into the counter of the process that began it."""
    _told.units = units


@contextmanager
def task_of(units: int) -> Iterator[None]:
    """Say that a task of so many units runs in this process."""
    _told.of_task = units
    _told.share = 0.0
    try:
        yield
    finally:
        _told.of_task = 0.0


def tell(share: float) -> None:
    """Say that a share of the task is done, 0 to 1; nothing happens outside of a task."""
    if not _told.of_task:
        return
    with _told.units.get_lock():
        _told.units.value += _told.of_task * (share - _told.share)
    _told.share = share


@contextmanager
def following(bar: Bar) -> Iterator[Callable[[int], None]]:
    """Move a bar by what tasks tell; yield what is called with the units of each task at its end.

    A task on another machine tells nothing, and counts when it is done.
    """
    start = _told.units.value
    ended = threading.Event()
    lock = threading.Lock()
    done = 0
    shown = 0.0

    def show() -> None:
        nonlocal shown
        with lock:
            units = max(done, int(_told.units.value - start))
            bar.update(max(0.0, units - shown))
            shown = max(shown, units)

    def look() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            show()

    def finished(units: int) -> None:
        nonlocal done
        done += units
        show()

    watcher = threading.Thread(target=look, daemon=True)
    if not bar.disable:
        watcher.start()
    try:
        yield finished
    finally:
        ended.set()
        if watcher.is_alive():
            watcher.join()
