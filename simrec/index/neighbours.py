"""The neighbour graph: the nearest rows of every row, scored exactly, on disk as it grows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simrec import files, log
from simrec.errors import ReleaseError
from simrec.index import ranked
from simrec.index.all_pairs import all_pairs
from simrec.index.search import Index, rank
from simrec.index.vectors import header, write

PACKED = "<u8"  # packed neighbours in a .npy file
BLOCK = 512
PART = 64 * BLOCK  # rows that are lost if the run is killed
SPARE = 28  # neighbours beyond those asked for, so that one that is deleted seldom has to be searched for anew
ALL_PAIRS_UP_TO = 250_000  # rows: beyond it what waits for its turn would be over a gigabyte


class Graph:
    """The neighbours of every row, best first: packed [rows, width], NONE at the end where there are fewer."""

    def __init__(self, packed: np.ndarray) -> None:
        self.packed = packed

    @classmethod
    def open(cls, path: Path) -> "Graph":
        """Open a graph, mapped. ReleaseError if it is none."""
        try:
            packed = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ReleaseError(f"{path}: no whole neighbour graph ({error})") from error
        return cls(packed)

    @property
    def width(self) -> int:
        return int(self.packed.shape[1])

    def rows(self, k: int) -> np.ndarray:
        """Return the first k neighbours of all rows, int64 [rows, k], -1 for none."""
        return ranked.rows_of(np.asarray(self.packed[:, :k]))

    def blocks(self, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield neighbours (int64 rows, -1 for none, and float32 cosines, each [b, k]) of all rows in order."""
        for start in range(0, len(self.packed), PART):
            packed = np.asarray(self.packed[start : start + PART, :k])
            yield ranked.rows_of(packed), ranked.cosines_of(packed)


def build(index: Index, vectors: np.ndarray, k: int, path: Path) -> Graph:
    """Write the graph of all rows with k neighbours each and some to spare; a killed run goes on where it was.

    vectors are the float32 unit rows that the index was built over.
    """
    rows, width = len(vectors), k + SPARE
    with log.progress("neighbours", rows) as bar:
        if index.facts.kind == "exact" and rows <= ALL_PAIRS_UP_TO:
            packed = np.empty((rows, width), np.uint64)
            for block, found in all_pairs(vectors, width + ranked.SLACK):
                packed[block] = rank(vectors[block], ranked.rows_of(found), vectors, width)
                bar.update(len(block))
            write(path, [packed], (rows, width), PACKED)
        else:
            _search_all(index, vectors, width, path, bar)
    return Graph.open(path)


def _search_all(index: Index, vectors: np.ndarray, width: int, path: Path, bar: Any) -> None:
    """Ask the index about every row, list by list, and write what it finds part by part."""
    order, index = index.list_order(), index.for_batches()
    growing, done = path.with_suffix(".growing"), path.with_suffix(".done")
    if not done.exists():
        files.allocate(growing, header((len(order), width), PACKED), len(order) * width * ranked.NONE.itemsize)
        files.write(done, b"")
    finished = set(map(json.loads, done.read_text(encoding="utf-8").splitlines()))
    for start in range(0, len(order), PART):
        part = order[start : start + PART]
        if start not in finished:
            packed = np.load(growing, mmap_mode="r+", allow_pickle=False)  # anew, to let go of the pages before
            for rows in np.array_split(part, max(1, len(part) // BLOCK)):
                packed[rows] = _neighbours(index, vectors, rows, width)
            packed.flush()
            del packed
            files.append_line(done, json.dumps(start))
        bar.update(len(part))
    files.move_file(growing, path)
    files.remove(done)


def _neighbours(index: Index, vectors: np.ndarray, rows: np.ndarray, width: int) -> np.ndarray:
    found = index.search(vectors[rows], width + 1)
    found[ranked.rows_of(found) == rows[:, None]] = ranked.NONE
    whole = np.full((len(rows), max(width, found.shape[1])), ranked.NONE)
    whole[:, : found.shape[1]] = found
    whole.sort(axis=1)
    return whole[:, :width]


def pairs(graph: Graph, k: int) -> Iterator[tuple[int, int, int, float]]:
    """Yield (row, rank from 1, neighbour row, cosine) of the first k neighbours, in order."""
    row = 0
    for found, cosines in graph.blocks(k):
        kept = (found >= 0).sum(axis=1)
        for others, scores, count in zip(found.tolist(), cosines.tolist(), kept.tolist(), strict=True):
            for place in range(count):
                yield row, place + 1, others[place], round(scores[place], ranked.DECIMALS)
            row += 1
