"""The engine of a configuration: where independent tasks run."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, Self

from simrec.config import EngineConfig
from simrec.errors import ConfigError, missing_extra
from simrec.tasks.local import Local


class Engine(Protocol):
    """Runs tasks: top-level functions that read files, write one file that may be there already, and return counts.

    No data passes through an engine but the arguments, whose text names them in an error. What a task writes
    depends on its argument alone, so that one that is run again, or twice at once, changes nothing.
    """

    def __enter__(self) -> Self:
        """Open the engine, for several runs."""

    def __exit__(self, *_: object) -> None:
        """Let go of what it runs tasks on."""

    @property
    def elsewhere(self) -> bool:
        """Tell whether tasks may run on other hosts, which see the same files and not the same locks."""

    def run(self, task: Callable[[Any], Any], arguments: Sequence[Any]) -> Iterator[Any]:
        """Yield `task(argument)` for every argument, once each, as they finish."""


def open_engine(config: EngineConfig) -> Engine:
    """Return the engine that is asked for; ConfigError if it cannot be had. It connects when it runs something."""
    if config.kind == "local":
        return Local(config.workers)
    if not config.scheduler:
        raise ConfigError(
            "engine.kind is dask: engine.scheduler has to name the scheduler, as in tcp://10.0.0.1:8786"
        )
    try:
        from simrec.tasks.dask import Dask
    except ImportError as error:
        raise missing_extra("cluster", "the engine dask") from error
    return Dask(config.scheduler)
