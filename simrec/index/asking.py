"""Asking for neighbours by tasks: a part of the rows asks among a group of them, and what groups know is merged."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from simrec import files
from simrec.index import ranked
from simrec.index.search import Index, IndexFacts
from simrec.index.vectors import GRAPH, INDEX, VECTORS, header, opened, rows_of, write
from simrec.stages import Stages

PACKED = "<u8"  # packed neighbours in a .npy file
PART = 1 << 15  # rows that ask in one task
BLOCK = 512  # of them at once
GROUP_SHARE = 0.4  # of the memory that a process may use is for the vectors and codes of its group


class Ask(NamedTuple):
    """A part of the order in which rows ask, the group that is asked, and how many neighbours are kept."""

    path: Path
    vectors: Path
    saved: Path
    facts: IndexFacts
    group: tuple[int, int]
    order: Path
    part: tuple[int, int]
    width: int

    def __str__(self) -> str:
        return str(self.path)


class Merge(NamedTuple):
    """What one part of the rows has found in each group."""

    path: Path
    found: Sequence[Path]
    width: int

    def __str__(self) -> str:
        return str(self.path)


def ask_all(index: Index, folder: Path, width: int, stages: Stages, memory_mib: int) -> None:
    """Write the graph of a folder with an index: the packed neighbours [rows, width] of all rows, as it finds them.

    Rows ask in the order of its lists, since neighbours ask for the same lists.
    """
    vectors, saved = folder / VECTORS, folder / INDEX
    facts, order = index.facts, stages.folder / "order.npy"
    if not order.exists():
        write(order, [index.list_order()[None]], (1, facts.rows), "<i8")
    size = group_rows(facts.dim, memory_mib)
    groups = [(start, min(start + size, facts.rows)) for start in range(0, facts.rows, size)]
    parts = [(start, min(start + PART, facts.rows)) for start in range(0, facts.rows, PART)]
    tasks = [
        Ask(
            stages.part("neighbours", n * len(parts) + m), vectors, saved, facts, group, order, part, width
        )
        for n, group in enumerate(groups)  # a group stays with the process that has it in memory
        for m, part in enumerate(parts)
    ]  # fmt: skip
    stages.run("neighbours", ask, tasks, facts.rows * len(groups))
    _forget()
    found = [task.path for task in tasks]
    if len(groups) > 1:
        merges = [Merge(stages.part("merge", m), found[m :: len(parts)], width) for m in range(len(parts))]
        stages.run("merge", merge, merges, facts.rows)
        found = [task.path for task in merges]
    _put_in_order(order, found, folder / GRAPH, (facts.rows, width))


def group_rows(dim: int, memory_mib: int) -> int:
    """Return how many rows a group has: float32 vectors and codes, twice while these are repacked."""
    return max(PART, int(GROUP_SHARE * (memory_mib << 20)) // (4 * dim + dim + 32))


def ask(task: Ask) -> int:
    """Write the packed neighbours of a part among a group, none its own; with one thread, as all engines do."""
    if not task.path.exists():
        with threadpool_limits(1):
            group = _group(task.vectors, task.saved, task.facts, task.group)
            stored, rows = opened(task.vectors), opened(task.order)[0, slice(*task.part)]
            packed = np.empty((len(rows), task.width), np.uint64)
            for some in np.array_split(np.arange(len(rows)), max(1, len(rows) // BLOCK)):
                packed[some] = _neighbours(group, rows_of(stored[rows[some]]), rows[some], task.width)
            write(task.path, [packed], packed.shape, PACKED)
    return task.part[1] - task.part[0]


def merge(task: Merge) -> int:
    """Write the best of what a part has found in all groups."""
    if not task.path.exists():
        packed = np.concatenate([opened(path) for path in task.found], axis=1)
        packed.sort(axis=1)
        write(task.path, [packed[:, : task.width]], (len(packed), task.width), PACKED)
    return len(opened(task.path))


@lru_cache(maxsize=1)  # a process asks one group about many parts
def _group(vectors: Path, saved: Path, facts: IndexFacts, group: tuple[int, int]) -> Index:
    return Index.open(saved, facts.as_dict(), opened(vectors)).among_rows(*group)


def _forget() -> None:
    """Let go of the group that this process has asked."""
    _group.cache_clear()


def _neighbours(index: Index, queries: np.ndarray, rows: np.ndarray, width: int) -> np.ndarray:
    found = index.search(queries, width + 1)
    found[ranked.rows_of(found) == rows[:, None]] = ranked.NONE
    whole = np.full((len(rows), max(width, found.shape[1])), ranked.NONE)
    whole[:, : found.shape[1]] = found
    whole.sort(axis=1)
    return whole[:, :width]


def _put_in_order(order: Path, parts: Sequence[Path], path: Path, shape: tuple[int, int]) -> None:
    """Write what was found in order of the rows; through a mapping, for which the disk is sure to have room."""
    growing = path.with_suffix(".growing")
    files.allocate(growing, header(shape, PACKED), shape[0] * shape[1] * ranked.NONE.itemsize)
    start = 0
    for part in parts:
        found, packed = opened(part), np.load(growing, mmap_mode="r+", allow_pickle=False)
        packed[opened(order)[0, start : start + len(found)]] = found
        packed.flush()
        start += len(found)
        del packed, found  # and their pages
    files.move_file(growing, path)
