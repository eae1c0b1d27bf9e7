"""Threads for what takes milliseconds: texts, searches and scans, so many at once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from simrec.serve.problems import RETRY_AFTER, RequestError
from simrec.serve.settings import WAITING_SEARCHES

Answer = TypeVar("Answer")


class SearchSlots:
    """Runs so many searches at once, lets some wait, and refuses the others.

    The loop goes on answering look-ups meanwhile. It is used in the loop's thread alone.
    """

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="search")
        self._most = at_once * (1 + WAITING_SEARCHES)
        self.in_use = 0

    async def run(self, search: Callable[..., Answer], *arguments: Any) -> Answer:
        """Run a search in a thread; RequestError 503 if too many wait already."""
        if self.in_use >= self._most:
            raise RequestError(503, "too many searches wait already; ask again soon", RETRY_AFTER)
        self.in_use += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, search, *arguments)
        finally:
            self.in_use -= 1

    def close(self) -> None:
        """End the threads as soon as their searches have ended."""
        self._threads.shutdown(wait=False, cancel_futures=True)
