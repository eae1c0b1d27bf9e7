"""Bring a kNN graph up to date after a change, range by range, at a cost that follows the change."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec import files, log
from simrec.arrays import npy_header, open_npy
from simrec.index import packing
from simrec.index.candidate_pool import ROUNDING, CandidatePool, Cosines, near_pairs
from simrec.index.exact import exact_cosines, rank_candidates
from simrec.index.knn_graph import SPARE, KnnGraph
from simrec.index.packing import Packed
from simrec.index.vectors import Vectors, unit_rows
from simrec.tasks.rows import Parts, map_rows
from simrec.tasks.stages import Stages

RANGE_ROWS = 1 << 18  # of one task
BLOCK_ROWS = 2_048

Rows = NDArray[np.int64]


class RowChange(NamedTuple):
    """What became of the rows: current_row [rows before] is what each is now, -1 if it is gone.

    new_rows are the rows that were not there before, ascending.
    """

    current_row: Rows
    new_rows: Rows

    @property
    def gone(self) -> int:
        """The number of rows that are gone."""
        return int((self.current_row < 0).sum())

    @property
    def share(self) -> float:
        """How many rows came or went, as a share of the rows before."""
        return (self.gone + len(self.new_rows)) / max(1, len(self.current_row))


class Tile(NamedTuple):
    """How many rows of the graph and how many queries are compared at once; both stay in the cache."""

    rows: int
    queries: int


TILE = Tile(rows=2_048, queries=2_048)


class GraphUpdate(NamedTuple):
    """The graph before, the vectors of now, and how many of the queries are new rows."""

    previous_graph: Path
    vectors: Path
    new_rows: int
    tile: Tile


def diff_rows(
    previous_ids: Sequence[str], ids: Sequence[str], previous: Vectors, vectors: Vectors
) -> RowChange:
    """Compare two sets of rows, each in order of id; a row with another vector is gone and a new one there.

    previous and vectors are the stored matrices [rows, dim].
    """
    row_of = {article_id: row for row, article_id in enumerate(ids)}
    current = (row_of.get(article_id, -1) for article_id in previous_ids)
    current_row = np.fromiter(current, np.int64, len(previous_ids))
    stays = np.flatnonzero(current_row >= 0)
    for start in range(0, len(stays), BLOCK_ROWS):
        block = stays[start : start + BLOCK_ROWS]
        differs = (previous[block] != vectors[current_row[block]]).any(axis=1)
        current_row[block[differs]] = -1
    is_new = np.ones(len(ids), bool)
    is_new[current_row[current_row >= 0]] = False
    return RowChange(current_row, np.flatnonzero(is_new))


def update_knn_graph(
    previous_graph: Path,
    vectors: Path,
    change: RowChange,
    path: Path,
    stages: Stages,
    tile: Tile = TILE,
) -> KnnGraph:
    """Write the graph of now, whole or not at all, from the previous one.

    vectors is the file of the vectors of now [rows, dim]. New rows, and rows whose lists have fewer
    than k neighbours left, are queries: they are compared with all rows. Every other row takes in a
    new one that comes before the last neighbour it had. Where the previous lists are those of exact
    search, so are the first k of each now.
    """
    graph = KnnGraph.open(previous_graph)
    rows = len(open_npy(vectors))
    k = min(graph.width - SPARE, rows - 1)
    queries = np.concatenate([change.new_rows, _short_rows(graph, change.current_row, k)])
    settings = GraphUpdate(previous_graph, vectors, len(change.new_rows), tile)
    parts = map_rows(
        stages,
        "neighbours",
        update_range,
        rows,
        settings,
        queries,
        change.current_row,
        part_rows=RANGE_ROWS,
    )
    with files.atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(npy_header((rows, graph.width), packing.DTYPE))
        lists_start = file.tell()
        list_bytes = graph.width * packing.NONE.itemsize
        for lists in parts.blocks("lists"):
            file.write(lists.data)
        for row, found in _merged(queries, parts, graph.width):
            file.seek(lists_start + row * list_bytes)
            file.write(found.data)
    return KnnGraph.open(path)


def _short_rows(graph: KnnGraph, current_row: Rows, k: int) -> Rows:
    """Return the rows, none of them new, that lost so many neighbours that fewer than k are left."""
    short = [np.empty(0, np.int64)]
    for start in range(0, len(graph), BLOCK_ROWS):
        neighbours = packing.rows_of(np.asarray(graph.packed[start : start + BLOCK_ROWS]))
        left = ((neighbours >= 0) & (current_row[neighbours] >= 0)).sum(axis=1)
        held_all_others = (neighbours >= 0).sum(axis=1) == len(graph) - 1
        rows = current_row[start : start + BLOCK_ROWS]
        short.append(rows[(rows >= 0) & (left < k) & ~held_all_others])
    return np.concatenate(short)


def _merged(queries: Rows, parts: Parts, width: int) -> Iterator[tuple[int, Packed]]:
    """Yield each query row with the best [width] of what it found in all ranges."""
    found = list(parts.blocks("found"))
    for start in range(0, len(queries), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        packed = np.concatenate([of_range[block] for of_range in found], axis=1)
        packed.sort(axis=1)
        best = np.ascontiguousarray(packed[:, :width])
        yield from zip(queries[block].tolist(), best, strict=True)


def update_range(
    rows: slice, settings: GraphUpdate, queries: Rows, current_row: Rows
) -> dict[str, Packed]:
    """Update the lists of a range [rows, width], and return what the queries found in it [queries, width]."""
    update = _RangeUpdate(rows, settings, queries, current_row)
    count = rows.stop - rows.start
    lists = np.empty((count, update.width), np.uint64)
    with log.progress("neighbours", count) as bar:
        for start in range(0, count, settings.tile.rows):
            block = slice(start, min(start + settings.tile.rows, count))
            lists[block] = update.lists(block)
            bar.update(block.stop - block.start)
    return {"lists": lists, "found": update.found()}


class _RangeUpdate:
    """A range of the graph and all queries, with the candidates that these have found in it so far.

    Rows of the range are numbered from 0; candidates and the contents of lists are rows of now.
    """

    def __init__(
        self, rows: slice, settings: GraphUpdate, queries: Rows, current_row: Rows
    ) -> None:
        graph = KnnGraph.open(settings.previous_graph)
        stored = open_npy(settings.vectors)
        self.start: int = rows.start
        self.previous = graph.packed
        self.width = graph.width
        self.current_row = current_row
        self.previous_row = _previous_rows(current_row, len(stored))[rows]
        self.vectors = unit_rows(stored[rows])
        self.queries = queries
        self.query_vectors = unit_rows(stored[queries])
        self.new_queries = settings.new_rows
        self.is_query = np.isin(np.arange(rows.start, rows.stop), queries)
        self.thresholds = np.full(len(queries), -np.inf, np.float32)
        self.tiles: list[slice] = []
        self.pools: list[CandidatePool] = []
        for start in range(0, len(queries), settings.tile.queries):
            tile = slice(start, min(start + settings.tile.queries, len(queries)))
            self.tiles.append(tile)
            self.pools.append(CandidatePool(self.width + packing.SLACK, self.thresholds[tile]))

    def lists(self, block: slice) -> Packed:
        """Compare a block of rows with all queries; return the lists of the rows [b, width].

        The lists of rows that are queries are replaced in the end.
        """
        kept, bound = self._kept(block)
        thresholds = packing.cosines_of(bound) - ROUNDING
        thresholds[bound == packing.NONE] = -np.inf
        thresholds[self.is_query[block]] = np.inf
        taken = [np.empty(0, np.uint64)]
        for tile, pool in zip(self.tiles, self.pools, strict=True):
            taken.append(self._compare(block, tile, pool, thresholds, bound))
        best = packing.top_k_per_query(np.concatenate(taken), self.width)
        if not len(best):
            return kept
        most = int(np.bincount(packing.query_of(best)).max())
        merged = np.concatenate([kept, packing.as_table(best, len(kept), most)], axis=1)
        merged.sort(axis=1)
        return np.ascontiguousarray(merged[:, : self.width])

    def _kept(self, block: slice) -> tuple[Packed, Packed]:
        """Return what is left of the lists of a block [b, width], and the last place each list knows [b].

        A list knows all rows that come before its last one, even if that one is gone. A list that held
        all other rows knows all there can be; its bound is NONE.
        """
        previous_row = self.previous_row[block]
        was_there = previous_row >= 0
        lists = np.full((len(previous_row), self.width), packing.NONE)
        lists[was_there] = self.previous[previous_row[was_there]]
        rows = packing.rows_of(lists)
        cosines = packing.cosines_of(lists)
        sizes = (rows >= 0).sum(axis=1)
        each = np.arange(len(lists))
        last = np.maximum(sizes - 1, 0)
        # Of the rows that tie with a last one that is gone, none is known to come before it.
        last_row = np.maximum(self.current_row[rows[each, last]], 0)
        bound = packing.pack(cosines[each, last], last_row)
        bound[sizes == len(self.previous) - 1] = packing.NONE
        kept = packing.pack(cosines, np.where(rows >= 0, self.current_row[rows], -1))
        kept.sort(axis=1)
        return kept, bound

    def _compare(
        self, block: slice, tile: slice, pool: CandidatePool, thresholds: Cosines, bound: Packed
    ) -> Packed:
        """Compare a block with a tile of queries: fill their pool, and return what the rows take in.

        thresholds and bound are those of the block's rows.
        """
        cosines = self.vectors[block] @ self.query_vectors[tile].T
        places, queries, near = near_pairs(cosines, thresholds, pool.thresholds)
        rows = places + block.start + self.start
        is_other = self.queries[tile][queries] != rows

        mask = (near >= pool.thresholds[queries]) & is_other
        neighbours = packing.pack(near[mask], rows[mask])
        pool.add(packing.with_query(queries[mask], neighbours))

        is_new = queries + tile.start < self.new_queries
        mask = (near >= thresholds[places]) & is_new & is_other
        return self._taken(block, tile, places[mask], queries[mask], bound)

    def _taken(
        self, block: slice, tile: slice, places: Rows, queries: Rows, bound: Packed
    ) -> Packed:
        """Return the queries that come before the bound of a row, packed with the row's place."""
        vectors = self.vectors[block][places]
        exact = exact_cosines(vectors, queries[:, None], self.query_vectors[tile])[:, 0]
        packed = packing.pack(exact, self.queries[tile][queries])
        inside = packed <= bound[places]
        return packing.with_query(places[inside], packed[inside])

    def found(self) -> Packed:
        """Return what the queries found here [queries, width], scored exactly, NONE where fewer."""
        found = np.empty((len(self.queries), self.width), np.uint64)
        for tile, pool in zip(self.tiles, self.pools, strict=True):
            queries = self.query_vectors[tile]
            ranked = rank_candidates(queries, pool.rows(), self.vectors, self.width, self.start)
            found[tile] = ranked
        return found


def _previous_rows(current_row: Rows, rows: int) -> Rows:
    """Return the row before of each row of now [rows], -1 of a new one."""
    previous = np.full(rows, -1)
    stays = current_row >= 0
    previous[current_row[stays]] = np.flatnonzero(stays)
    return previous
