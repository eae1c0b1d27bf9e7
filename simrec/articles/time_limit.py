"""A limit of time for one row, so that a row that never ends is named instead of waited for."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooSlowError(ValueError):
    """A row takes longer than it may."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlowError in what is done inside once it has taken so many seconds.

    Python and its regular expressions are interrupted, other compiled code is not. Signals reach
    the main thread alone, so that there is no limit in any other.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_: int, __: FrameType | None) -> None:
        raise TooSlowError(f"it takes more than limits.row_seconds = {seconds:g} to read")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
