"""Bring a kNN graph up to date after a change, at a cost that follows the change."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from simrec import files, log
from simrec.arrays import Mask, npy_header, open_npy, row_blocks
from simrec.index import packing
from simrec.index.candidate_pool import ROUNDING, CandidatePool, Cosines, near_pairs
from simrec.index.exact import exact_cosines, rank_candidates
from simrec.index.knn_graph import SPARE, KnnGraph
from simrec.index.packing import Packed
from simrec.index.vectors import Rows, Vectors, unit_rows
from simrec.tasks.rows import Parts, map_rows
from simrec.tasks.stages import Stages

RANGE_ROWS = 1 << 18  # of one task
BLOCK_ROWS = 2_048


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
    """How many rows and how many queries are compared at once, so that both stay in the cache."""

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
    previous_ids: Sequence[str],
    ids: Sequence[str],
    previous: Vectors,
    vectors: Vectors,
) -> RowChange:
    """Compare two sets of rows in order of id; a row whose vector changed is gone, and new.

    previous and vectors are the stored matrices [rows, dim].
    """
    row_of = {article_id: row for row, article_id in enumerate(ids)}
    current = [row_of.get(article_id, -1) for article_id in previous_ids]
    current_row = np.array(current, np.int64)
    stays = np.flatnonzero(current_row >= 0)
    for block in row_blocks(len(stays), BLOCK_ROWS):
        rows = stays[block]
        differs = (previous[rows] != vectors[current_row[rows]]).any(axis=1)
        current_row[rows[differs]] = -1
    new_rows = np.setdiff1d(np.arange(len(ids)), current_row)
    return RowChange(current_row, new_rows)


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
    short = short_rows(graph, change.current_row, k, _held_all_others(graph))
    queries = np.concatenate([change.new_rows, short])
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
        _write_graph(file, parts, queries, (rows, graph.width))
    return KnnGraph.open(path)


def _write_graph(
    file: IO[bytes],
    parts: Parts,
    queries: Rows,
    shape: tuple[int, int],
) -> None:
    """Write the updated lists of all ranges, and over those of queries what these have found."""
    file.write(npy_header(shape, packing.DTYPE))
    start = file.tell()
    line_bytes = shape[1] * packing.NONE.itemsize
    for lists in parts.blocks("lists"):
        file.write(lists.data)
    of_ranges = list(parts.blocks("found"))
    for block in row_blocks(len(queries), BLOCK_ROWS):
        found = [of_range[block] for of_range in of_ranges]
        best = packing.merge(found, shape[1])
        for row, line in zip(queries[block], best, strict=True):
            file.seek(start + int(row) * line_bytes)
            file.write(line.data)


def _held_all_others(graph: KnnGraph) -> Mask:
    """Tell which lists of a graph hold all rows but their own."""
    sizes = [np.empty(0, np.int64)]
    for block in row_blocks(len(graph), BLOCK_ROWS):
        sizes.append((graph.packed[block] != packing.NONE).sum(axis=1))
    held_all: Mask = np.concatenate(sizes) == len(graph) - 1
    return held_all


def short_rows(
    graph: KnnGraph,
    current_row: Rows,
    k: int,
    is_complete: Mask,
) -> Rows:
    """Return the old rows that lost so many neighbours that fewer than k are left.

    is_complete [rows before] tells which lists held all that there was: these are never short.
    """
    short = [np.empty(0, np.int64)]
    for block in row_blocks(len(graph), BLOCK_ROWS):
        neighbours = packing.rows_of(graph.packed[block])
        left = ((neighbours >= 0) & (current_row[neighbours] >= 0)).sum(axis=1)
        rows = current_row[block]
        is_short = (rows >= 0) & (left < k) & ~is_complete[block]
        short.append(rows[is_short])
    return np.concatenate(short)


def kept_lists(
    lists: Packed,
    current_row: Rows,
    is_complete: Mask,
) -> tuple[Packed, Packed]:
    """Return what is left of lists from before [b, width], and how far each of them knows [b].

    A list knows all rows that come before its last one, even if that one is gone. One that held
    all there was, as is_complete [b] tells, knows all there can be: its bound is NONE.
    """
    rows = packing.rows_of(lists)
    cosines = packing.cosines_of(lists)
    sizes = (rows >= 0).sum(axis=1)
    each = np.arange(len(lists))
    last = np.maximum(sizes - 1, 0)
    # Of the rows that tie with a last one that is gone, none is known to come before it.
    last_row = current_row[rows[each, last]]
    bound = packing.pack(cosines[each, last], np.maximum(last_row, 0))
    bound[is_complete] = packing.NONE
    current = np.where(rows >= 0, current_row[rows], -1)
    kept = packing.pack(cosines, current)
    kept.sort(axis=1)
    return kept, bound


def update_range(
    rows: slice,
    settings: GraphUpdate,
    queries: Rows,
    current_row: Rows,
) -> dict[str, Packed]:
    """Return the lists of a range [rows, width], and what queries found in it [queries, width]."""
    update = _RangeUpdate(rows, settings, queries, current_row)
    count = rows.stop - rows.start
    lists = np.empty((count, update.width), np.uint64)
    with log.progress("neighbours", count) as bar:
        for block in row_blocks(count, settings.tile.rows):
            lists[block] = update.lists(block)
            bar.update(block.stop - block.start)
    return {"lists": lists, "found": update.found()}


class _RangeUpdate:
    """A range of the graph and all queries, with the candidates that these have found in it so far.

    Rows of the range are numbered from 0; candidates and the contents of lists are rows of now.
    """

    def __init__(
        self,
        rows: slice,
        settings: GraphUpdate,
        queries: Rows,
        current_row: Rows,
    ) -> None:
        graph = KnnGraph.open(settings.previous_graph)
        stored = open_npy(settings.vectors)
        self.start: int = rows.start
        self.previous = graph.packed
        self.width = graph.width
        self.current_row = current_row
        self.previous_row = previous_rows(current_row, len(stored))[rows]
        self.vectors = unit_rows(stored[rows])
        self.queries = queries
        self.query_vectors = unit_rows(stored[queries])
        self.new_queries = settings.new_rows
        self.is_query = np.isin(np.arange(rows.start, rows.stop), queries)
        self.tiles = list(row_blocks(len(queries), settings.tile.queries))
        self.pools = self._empty_pools()

    def _empty_pools(self) -> list[CandidatePool]:
        """Return a pool for each tile of queries; slack, since their cosines are not exact."""
        k = self.width + packing.SLACK
        pools = []
        for tile in self.tiles:
            thresholds = np.full(tile.stop - tile.start, -np.inf, np.float32)
            pools.append(CandidatePool(k, thresholds))
        return pools

    def lists(self, block: slice) -> Packed:
        """Compare a block of rows with all queries; return the lists of the rows [b, width].

        The lists of rows that are queries are replaced in the end.
        """
        kept, bound = self._kept(block)
        thresholds = self._thresholds(block, bound)
        taken = [np.empty(0, np.uint64)]
        for tile, pool in zip(self.tiles, self.pools, strict=True):
            taken.append(self._compare(block, tile, pool, thresholds, bound))
        best = packing.top_k_per_query(np.concatenate(taken), self.width)
        if not len(best):
            return kept
        return packing.merge([kept, packing.as_table(best, len(kept), self.width)], self.width)

    def _kept(self, block: slice) -> tuple[Packed, Packed]:
        """Return what is left of the lists of a block [b, width], and how far each knows [b]."""
        lists = self._previous_lists(block)
        held_all_others = (lists != packing.NONE).sum(axis=1) == len(self.previous) - 1
        return kept_lists(lists, self.current_row, held_all_others)

    def _thresholds(self, block: slice, bound: Packed) -> Cosines:
        """Return the least cosine that each row of a block takes in; queries take in none."""
        thresholds = packing.cosines_of(bound) - ROUNDING
        thresholds[bound == packing.NONE] = -np.inf
        thresholds[self.is_query[block]] = np.inf
        return thresholds

    def _previous_lists(self, block: slice) -> Packed:
        """Return the lists that the rows of a block had before [b, width], empty for new rows."""
        previous_row = self.previous_row[block]
        was_there = previous_row >= 0
        lists = np.full((len(previous_row), self.width), packing.NONE)
        lists[was_there] = self.previous[previous_row[was_there]]
        return lists

    def _compare(
        self,
        block: slice,
        tile: slice,
        pool: CandidatePool,
        thresholds: Cosines,
        bound: Packed,
    ) -> Packed:
        """Compare a block with a tile of queries: fill their pool, return what the rows take in.

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
        self,
        block: slice,
        tile: slice,
        places: Rows,
        queries: Rows,
        bound: Packed,
    ) -> Packed:
        """Return the queries that come before the bound of a row, packed with the row's place."""
        vectors = self.vectors[block][places]
        cosines = exact_cosines(vectors, queries[:, None], self.query_vectors[tile])
        packed = packing.pack(cosines[:, 0], self.queries[tile][queries])
        inside = packed <= bound[places]
        return packing.with_query(places[inside], packed[inside])

    def found(self) -> Packed:
        """Return what the queries found here [queries, width], scored exactly, NONE where fewer."""
        found = np.empty((len(self.queries), self.width), np.uint64)
        for tile, pool in zip(self.tiles, self.pools, strict=True):
            found[tile] = rank_candidates(
                self.query_vectors[tile],
                pool.rows(),
                self.vectors,
                self.width,
                self.start,
            )
        return found


def previous_rows(current_row: Rows, rows: int) -> Rows:
    """Return the row before of each row of now [rows], -1 of a new one."""
    previous = np.full(rows, -1)
    stays = current_row >= 0
    previous[current_row[stays]] = np.flatnonzero(stays)
    return previous
