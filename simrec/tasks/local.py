"""The local engine: independent tasks in a pool of single-threaded processes."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import connection, get_context, parent_process
from typing import Any

# Read by tokenizers, OpenMP and OpenBLAS when they are loaded.
ONE_THREAD = {
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def worker_count(configured: int) -> int:
    """Return the configured number of workers, or one for each core this process may use."""
    return configured or len(os.sched_getaffinity(0))


class Local:
    """A pool of processes of one thread each, which live as long as the engine is open."""

    elsewhere = False

    def __init__(self, workers: int) -> None:
        self.workers = worker_count(workers)
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Local":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def run(self, task: Callable[[Any], Any], arguments: Sequence[Any]) -> Iterator[Any]:
        """Yield `task(argument)` for every argument, as they finish; the first failure cancels the rest.

        A single one runs in this process, with all its threads. Processes are spawned, since a forked
        child of a process that used OpenMP hangs.
        """
        if min(self.workers, len(arguments)) <= 1:
            yield from map(task, arguments)
            return
        self._pool = self._pool or ProcessPoolExecutor(
            self.workers, get_context("spawn"), _start_worker
        )
        futures = [self._pool.submit(task, argument) for argument in arguments]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def _start_worker() -> None:
    """Use one thread, and end when the parent does: a killed job must not leave workers behind."""
    os.environ.update(ONE_THREAD)
    parent = parent_process()
    if parent:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
