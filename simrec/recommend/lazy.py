"""Values that are made on first use."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Lazy(Generic[Value]):
    """A value that is made when it is first needed, and once for all threads.

    If making it fails, the next use tries again.
    """

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._values: list[Value] = []

    def get(self) -> Value:
        """Return the value; other threads wait while it is made."""
        with self._lock:
            if not self._values:
                self._values.append(self._make())
            return self._values[0]
