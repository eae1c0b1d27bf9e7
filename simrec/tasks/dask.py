"""The engine of many machines: Dask distributed schedules tasks, whose files all machines see."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
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
MAX_SUBMITTED = 256  # tasks that the scheduler holds at a time; one of 4,096 keys takes about 80 KB
RETRIES = 3  # of a task that raises; one whose worker died is Dask's `allowed-failures`
MAX_NAMED = 5  # failed tasks that an error names
CONNECT_SECONDS = 10

Work = Callable[[Any], Any]
Versions = Mapping[str, str]


class DaskEngine:
    """A Dask cluster, of which only the scheduler and the workers are used.

    wait_seconds is how long there may be no worker. At most max_submitted tasks are with the
    scheduler.
    """

    is_remote = True

    def __init__(
        self, scheduler: str, wait_seconds: float, max_submitted: int = MAX_SUBMITTED
    ) -> None:
        self.scheduler = scheduler
        self.wait_seconds = wait_seconds
        self.max_submitted = max_submitted

    def __enter__(self) -> "DaskEngine":
        return self

    def __exit__(self, *_: object) -> None:
        pass  # every run connects anew: between two there may be hours

    def run(self, work: Work, arguments: Sequence[Any]) -> Iterator[Any]:
        """Yield `work(argument)` for every argument, once each, as they finish.

        After a failure nothing more is submitted, running tasks are waited for, and an error names
        the failed ones.
        """
        if not arguments:
            return
        failed: list[tuple[Any, BaseException]] = []
        with self._connected() as client:
            waiting = iter(arguments)
            running: dict[Future[Any], Any] = {}
            while True:
                free = 0 if failed else self.max_submitted - len(running)
                for argument in islice(waiting, free):
                    running[_submit(client, work, argument)] = argument
                if not running:
                    break
                for future in self._first_done(client, list(running)):
                    argument = running.pop(future)
                    error = future.exception()
                    if error:
                        failed.append((argument, error))
                    else:  # the result is made again if its worker died since
                        yield self._wait_patiently(client, future.result)
        if failed:
            raise _as_one_error(failed, len(arguments))

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        """Yield a client of a scheduler whose workers have the versions of this process."""
        for name in ("distributed", "distributed.client"):  # their tracebacks are one sentence here
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with self._connect() as client:
            try:
                self._need_workers(client)
                _check_versions(_versions_of(client), _versions())
                yield client
            except (CancelledError, OSError) as error:  # errors of tasks do not come here
                raise ConfigError(
                    f"the Dask scheduler {self.scheduler} went away; start it and run again, "
                    "what is done stays done"
                ) from error

    def _connect(self) -> Client:
        seconds = min(CONNECT_SECONDS, self.wait_seconds)
        try:
            return Client(self.scheduler, timeout=seconds, name="simrec")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at {self.scheduler} (engine.scheduler): {error}"
            ) from error
        except TypeError as error:  # Dask's way to say that it needs certificates
            raise ConfigError(
                f"{self.scheduler} cannot be reached, since Dask's configuration names no "
                f"certificates to show to it (distributed.comm.tls): {error}"
            ) from error

    def _need_workers(self, client: Client) -> None:
        try:
            client.wait_for_workers(1, timeout=self.wait_seconds)
        except TimeoutError as error:
            raise ConfigError(
                f"no worker at the scheduler {self.scheduler} for {self.wait_seconds:g} seconds; "
                "start some and run again, what is done stays done"
            ) from error

    def _first_done(self, client: Client, futures: list[Future[Any]]) -> set[Future[Any]]:
        """Wait until some futures are done, and return these."""
        first_done = partial(wait, futures, return_when="FIRST_COMPLETED")
        done: set[Future[Any]] = self._wait_patiently(client, first_done).done
        return done

    def _wait_patiently(self, client: Client, wait_for: Callable[[float], Any]) -> Any:
        """Wait however long it takes, as long as there is a worker, and return the result."""
        while True:
            try:
                return wait_for(self.wait_seconds)
            except TimeoutError:
                self._need_workers(client)


def _submit(client: Client, work: Work, argument: Any) -> Future[Any]:
    return client.submit(run_here, _versions(), work, argument, pure=False, retries=RETRIES)


def run_here(versions: Versions, work: Work, argument: Any) -> Any:
    """Run a task on a worker, which may have joined after the versions of all were checked."""
    _check_versions({f"worker {get_worker().address}": _versions()}, versions)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with threadpool_limits(1):  # a worker has one core
        return work(argument)


@cache
def _versions() -> Versions:
    versions = {"simrec": __version__}
    for name in DECIDE_BYTES:
        versions[name] = metadata.version(name)
    return versions


def _versions_of(client: Client) -> dict[str, Versions | BaseException]:
    """Return the versions, or the error, of the scheduler, which unpacks tasks, and of workers."""
    versions: dict[str, Versions | BaseException] = {}
    try:
        versions["scheduler"] = client.run_on_scheduler(_versions)
    except (ImportError, AttributeError) as error:
        versions["scheduler"] = error
    for address, of_worker in client.run(_versions, on_error="return").items():
        versions[f"worker {address}"] = of_worker
    return versions


def _check_versions(cluster: Mapping[str, Versions | BaseException], expected: Versions) -> None:
    """Raise ConfigError that names who has other versions: its files could have other bytes."""
    for who, versions in cluster.items():
        if isinstance(versions, BaseException):  # it has no such function
            versions = {"simrec": f"that knows no cluster ({versions})"}
        others = []
        for name, version in versions.items():
            if version != expected[name]:
                others.append(f"{name} {version} and not {expected[name]}")
        if others:
            raise ConfigError(
                f"the {who} runs {', '.join(others)}: install the same there, and start it anew"
            )


def _as_one_error(failed: list[tuple[Any, BaseException]], total: int) -> BaseException:
    """Return the first error with the names of all failed tasks; a bug keeps its exception."""
    names = ", ".join(str(argument) for argument, _ in failed[:MAX_NAMED])
    if len(failed) > MAX_NAMED:
        names += f" and {len(failed) - MAX_NAMED} more"
    which = f"{len(failed)} of {total} tasks failed, what the others wrote stays: {names}"
    error = failed[0][1]
    if isinstance(error, KilledWorker):
        return ConfigError(
            f"{which}; every worker that tried died of it, as one does that has too little memory"
        )
    if isinstance(error, SimrecError):
        return type(error)(f"{which}; {error}")
    error.add_note(which)
    return error
