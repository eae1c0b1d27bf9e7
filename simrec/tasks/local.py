"""The local engine: independent tasks in a pool of single-threaded processes."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import connection, get_context, parent_process
from typing import Any

from simrec.tasks.partial import share_units, shared_units

# Read by tokenizers, OpenMP and OpenBLAS when they are loaded.
ONE_THREAD = {
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def worker_count(configured: int) -> int:
    """Return the configured number of workers; 0 is one for each core that this process may use."""
    return configured or len(os.sched_getaffinity(0))


class LocalEngine:
    """A pool of processes with one thread each, which live as long as the engine is open."""

    is_remote = False

    def __init__(self, workers: int) -> None:
        self.workers = worker_count(workers)
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "LocalEngine":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def run(self, work: Callable[[Any], Any], arguments: Sequence[Any]) -> Iterator[Any]:
        """Yield `work(argument)` for every argument, as they finish; a failure cancels the rest.

        A single task, or a single worker, runs in this process with all its threads.
        """
        if min(self.workers, len(arguments)) <= 1:
            yield from map(work, arguments)
            return
        pool = self._open_pool()
        futures = [pool.submit(work, argument) for argument in arguments]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()

    def _open_pool(self) -> ProcessPoolExecutor:
        """Return the pool. It spawns, since a forked child of a process that used OpenMP hangs."""
        if self._pool is None:
            context = get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self.workers, context, _start_worker, (shared_units(),)
            )
        return self._pool


def _start_worker(units: Any) -> None:
    """Use one thread, and end when the parent does: a killed job must not leave workers behind."""
    share_units(units)
    os.environ.update(ONE_THREAD)
    parent = parent_process()
    if parent:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
