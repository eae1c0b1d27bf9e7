"""Asking for neighbours by tasks: a part of the rows asks one group of them after the other."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from simrec import files
from simrec.arrays import npy_header, open_npy, write_npy
from simrec.index import packing
from simrec.index.index_facts import IndexFacts
from simrec.index.vector_index import Index
from simrec.index.vectors import unit_rows
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages

PACKED = "<u8"  # packed neighbours in a .npy file
PART = 1 << 15  # rows that ask in one task
BLOCK = 512  # of them at once
GROUP_SHARE = 0.4  # of the memory that a process may use is for the vectors and codes of its group


class Ask(NamedTuple):
    """A part of the order in which rows ask, the group that is asked, and how many neighbours are kept.

    before is what the part has found in the groups before this one; None if it is the first.
    """

    path: Path
    vectors: Path
    saved: Path
    facts: IndexFacts
    group: tuple[int, int]
    order: Path
    part: tuple[int, int]
    width: int
    before: Path | None

    def __str__(self) -> str:
        return str(self.path)


def ask_all(
    index: Index, folder: ReleaseFolder, width: int, stages: Stages, memory_mib: int
) -> None:
    """Write the graph of a folder with an index: the packed neighbours [rows, width] of all rows, as it finds them.

    Rows ask in the order of its lists, since neighbours ask for the same lists. A group is asked about all
    rows before the next one is: then a process has one in memory, and what was found is on disk once or twice.
    """
    vectors, saved = folder.vectors, folder.index
    facts, order = index.facts, stages.folder / "order.npy"
    if not order.exists():
        write_npy(order, [index.list_order()[None]], (1, facts.rows), "<i8")
    size = (
        facts.rows if facts.kind == "hnsw" else group_rows(facts.dim, memory_mib)
    )  # its links go everywhere
    groups = [(start, min(start + size, facts.rows)) for start in range(0, facts.rows, size)]
    parts = [(start, min(start + PART, facts.rows)) for start in range(0, facts.rows, PART)]
    names = [f"neighbours-{number}-of-{len(groups)}" for number in range(1, len(groups) + 1)]
    first = max((n for n, name in enumerate(names) if stages.begun(name)), default=0)
    for number in range(first, len(groups)):
        last = names[number - 1] if number else ""
        tasks = [
            Ask(
                stages.part(names[number], n), vectors, saved, facts, groups[number], order, part, width,
                stages.part(last, n) if last else None,
            )
            for n, part in enumerate(parts)
        ]  # fmt: skip
        stages.run(names[number], ask, tasks, facts.rows)
        if last:
            stages.drop(last)
    _group.cache_clear()  # this process has asked the last of them
    _put_in_order(
        order,
        [stages.part(names[-1], n) for n in range(len(parts))],
        folder.graph,
        (facts.rows, width),
    )


def group_rows(dim: int, memory_mib: int) -> int:
    """Return how many rows a group has: float32 vectors and codes, twice while these are repacked."""
    return max(PART, int(GROUP_SHARE * (memory_mib << 20)) // (4 * dim + dim + 32))


def ask(task: Ask) -> int:
    """Write the best packed neighbours of a part among this group and those before, none its own.

    With one thread, as all engines do.
    """
    if not task.path.exists():
        with threadpool_limits(1):
            group = _group(task.vectors, task.saved, task.facts, task.group)
            stored, rows = open_npy(task.vectors), open_npy(task.order)[0, slice(*task.part)]
            packed = np.empty((len(rows), task.width), np.uint64)
            for some in np.array_split(np.arange(len(rows)), max(1, len(rows) // BLOCK)):
                packed[some] = _neighbours(
                    group, unit_rows(stored[rows[some]]), rows[some], task.width
                )
            if task.before:
                packed = np.concatenate([packed, open_npy(task.before)], axis=1)
                packed.sort(axis=1)
                packed = packed[:, : task.width]
            write_npy(task.path, [packed], packed.shape, PACKED)
    return task.part[1] - task.part[0]


@lru_cache(maxsize=1)  # a process asks one group about many parts
def _group(vectors: Path, saved: Path, facts: IndexFacts, group: tuple[int, int]) -> Index:
    return Index.open(saved, facts, open_npy(vectors)).among_rows(*group)


def _neighbours(index: Index, queries: np.ndarray, rows: np.ndarray, width: int) -> np.ndarray:
    found = index.search(queries, width + 1)
    found[packing.rows_of(found) == rows[:, None]] = packing.NONE
    whole = np.full((len(rows), max(width, found.shape[1])), packing.NONE)
    whole[:, : found.shape[1]] = found
    whole.sort(axis=1)
    return whole[:, :width]


def _put_in_order(order: Path, parts: Sequence[Path], path: Path, shape: tuple[int, int]) -> None:
    """Write what was found in order of the rows; through a mapping, for which the disk is sure to have room."""
    growing = path.with_suffix(".growing")
    files.allocate(growing, npy_header(shape, PACKED), shape[0] * shape[1] * packing.NONE.itemsize)
    start = 0
    for part in parts:
        found, packed = open_npy(part), np.load(growing, mmap_mode="r+", allow_pickle=False)
        packed[open_npy(order)[0, start : start + len(found)]] = found
        packed.flush()
        start += len(found)
        del packed, found  # and their pages
    files.move_file(growing, path)
