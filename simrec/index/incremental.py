"""Brings a neighbour graph to what a change makes of it, at a cost that follows the change, range of rows by range."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simrec import arrays, files, log
from simrec.arrays import npy_header, open_npy, write_npy
from simrec.index import packing
from simrec.index.all_pairs import MOST_WAITING, ROUNDING
from simrec.index.knn_graph import KnnGraph
from simrec.index.knn_search import PACKED
from simrec.index.vector_index import cosines, rank
from simrec.index.vectors import unit_rows
from simrec.tasks.stages import Stages

RANGE = 1 << 18  # rows of one task
CHUNK = 2_048  # rows of the graph that are brought up to date together: they stay in the cache
ASKED = 2_048  # rows that ask at once
MEND = "remove the folder it is in"


class RowChange(NamedTuple):
    """What became of the rows: where each of before stands now, or -1, and which of now are new.

    place is int64 [rows before], new int64, ascending.
    """

    place: np.ndarray
    new: np.ndarray

    @property
    def share(self) -> float:
        """How much came or went, measured by the rows of before."""
        return (int((self.place < 0).sum()) + len(self.new)) / max(1, len(self.place))


class Meeting(NamedTuple):
    """The rows from start to stop, which meet those that ask: what these find goes to `asked`, their lists to `path`.

    asking is the file of the change and of the rows that ask.
    """

    path: Path
    asked: Path
    graph: Path
    vectors: Path
    asking: Path
    start: int
    stop: int

    def __str__(self) -> str:
        return str(self.path)


def diff_rows(
    before_ids: Sequence[str], ids: Sequence[str], before: np.ndarray, vectors: np.ndarray
) -> RowChange:
    """Compare two sets of rows, each in order of id: a row whose vector has changed is gone and a new one there.

    before and vectors are the stored matrices [rows, dim].
    """
    row_of = {article_id: row for row, article_id in enumerate(ids)}
    place = np.fromiter(
        (row_of.get(article_id, -1) for article_id in before_ids), np.int64, len(before_ids)
    )
    stays = np.flatnonzero(place >= 0)
    for start in range(0, len(stays), CHUNK):
        part = stays[start : start + CHUNK]
        place[part[(before[part] != vectors[place[part]]).any(axis=1)]] = -1
    new = np.ones(len(ids), bool)
    new[place[place >= 0]] = False
    return RowChange(place, np.flatnonzero(new))


def update_knn_graph(
    before: Path, vectors: Path, change: RowChange, k: int, path: Path, stages: Stages
) -> KnnGraph:
    """Write the graph of now, whole or not at all, from that of before.

    vectors is the file of the vectors of now [rows, dim]. New rows, and those whose lists have become
    shorter than k, are compared with all rows; every other row takes a new one that comes before the
    last it had. Where the lists before were those of exact search, so are the first k of each now.
    """
    graph, rows = KnnGraph.open(before), len(open_npy(vectors))
    asking = np.concatenate([change.new, _short(graph, change.place, min(k, rows - 1))])
    arrays.write_npz(
        stages.folder / "asking.npz",
        asking=asking,
        new=np.array(len(change.new)),
        place=change.place,
    )
    noted = stages.folder / "asking.npz"
    tasks = [
        Meeting(stages.part("neighbours", n), stages.folder / f"asked-{n:05d}.npy", before, vectors, noted,
                start, min(start + RANGE, rows))
        for n, start in enumerate(range(0, rows, RANGE))
    ]  # fmt: skip
    stages.run("neighbours", meet, tasks, rows)
    with files.atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(npy_header((rows, graph.width), PACKED))
        begin, line = file.tell(), graph.width * graph.packed.itemsize
        for task in tasks:
            file.write(open_npy(task.path).data)
        for row, found in _merged(asking, [open_npy(task.asked) for task in tasks], graph.width):
            file.seek(begin + row * line)
            file.write(found.data)
    return KnnGraph.open(path)


def _short(graph: KnnGraph, place: np.ndarray, k: int) -> np.ndarray:
    """Return the rows of now, old ones, that have lost so many neighbours that fewer than k are left."""
    short = []
    for start in range(0, len(graph.packed), CHUNK):
        rows = packing.rows_of(np.asarray(graph.packed[start : start + CHUNK]))
        left = ((rows >= 0) & (place[rows] >= 0)).sum(axis=1)
        whole = (rows >= 0).sum(axis=1) == len(graph.packed) - 1
        now = place[start : start + CHUNK]
        short.append(now[(now >= 0) & (left < k) & ~whole])
    return np.concatenate(short) if short else np.empty(0, np.int64)


def _merged(
    asking: np.ndarray, found: Sequence[np.ndarray], width: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the rows that asked, each with the best [width] of what it has found in all ranges."""
    for start in range(0, len(asking), ASKED):
        packed = np.concatenate([part[start : start + ASKED] for part in found], axis=1)
        packed.sort(axis=1)
        best = np.ascontiguousarray(packed[:, :width])
        yield from zip(asking[start : start + ASKED].tolist(), best, strict=True)


def meet(task: Meeting) -> int:
    """Bring the lists of a range up to date, and note what those that ask find in it."""
    if not task.path.exists():
        work, rows = _Range(task), task.stop - task.start
        lists = np.empty((rows, work.width), np.uint64)
        with log.progress("neighbours", rows) as bar:
            for start in range(0, rows, CHUNK):
                chunk = slice(start, min(start + CHUNK, rows))
                lists[chunk] = work.meet(chunk)
                bar.update(chunk.stop - chunk.start)
        write_npy(task.asked, work.asked(), (len(work.asking), work.width), PACKED)
        write_npy(
            task.path, [lists], lists.shape, PACKED
        )  # last: its being there says that the task is done
    return task.stop - task.start


class _Range:
    """Some rows, and all that ask, with their candidates among these so far."""

    def __init__(self, task: Meeting) -> None:
        graph, vectors = KnnGraph.open(task.graph), open_npy(task.vectors)
        self.asking, new, self.place = arrays.read_npz(task.asking, MEND, "asking", "new", "place")
        self.packed, self.width = graph.packed, graph.width
        self.start, self.vectors = task.start, unit_rows(vectors[task.start : task.stop])
        was = np.full(len(vectors), -1)  # the row before of each row now
        was[self.place[self.place >= 0]] = np.flatnonzero(self.place >= 0)
        self.was = was[task.start : task.stop]
        self.is_new = np.arange(len(self.asking)) < new
        asks = np.zeros(len(vectors), bool)
        asks[self.asking] = True
        self.asks = asks[task.start : task.stop]
        self.queries = unit_rows(vectors[self.asking])
        self.floors = np.full(len(self.asking), -np.inf, np.float32)
        self.tiles = [
            slice(s, min(s + ASKED, len(self.asking))) for s in range(0, len(self.asking), ASKED)
        ]
        self.waiting: list[list[np.ndarray]] = [[] for _ in self.tiles]

    def meet(self, chunk: slice) -> np.ndarray:
        """Compare the rows of a chunk with all that ask; return their lists [b, width].

        Those of rows that ask are replaced in the end.
        """
        kept, bound = self._kept(chunk)
        floors = packing.cosines_of(bound) - ROUNDING
        floors[bound == packing.NONE] = -np.inf
        floors[self.asks[chunk]] = np.inf
        taken = [self._products(number, chunk, floors, bound) for number in range(len(self.tiles))]
        best = packing.top_k_per_query(np.concatenate([np.empty(0, np.uint64), *taken]), self.width)
        if not len(best):
            return kept
        owners = packing.query_of(best)
        more = packing.as_table(best, len(kept), int(np.bincount(owners).max()))
        merged = np.concatenate([kept, more], axis=1)
        merged.sort(axis=1)
        return np.ascontiguousarray(merged[:, : self.width])

    def _kept(self, chunk: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return what is left of the lists of a chunk [b, width], and up to where each of them knows all [b].

        A list knows all rows that come before its last one, be that one gone; one that held all others
        knows all there can be.
        """
        was = self.was[chunk]
        lists = np.full((len(was), self.width), packing.NONE)
        lists[was >= 0] = self.packed[was[was >= 0]]
        rows, scores = packing.rows_of(lists), packing.cosines_of(lists)
        count = (rows >= 0).sum(axis=1)
        last = np.maximum(count - 1, 0)
        each = np.arange(len(was))
        # Of those that tie with a last one that is gone, none is known to come before it.
        bound = packing.pack(scores[each, last], np.maximum(self.place[rows[each, last]], 0))
        bound[count == len(self.packed) - 1] = packing.NONE
        now = np.where(rows >= 0, self.place[rows], -1)
        kept = packing.pack(scores, now)
        kept.sort(axis=1)
        return kept, bound

    def _products(
        self, number: int, chunk: slice, floors: np.ndarray, bound: np.ndarray
    ) -> np.ndarray:
        """Compare a chunk with a tile of those that ask: note what these find, return what the chunk's rows take."""
        tile = self.tiles[number]
        near = self.vectors[chunk] @ self.queries[tile].T
        matters = (near >= floors[:, None]) | (near >= self.floors[None, tile])
        found = packing.nonzero_sparse(matters.ravel())
        rows, columns = np.divmod(found, near.shape[1])
        near, own = near.ravel()[found], rows + chunk.start + self.start
        self_row = self.asking[tile][columns] == own

        kept = (near >= self.floors[tile][columns]) & ~self_row
        self.waiting[number].append(
            packing.with_query(columns[kept], packing.pack(near[kept], own[kept]))
        )
        if sum(map(len, self.waiting[number])) > MOST_WAITING * self.width * (
            tile.stop - tile.start
        ):
            self._settle(number)

        kept = (near >= floors[rows]) & self.is_new[tile][columns] & ~self_row
        rows, columns = rows[kept], columns[kept]
        exact = cosines(self.vectors[rows + chunk.start], columns[:, None], self.queries[tile])[
            :, 0
        ]
        packed = packing.pack(exact, self.asking[tile][columns])
        inside = packed <= bound[rows]
        return packing.with_query(rows[inside], packed[inside])

    def _settle(self, number: int) -> np.ndarray:
        """Keep the best candidates of those that ask; what is worse than the last of them matters no more."""
        most = self.width + packing.SLACK
        best = packing.top_k_per_query(np.concatenate(self.waiting[number]), most)
        own, near = packing.kth_scores(best, most)
        rows = self.tiles[number].start + own
        self.floors[rows] = np.maximum(self.floors[rows], near - ROUNDING)
        self.waiting[number] = [best]
        return best

    def asked(self) -> Iterator[np.ndarray]:
        """Yield what those that ask have found here [b, width], scored exactly, NONE where there are fewer."""
        most = self.width + packing.SLACK
        for number, tile in enumerate(self.tiles):
            found = packing.rows_of(
                packing.as_table(self._settle(number), tile.stop - tile.start, most)
            )
            yield rank(self.queries[tile], found, self.vectors, self.width, self.start)
