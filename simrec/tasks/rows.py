"""Functions over rows run as tasks: `map_rows` writes what they return as parts, `Parts` reads it.

An algorithm is a function that takes a slice of rows and returns arrays. Which engine runs it, what
a part is called, how many rows it has, and that an existing part is finished, is decided here
alone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec import files
from simrec.arrays import open_npy, row_blocks, write_npy
from simrec.tasks.stages import Stages

PART_ROWS = 1 << 15

# Takes rows and the context of `map_rows`; returns arrays by name.
Work = Callable[..., Mapping[str, NDArray[Any]]]


@dataclass(frozen=True)
class Parts:
    """The arrays that a stage wrote: a folder for each range of rows, a .npy file for each array.

    Arrays are mapped. What is read by rows has one line for each row of the stage.
    """

    folder: Path
    rows: int
    part_rows: int

    def __iter__(self) -> Iterator[slice]:
        """Yield the rows of each part, in order; a stage without rows has one empty part."""
        if not self.rows:
            yield slice(0, 0)
        yield from row_blocks(self.rows, self.part_rows)

    def path(self, start: int) -> Path:
        """Return the folder of the part that holds a row."""
        return self.folder / f"{start // self.part_rows:05d}"

    def open(self, name: str, start: int = 0) -> NDArray[Any]:
        """Map an array of the part that holds a row."""
        return open_npy(self.path(start) / f"{name}.npy")

    def blocks(self, name: str) -> Iterator[NDArray[Any]]:
        """Yield an array part by part, in order of the rows."""
        for rows in self:
            yield self.open(name, rows.start)

    def read(self, name: str) -> NDArray[Any]:
        """Read an array of all parts, one part after the other."""
        return np.concatenate(list(self.blocks(name)))

    def between(
        self,
        name: str,
        start: int,
        stop: int,
    ) -> NDArray[Any]:
        """Read the lines of the rows from start to stop, which may lie in several parts."""
        blocks = [self.open(name)[:0]]
        for part in self:
            if part.start < stop and start < part.stop:
                begin = max(0, start - part.start)
                blocks.append(self.open(name, part.start)[begin : stop - part.start])
        return np.concatenate(blocks)

    def take(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Read the lines of some rows, which are ascending."""
        blocks = [self.open(name)[:0]]
        for part in self:
            begin, end = np.searchsorted(rows, (part.start, part.stop))
            if begin < end:
                blocks.append(self.open(name, part.start)[rows[begin:end] - part.start])
        return np.concatenate(blocks)


class RowsTask(NamedTuple):
    """One range of rows: the work on it, and the folder of the part to be written."""

    path: Path
    work: Work
    rows: slice
    context: tuple[Any, ...]

    def __str__(self) -> str:
        return str(self.path)


class SharedArray(NamedTuple):
    """An array of the context, in a file that every task maps."""

    path: Path


def map_rows(
    stages: Stages,
    stage: str,
    work: Work,
    rows: int,
    *context: Any,
    part_rows: int = PART_ROWS,
) -> Parts:
    """Run `work(slice, *context)` for all rows, part by part, and return what it wrote.

    work is a top-level function. The context is small values that can be pickled; arrays among it
    are written once, and each task maps them. Parts that exist, by whatever engine, are finished; a
    part has at most `stages.max_part_rows` rows where that is set.
    """
    parts = parts_of(stages, stage, rows, part_rows)
    _run(stages, parts, work, context)
    return parts


def parts_of(
    stages: Stages,
    stage: str,
    rows: int,
    part_rows: int = PART_ROWS,
) -> Parts:
    """Return the parts that `map_rows` of the same stage writes, or has written."""
    return Parts(stages.folder / stage, rows, min(part_rows, stages.max_part_rows or part_rows))


def run_whole(
    stages: Stages,
    stage: str,
    work: Work,
    rows: int,
    *context: Any,
) -> Parts:
    """Run `work(slice, *context)` as one task over all rows; its arrays may have any length."""
    parts = Parts(stages.folder / stage, rows, max(1, rows))
    _run(stages, parts, work, context)
    return parts


def _run(
    stages: Stages,
    parts: Parts,
    work: Work,
    context: tuple[Any, ...],
) -> None:
    paths = [parts.path(rows.start) for rows in parts]
    if not all(path.exists() for path in paths):
        context = _share_arrays(parts.folder, context)
    tasks = []
    for path, rows in zip(paths, parts, strict=True):
        tasks.append(RowsTask(path, work, rows, context))
    stages.run(parts.folder.name, run_part, tasks, parts.rows)


def _share_arrays(folder: Path, context: tuple[Any, ...]) -> tuple[Any, ...]:
    """Write the arrays of a context, and return it with their files in their places."""
    folder.mkdir(exist_ok=True)
    shared: list[Any] = []
    for number, value in enumerate(context):
        if isinstance(value, np.ndarray):
            path = folder / f".context-{number}.npy"  # hidden: it is no part
            write_npy(path, [value], value.shape, value.dtype.str)
            value = SharedArray(path)
        shared.append(value)
    return tuple(shared)


def run_part(task: RowsTask) -> int:
    """Do a task and write its arrays, unless they exist; return how many rows it has."""
    if not task.path.exists():
        context = []
        for value in task.context:
            context.append(open_npy(value.path) if isinstance(value, SharedArray) else value)
        arrays = task.work(task.rows, *context)
        with files.atomic_folder(task.path) as folder:
            for name, array in arrays.items():
                np.save(folder / f"{name}.npy", array, allow_pickle=False)
    return int(task.rows.stop - task.rows.start)
