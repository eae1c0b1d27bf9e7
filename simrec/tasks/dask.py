"""The engine of many machines: Dask distributed schedules the tasks, whose files are on a disk that all of them see."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib import metadata
from itertools import islice
from typing import Any

from distributed import CancelledError, Client, Future, KilledWorker, get_worker, wait
from threadpoolctl import threadpool_limits

from simrec import __version__
from simrec.errors import ConfigError, SimrecError

DECIDE_BYTES = ("markdown-it-py", "numpy", "onnxruntime", "resiliparse", "tokenizers")
AHEAD = 256  # tasks that the scheduler knows of at a time; one carries 4,096 keys, about 80 KB
RETRIES = 3  # of a task that raises; one whose worker died is the scheduler's `allowed-failures`
NAMED = 5  # failed tasks that an error names
CONNECT_SECONDS = 10
WORKERS_SECONDS = 30  # for which there may be no worker


class Dask:
    """A Dask cluster, of which only the scheduler and the workers are used."""

    elsewhere = True

    def __init__(self, scheduler: str) -> None:
        self.scheduler = scheduler

    def __enter__(self) -> "Dask":
        return self

    def __exit__(self, *_: object) -> None:
        pass  # every run connects anew: between two there may be hours

    def run(self, task: Callable[[Any], Any], arguments: Sequence[Any]) -> Iterator[Any]:
        """Yield `task(argument)` for every argument, once each, as they finish.

        After a failure nothing more is submitted, what runs is waited for, and an error names what failed.
        """
        if not arguments:
            return
        failed: list[tuple[Any, BaseException]] = []
        with self._connected() as client:
            waiting, running = iter(arguments), dict[Future[Any], Any]()
            while True:
                for argument in islice(waiting, 0 if failed else AHEAD - len(running)):
                    future = client.submit(
                        run_here, _versions(), task, argument, pure=False, retries=RETRIES
                    )
                    running[future] = argument
                if not running:
                    break
                first = partial(wait, list(running), return_when="FIRST_COMPLETED")
                for future in self._patiently(client, first).done:
                    argument, error = running.pop(future), future.exception()
                    if error:
                        failed.append((argument, error))
                    else:
                        yield self._patiently(
                            client, future.result
                        )  # made again if its worker died since
        if failed:
            raise _as_one_error(failed, len(arguments))

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        """Yield a client of a cluster with workers that are as they should be, while there is a scheduler."""
        for name in (
            "distributed",
            "distributed.client",
        ):  # tracebacks of what is one sentence here
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            client = Client(self.scheduler, timeout=CONNECT_SECONDS, name="simrec")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at {self.scheduler} (engine.scheduler): {error}"
            ) from error
        except TypeError as error:  # so says Dask that it needs certificates
            why = "Dask's configuration names no certificates to show to it (distributed.comm.tls)"
            raise ConfigError(f"{self.scheduler} is not asked, since {why}: {error}") from error
        with client:
            try:
                self._need_workers(client)
                _check_versions(_versions_of(client), _versions())
                yield client
            except (CancelledError, OSError) as error:  # errors of tasks do not come here
                why = f"the Dask scheduler {self.scheduler} went away; start it and run again, what is done stays done"
                raise ConfigError(why) from error

    def _need_workers(self, client: Client) -> None:
        try:
            client.wait_for_workers(1, timeout=WORKERS_SECONDS)
        except TimeoutError as error:
            why = f"no worker at the scheduler {self.scheduler} for {WORKERS_SECONDS} seconds; start some and run again"
            raise ConfigError(f"{why}, what is done stays done") from error

    def _patiently(self, client: Client, wait_for: Callable[[float], Any]) -> Any:
        """Return what is waited for, however long it takes, as long as there is a worker."""
        while True:
            try:
                return wait_for(WORKERS_SECONDS)
            except TimeoutError:
                self._need_workers(client)


def run_here(versions: dict[str, str], task: Callable[[Any], Any], argument: Any) -> Any:
    """Run a task on a worker, which may have joined since all were asked for their versions."""
    _check_versions({f"worker {get_worker().address}": _versions()}, versions)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with threadpool_limits(1):  # a worker has one core
        return task(argument)


@cache
def _versions() -> dict[str, str]:
    return {"simrec": __version__} | {name: metadata.version(name) for name in DECIDE_BYTES}


def _versions_of(client: Client) -> dict[str, Any]:
    """Return the versions of the scheduler, which unpacks tasks, and of all workers, or what they raise instead."""
    try:
        scheduler: Any = client.run_on_scheduler(_versions)
    except (ImportError, AttributeError) as error:
        scheduler = error
    workers = client.run(_versions, on_error="return")
    return {"scheduler": scheduler} | {
        f"worker {address}": found for address, found in workers.items()
    }


def _check_versions(cluster: dict[str, Any], wanted: dict[str, str]) -> None:
    """Raise ConfigError that names who has other versions: the files that are written could be others too."""
    for who, found in cluster.items():
        if not isinstance(found, dict):  # what it raised, having no such function
            found = {"simrec": f"that knows no cluster ({found})"}
        others = [
            f"{name} {found[name]} and not {wanted[name]}"
            for name in found
            if found[name] != wanted[name]
        ]
        if others:
            raise ConfigError(
                f"the {who} runs {', '.join(others)}: install the same there, and start it anew"
            )


def _as_one_error(failed: list[tuple[Any, BaseException]], total: int) -> BaseException:
    """Return the first error with the names of all tasks that failed; a bug stays the exception that it is."""
    names = ", ".join(str(argument) for argument, _ in failed[:NAMED])
    more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    which = f"{len(failed)} of {total} tasks failed, what the others wrote stays: {names}{more}"
    error = failed[0][1]
    if isinstance(error, KilledWorker):
        return ConfigError(
            f"{which}; every worker that tried died of it, as one does that has too little memory"
        )
    if isinstance(error, SimrecError):
        return type(error)(f"{which}; {error}")
    error.add_note(which)
    return error
