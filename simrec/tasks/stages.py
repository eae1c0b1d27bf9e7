"""The stages of a step: tasks that each write one part, and a folder that shows which of them are done."""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from simrec import files, log
from simrec.errors import ReleaseError

logger = logging.getLogger(__name__)

PARTS = "parts"  # the folder of them, in that of a release that is being made
PLAN = "plan.json"
MISSED = 3  # parts that an error names


class Task(Protocol):
    """The argument of a task: it decides all that the task writes."""

    @property
    def path(self) -> Path:
        """Return the part, which is there when the task is done."""


Run = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]


def run_missing(
    run: Run,
    work: Callable[[Any], int],
    tasks: Sequence[Task],
    name: str,
    rows: int,
    unit: str = "articles",
) -> None:
    """Run the tasks whose part is not there, which return how many of all rows (or what the unit is) they were about.

    ReleaseError if a part is missing afterwards.
    """
    missing = [task for task in tasks if not task.path.exists()]
    with log.progress(name, rows, unit) as bar:
        for done in run(work, missing):
            bar.update(done)
    absent = [task.path for task in missing if not task.path.exists()]
    if absent:
        named = ", ".join(map(str, absent[:MISSED]))
        raise ReleaseError(
            f"{len(absent)} of {len(tasks)} parts of '{name}' were written and are not here, such as {named}; do all "
            "workers see the disk that this machine sees?"
        )


class Stages:
    """Runs the stages of a step, one after the other, each in a folder of its own.

    A run that was killed finds the parts that it wrote, by whatever engine. Where the plan has changed
    since, which names the step, the version and the size of parts, they are removed. max_part_rows is
    the most rows that a part may have; 0 leaves that to each stage.
    """

    def __init__(self, run: Run, folder: Path, step: str, max_part_rows: int = 0) -> None:
        self.folder = folder
        self.max_part_rows = max_part_rows
        plan = f"{step}, at most {max_part_rows} rows a part" if max_part_rows else step
        self._run = run
        self._plan = plan
        self._totals: dict[str, int] = {}
        if folder.exists() and (read_plan(folder) or {}).get("plan") != plan:
            logger.info("%s: holds parts of another plan, which are made anew", folder)
            files.remove_folder(folder)
        folder.mkdir(exist_ok=True)

    def part(self, stage: str, number: int, suffix: str = ".npy") -> Path:
        """Name a part."""
        return self.folder / stage / f"{number:05d}{suffix}"

    def begun(self, stage: str) -> bool:
        """Tell whether a run has come as far as this stage, and not dropped it."""
        return (self.folder / stage).exists()

    def drop(self, stage: str) -> None:
        """Remove the parts of a stage that is not needed any more."""
        files.remove_folder(self.folder / stage)
        self._totals.pop(stage, None)

    def run(self, stage: str, work: Callable[[Any], int], tasks: Sequence[Task], rows: int) -> None:
        """Run a stage about so many rows; when it returns all its parts are there."""
        self._totals[stage] = len(tasks)
        files.write_json(self.folder / PLAN, {"plan": self._plan, "stages": self._totals})
        (self.folder / stage).mkdir(exist_ok=True)
        run_missing(self._run, work, tasks, stage, rows)

    def end(self) -> None:
        """Remove all parts."""
        files.remove_folder(self.folder)


def in_turn(work: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterable[Any]:
    """Run tasks here, one after the other."""
    return map(work, tasks)


def read_plan(folder: Path) -> dict[str, Any] | None:
    """Return the plan of stages that are under way or were killed, with how many tasks each has; None without one."""
    try:
        plan: dict[str, Any] = json.loads((folder / PLAN).read_bytes())
    except (OSError, ValueError):
        return None
    return plan


def done(folder: Path, stage: str) -> int:
    """Return how many parts of a stage are there."""
    return sum(not path.name.startswith(".") for path in (folder / stage).glob("*"))
