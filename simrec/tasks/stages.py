"""The stages of a step: tasks that each write one part, in a folder that shows which are done."""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from simrec import files, log
from simrec.errors import ReleaseError
from simrec.files import JsonObject
from simrec.tasks.partial import following

logger = logging.getLogger(__name__)

PARTS = "parts"  # the folder of them, in that of a release that is being made
PLAN = "plan.json"
MAX_NAMED = 3  # missing parts that an error names


class Task(Protocol):
    """The argument of a task: it decides all that the task writes."""

    @property
    def path(self) -> Path:
        """Return the part, which exists when the task is done."""


TaskWork = Callable[[Any], Any]
Run = Callable[[TaskWork, Sequence[Any]], Iterable[Any]]


def run_missing(
    run: Run,
    work: TaskWork,
    tasks: Sequence[Task],
    name: str,
    total: int,
    unit: str = "articles",
) -> None:
    """Run the tasks whose part does not exist; each returns how many units of the total it did.

    ReleaseError if a part is missing afterwards.
    """
    missing = _without_part(tasks)
    with log.progress(name, total, unit) as bar, following(bar) as finished:
        for done in run(work, missing):
            finished(done)
    absent = _without_part(missing)
    if absent:
        named = ", ".join(str(task.path) for task in absent[:MAX_NAMED])
        raise ReleaseError(
            f"{len(absent)} of {len(tasks)} parts of '{name}' were written and are not here, "
            f"such as {named}; do all workers see the disk that this machine sees?"
        )


def _without_part(tasks: Sequence[Task]) -> list[Task]:
    return [task for task in tasks if not task.path.exists()]


class Stages:
    """Runs the stages of a step, one after the other, each in a folder of its own.

    A run that was killed finds the parts that it wrote, by whatever engine. Where the plan has
    changed since, which names the step, the version and the size of parts, they are removed.
    max_part_rows is the most rows that a part may have; 0 leaves that to each stage.
    """

    def __init__(self, run: Run, folder: Path, step: str, max_part_rows: int = 0) -> None:
        self.folder = folder
        self.max_part_rows = max_part_rows
        self._run = run
        self._plan = step
        if max_part_rows:
            self._plan = f"{step}, at most {max_part_rows} rows a part"
        self._task_counts: dict[str, int] = {}
        if folder.exists() and _plan_name(folder) != self._plan:
            logger.info("%s: holds parts of another plan, which are made anew", folder)
            files.remove_folder(folder)
        folder.mkdir(exist_ok=True)

    def has_begun(self, stage: str) -> bool:
        """Tell whether a run has come as far as this stage, and not dropped it."""
        return (self.folder / stage).exists()

    def drop(self, stage: str) -> None:
        """Remove the parts of a stage that are needed no more."""
        files.remove_folder(self.folder / stage)
        self._task_counts.pop(stage, None)

    def run(self, stage: str, work: TaskWork, tasks: Sequence[Task], rows: int) -> None:
        """Run a stage over so many rows; when it returns, all its parts exist."""
        self._task_counts[stage] = len(tasks)
        plan = {"plan": self._plan, "stages": self._task_counts}
        files.write_json(self.folder / PLAN, plan)
        (self.folder / stage).mkdir(exist_ok=True)
        run_missing(self._run, work, tasks, stage, rows)

    def end(self) -> None:
        """Remove all parts."""
        files.remove_folder(self.folder)


def in_turn(work: TaskWork, tasks: Sequence[Any]) -> Iterable[Any]:
    """Run tasks in this process, one after the other."""
    return map(work, tasks)


def read_progress(folder: Path) -> dict[str, tuple[int, int]]:
    """Return how many parts of each stage exist and how many are due, in the folder of a step.

    It is empty where no stage has begun.
    """
    progress = {}
    for stage, due in _read_plan(folder).get("stages", {}).items():
        progress[stage] = count_parts(folder, stage), due
    return progress


def count_parts(folder: Path, stage: str) -> int:
    """Return how many parts of a stage exist."""
    parts = [path for path in (folder / stage).glob("*") if not path.name.startswith(".")]
    return len(parts)


def _plan_name(folder: Path) -> str | None:
    name: str | None = _read_plan(folder).get("plan")
    return name


def _read_plan(folder: Path) -> JsonObject:
    """Return the plan of a run that is under way or was killed; empty without a readable one."""
    try:
        plan: JsonObject = json.loads((folder / PLAN).read_bytes())
    except (OSError, ValueError):
        return {}
    return plan
