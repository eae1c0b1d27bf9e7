"""The engine that the configuration names: where independent tasks run."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, Self

from simrec.config import EngineConfig
from simrec.errors import ConfigError, missing_extra
from simrec.tasks.local import LocalEngine

Work = Callable[[Any], Any]


class Engine(Protocol):
    """Runs tasks: top-level functions that read files, write one file, and return a count.

    No data passes through an engine but the arguments, whose text names them in an error. What a
    task writes depends on its argument alone. So a task may run again, or twice at once, and
    changes nothing.
    """

    def __enter__(self) -> Self:
        """Open the engine, for several runs."""

    def __exit__(self, *_: object) -> None:
        """Release the processes that it runs tasks in."""

    @property
    def is_remote(self) -> bool:
        """Tell whether tasks may run on other hosts, which see the same files but not the locks."""

    def run(self, work: Work, arguments: Sequence[Any]) -> Iterator[Any]:
        """Yield `work(argument)` for every argument, once each, as they finish."""


def open_engine(config: EngineConfig) -> Engine:
    """Return the configured engine, which connects when it runs tasks; ConfigError without it."""
    if config.kind == "local":
        return LocalEngine(config.workers)
    if not config.scheduler:
        raise ConfigError(
            "engine.kind is dask: engine.scheduler has to name the scheduler, "
            "as in tcp://10.0.0.1:8786"
        )
    try:
        from simrec.tasks.dask import DaskEngine
    except ImportError as error:
        raise missing_extra("cluster", "the engine dask") from error
    return DaskEngine(config.scheduler, config.wait_seconds)
