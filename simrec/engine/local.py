"""The local engine: independent tasks in a pool of single-threaded processes."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import connection, get_context, parent_process
from typing import Any


def worker_count(configured: int) -> int:
    """Return the configured number of workers, or one for each core this process may use."""
    return configured or len(os.sched_getaffinity(0))


class Local:
    """A pool of processes of one thread each."""

    elsewhere = False

    def __init__(self, workers: int) -> None:
        self.workers = worker_count(workers)

    def run(self, task: Callable[[Any], Any], arguments: Sequence[Any]) -> Iterator[Any]:
        """Yield `task(argument)` for every argument, as they finish; the first failure cancels the rest.

        Processes are spawned, since a forked child of a process that used OpenMP hangs.
        """
        workers = min(self.workers, len(arguments))
        if workers <= 1:
            yield from map(task, arguments)
            return
        with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker) as pool:
            futures = [pool.submit(task, argument) for argument in arguments]
            try:
                for future in as_completed(futures):
                    yield future.result()
            finally:
                pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Use one thread, and end when the parent does: a killed job must not leave workers behind."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    parent = parent_process()
    if parent:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
