"""A limit of time for one row, so that a row that never ends is named instead of waited for."""

import atexit
import signal
import threading
import time
from types import FrameType

TICK = 1.0  # seconds at most between two looks at the clock


class TooSlowError(ValueError):
    """A row takes longer than it may."""


class _Clock:
    """Looks from time to time whether the row at work is late: a timer for each row costs more."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.seconds = 0.0
        self._tick = 0.0

    def start(self, seconds: float) -> None:
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds
        tick = min(TICK, seconds / 2)
        if not self._tick or tick < self._tick:
            self._begin(tick)

    def _begin(self, tick: float) -> None:
        """Look every so often; signals reach the main thread alone, others have no limit."""
        if threading.current_thread() is threading.main_thread():
            self._tick = tick
            signal.signal(signal.SIGALRM, self._look)
            signal.setitimer(signal.ITIMER_REAL, tick, tick)

    def _look(self, _: int, __: FrameType | None) -> None:
        if self.deadline is None:
            self._tick = 0.0
            _stop()
        elif time.monotonic() > self.deadline:
            self.deadline = None
            seconds = f"limits.row_seconds = {self.seconds:g}"
            raise TooSlowError(f"it takes more than {seconds} to read")


def _stop() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)


_CLOCK = _Clock()
# Python takes its handlers away as it ends, and a signal that came then would kill it.
atexit.register(_stop)


class TimeLimit:
    """Raises TooSlowError in what is done inside once it has taken so many seconds.

    Python and its regular expressions are interrupted, other compiled code is not. One limit at a
    time.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        _CLOCK.start(self.seconds)

    def __exit__(self, *_: object) -> None:
        _CLOCK.deadline = None
