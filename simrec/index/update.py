"""Brings a neighbour graph to what a change makes of it, at a cost that follows the change."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simrec import files, log
from simrec.index import ranked
from simrec.index.all_pairs import MOST_WAITING, ROUNDING
from simrec.index.neighbours import PACKED, Graph
from simrec.index.search import cosines, rank
from simrec.index.vectors import header

CHUNK = 2_048  # rows of the graph that are brought up to date together: they stay in the cache
ASKED = 2_048  # rows that ask at once


class Change(NamedTuple):
    """What became of the rows: where each of before stands now, or -1, and which of now are new.

    place is int64 [rows before], new int64, ascending.
    """

    place: np.ndarray
    new: np.ndarray

    @property
    def share(self) -> float:
        """How much came or went, measured by the rows of before."""
        return (int((self.place < 0).sum()) + len(self.new)) / max(1, len(self.place))


def change(before_ids: Sequence[str], ids: Sequence[str], before: np.ndarray, vectors: np.ndarray) -> Change:
    """Compare two sets of rows, each in order of id: a row whose vector has changed is gone and a new one there.

    before and vectors are the stored matrices [rows, dim].
    """
    row_of = {article_id: row for row, article_id in enumerate(ids)}
    place = np.fromiter((row_of.get(article_id, -1) for article_id in before_ids), np.int64, len(before_ids))
    stays = np.flatnonzero(place >= 0)
    for start in range(0, len(stays), CHUNK):
        part = stays[start : start + CHUNK]
        place[part[(before[part] != vectors[place[part]]).any(axis=1)]] = -1
    new = np.ones(len(ids), bool)
    new[place[place >= 0]] = False
    return Change(place, np.flatnonzero(new))


def update(graph: Graph, vectors: np.ndarray, change: Change, k: int, path: Path) -> Graph:
    """Write the graph of now, whole or not at all.

    vectors are the float32 unit rows of now [rows, dim]. New rows, and those whose lists have become
    shorter than k, are compared with all rows; every other row takes a new one that comes before the
    last it had. Where the lists before were those of exact search, so are the first k of each now.
    """
    work = _Update(graph, vectors, change, k)
    with files.atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(header((len(vectors), graph.width), PACKED))
        begin, line = file.tell(), graph.width * work.packed.itemsize
        with log.progress("neighbours", len(vectors)) as bar:
            for start in range(0, len(vectors), CHUNK):
                chunk = slice(start, min(start + CHUNK, len(vectors)))
                file.write(work.meet(chunk).data)
                bar.update(chunk.stop - chunk.start)
        for row, found in work.asked():
            file.seek(begin + row * line)
            file.write(found.data)
    return Graph.open(path)


class _Update:
    """The rows that ask, with their candidates so far, and for every other row the last neighbour it had."""

    def __init__(self, graph: Graph, vectors: np.ndarray, change: Change, k: int) -> None:
        self.packed, self.width = graph.packed, graph.width
        self.vectors, self.change = vectors, change
        self.was = np.full(len(vectors), -1)  # the row before of each row now
        self.was[change.place[change.place >= 0]] = np.flatnonzero(change.place >= 0)
        short = self._short(min(k, len(vectors) - 1))
        self.asking = np.concatenate([change.new, short])
        self.is_new = np.arange(len(self.asking)) < len(change.new)
        self.asks = np.zeros(len(vectors), bool)
        self.asks[self.asking] = True
        self.queries = vectors[self.asking]
        self.floors = np.full(len(self.asking), -np.inf, np.float32)
        self.tiles = [slice(s, min(s + ASKED, len(self.asking))) for s in range(0, len(self.asking), ASKED)]
        self.waiting: list[list[np.ndarray]] = [[] for _ in self.tiles]

    def _short(self, k: int) -> np.ndarray:
        """Return the rows of now, old ones, that have lost so many neighbours that fewer than k are left."""
        place, short = self.change.place, []
        for start in range(0, len(self.packed), CHUNK):
            rows = ranked.rows_of(np.asarray(self.packed[start : start + CHUNK]))
            left = ((rows >= 0) & (place[rows] >= 0)).sum(axis=1)
            whole = (rows >= 0).sum(axis=1) == len(self.packed) - 1
            now = place[start : start + CHUNK]
            short.append(now[(now >= 0) & (left < k) & ~whole])
        return np.concatenate(short) if short else np.empty(0, np.int64)

    def meet(self, chunk: slice) -> np.ndarray:
        """Compare the rows of a chunk with all that ask; return their lists [b, width].

        Those of rows that ask are replaced in the end.
        """
        kept, bound = self._kept(chunk)
        floors = ranked.cosines_of(bound) - ROUNDING
        floors[bound == ranked.NONE] = -np.inf
        floors[self.asks[chunk]] = np.inf
        taken = [self._products(number, chunk, floors, bound) for number in range(len(self.tiles))]
        best = ranked.first(np.concatenate([np.empty(0, np.uint64), *taken]), self.width)
        if not len(best):
            return kept
        owners = ranked.owners(best)
        more = ranked.table(best, len(kept), int(np.bincount(owners).max()))
        merged = np.concatenate([kept, more], axis=1)
        merged.sort(axis=1)
        return np.ascontiguousarray(merged[:, : self.width])

    def _kept(self, chunk: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return what is left of the lists of a chunk [b, width], and up to where each of them knows all [b].

        A list knows all rows that come before its last one, be that one gone; one that held all others
        knows all there can be.
        """
        was = self.was[chunk]
        lists = np.full((len(was), self.width), ranked.NONE)
        lists[was >= 0] = self.packed[was[was >= 0]]
        rows, scores = ranked.rows_of(lists), ranked.cosines_of(lists)
        count = (rows >= 0).sum(axis=1)
        last = np.maximum(count - 1, 0)
        each = np.arange(len(was))
        # Of those that tie with a last one that is gone, none is known to come before it.
        bound = ranked.pack(scores[each, last], np.maximum(self.change.place[rows[each, last]], 0))
        bound[count == len(self.packed) - 1] = ranked.NONE
        now = np.where(rows >= 0, self.change.place[rows], -1)
        kept = ranked.pack(scores, now)
        kept.sort(axis=1)
        return kept, bound

    def _products(self, number: int, chunk: slice, floors: np.ndarray, bound: np.ndarray) -> np.ndarray:
        """Compare a chunk with a tile of those that ask: note what these find, return what the chunk's rows take."""
        tile = self.tiles[number]
        near = self.vectors[chunk] @ self.queries[tile].T
        matters = (near >= floors[:, None]) | (near >= self.floors[None, tile])
        found = ranked.where_true(matters.ravel())
        rows, columns = np.divmod(found, near.shape[1])
        near, self_row = near.ravel()[found], self.asking[tile][columns] == rows + chunk.start

        kept = (near >= self.floors[tile][columns]) & ~self_row
        packed = ranked.pack(near[kept], rows[kept] + chunk.start)
        self.waiting[number].append(ranked.of_owner(columns[kept], packed))
        if sum(map(len, self.waiting[number])) > MOST_WAITING * self.width * (tile.stop - tile.start):
            self._settle(number)

        kept = (near >= floors[rows]) & self.is_new[tile][columns] & ~self_row
        rows, columns = rows[kept], columns[kept]
        asking = self.asking[tile][columns]
        exact = cosines(self.vectors[rows + chunk.start], asking[:, None], self.vectors)[:, 0]
        packed = ranked.pack(exact, asking)
        inside = packed <= bound[rows]
        return ranked.of_owner(rows[inside], packed[inside])

    def _settle(self, number: int) -> np.ndarray:
        """Keep the best candidates of those that ask; what is worse than the last of them matters no more."""
        most = self.width + ranked.SLACK
        best = ranked.first(np.concatenate(self.waiting[number]), most)
        own, near = ranked.last_of_full(best, most)
        rows = self.tiles[number].start + own
        self.floors[rows] = np.maximum(self.floors[rows], near - ROUNDING)
        self.waiting[number] = [best]
        return best

    def asked(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the rows that asked, each with its list [width]."""
        for number, tile in enumerate(self.tiles):
            most = self.width + ranked.SLACK
            found = ranked.rows_of(ranked.table(self._settle(number), tile.stop - tile.start, most))
            best = rank(self.queries[tile], found, self.vectors, self.width)
            yield from zip(self.asking[tile].tolist(), best, strict=True)
