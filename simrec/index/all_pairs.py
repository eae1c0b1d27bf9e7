"""The exact neighbours of all rows at once: by symmetry, with half the products of a plain search."""

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np

from simrec.index import packing

BLOCK = 512
TILE = 8 * BLOCK  # columns of one product: 8 MiB of cosines, read twice while they are in the cache
KNOWN_SHARE = (
    0.04  # of the blocks, the most alike, meet first, to learn which cosines can still matter
)
MOST_WAITING = 4  # times k candidates a row, before the worse ones are let go
ROUNDING = 2e-6  # products of other shapes differ in their last bits, and neighbours are compared to six decimals
ROWS_A_CLUSTER, CLUSTER_STEPS, SEED = 500, 6, 0


def all_pairs(vectors: np.ndarray, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows of one block after the other, int64 [b], and the k nearest of each, packed [b, k].

    vectors are float32 unit rows [rows, dim]. The nearest are ordered by (cosine down, row up),
    without the row itself, with NONE at the end where there are fewer; every row is in one block. Rows
    that are alike stand in one block, so that few of the cosines outside it matter to either side:
    each is computed once, and compared with the worst neighbour of both. Memory is about 4 KiB a row
    at k = 100 beside the vectors.
    """
    if not len(vectors):
        return
    work = _AllPairs(vectors, k)
    for number, block in enumerate(work.blocks):
        for start in range(block.start, len(vectors), TILE):
            work.meet(number, slice(start, min(start + TILE, len(vectors))))
        yield work.order[block], work.finish(number)


class _AllPairs:
    """Rows in order of likeness, in blocks; for each row the cosine that still matters, for each block candidates."""

    def __init__(self, vectors: np.ndarray, k: int) -> None:
        rows = len(vectors)
        self.k = k
        self.order = alike(vectors)
        self.vectors = np.ascontiguousarray(vectors[self.order])
        self.blocks = [slice(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK)]
        self.floors = self._first_floors()
        self.waiting: list[list[np.ndarray]] = [[] for _ in self.blocks]
        self.waiting_count = np.zeros(len(self.blocks), np.int64)
        self._products = np.empty(BLOCK * TILE, np.float32)
        self._matters = np.empty((2, BLOCK * TILE), bool)

    def _first_floors(self) -> np.ndarray:
        """Return for each row the k-th cosine among the blocks most alike: no worse neighbour can be among its k."""
        floors = np.full(len(self.vectors), -np.inf, np.float32)
        middles = np.stack([self.vectors[block].mean(axis=0) for block in self.blocks])
        alike = np.argsort(-(middles @ middles.T), axis=1)[:, : 1 + int(KNOWN_SHARE * len(middles))]
        for number, block in enumerate(self.blocks):
            known = sorted({number, *alike[number].tolist()})
            cosines = np.concatenate(
                [self.vectors[block] @ self.vectors[self.blocks[other]].T for other in known], 1
            )
            place = cosines.shape[1] - self.k - 1  # the row itself is among them
            if place >= 0:
                floors[block] = np.partition(cosines, place, axis=1)[:, place] - ROUNDING
        return floors

    def meet(self, number: int, tile: slice) -> None:
        """Compare a block with the rows of a tile, none of which stands before the block."""
        block = self.blocks[number]
        shape = (block.stop - block.start, tile.stop - tile.start)
        cosines = self._products[: shape[0] * shape[1]].reshape(shape)
        np.matmul(self.vectors[block], self.vectors[tile].T, out=cosines)
        mine, theirs = self._matters[:, : cosines.size]
        np.greater_equal(cosines, self.floors[block, None], out=mine.reshape(shape))
        np.greater_equal(cosines, self.floors[None, tile], out=theirs.reshape(shape))
        found = packing.nonzero_sparse(np.logical_or(mine, theirs, out=mine))
        rows, columns = np.divmod(found, shape[1])
        near, rows, columns = cosines.ravel()[found], rows + block.start, columns + tile.start

        kept = (near >= self.floors[rows]) & (rows != columns)
        self._wait(
            number,
            packing.with_query(
                rows[kept] % BLOCK, packing.pack(near[kept], self.order[columns[kept]])
            ),
        )
        kept = (near >= self.floors[columns]) & (columns >= block.stop)
        packed = packing.with_query(
            columns[kept] % BLOCK, packing.pack(near[kept], self.order[rows[kept]])
        )
        of_block = columns[kept] // BLOCK
        by_block = np.argsort(of_block, kind="stable")
        others, starts = np.unique(of_block[by_block], return_index=True)
        for other, part in zip(others, np.split(packed[by_block], starts[1:]), strict=False):
            self._wait(int(other), part)

    def _wait(self, number: int, packed: np.ndarray) -> None:
        self.waiting[number].append(packed)
        self.waiting_count[number] += len(packed)
        if self.waiting_count[number] > MOST_WAITING * self.k * BLOCK:
            self._settle(number)

    def _settle(self, number: int) -> np.ndarray:
        """Keep the best k of each row of a block; what is worse than the last of them matters no more."""
        best = packing.top_k_per_query(np.concatenate(self.waiting[number]), self.k)
        own, cosines = packing.kth_scores(best, self.k)
        rows = self.blocks[number].start + own
        self.floors[rows] = np.maximum(self.floors[rows], cosines - ROUNDING)
        self.waiting[number], self.waiting_count[number] = [best], len(best)
        return best

    def finish(self, number: int) -> np.ndarray:
        """Return the neighbours of a block that has met all rows, and forget its candidates."""
        block = self.blocks[number]
        found = packing.as_table(self._settle(number), block.stop - block.start, self.k)
        self.waiting[number] = []
        return found


def alike(vectors: np.ndarray) -> np.ndarray:
    """Return an order of the rows, int64 [rows], in which those that are alike stand together."""
    rows, dim = vectors.shape
    clusters = rows // ROWS_A_CLUSTER
    if clusters < 2:
        return np.arange(rows)
    means = faiss.Kmeans(
        dim, clusters, niter=CLUSTER_STEPS, spherical=True, seed=SEED,
        max_points_per_centroid=40, min_points_per_centroid=1,
    )  # fmt: skip
    means.train(vectors)
    cluster = faiss.knn(vectors, means.centroids, 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 0]
    place = np.empty(clusters, np.int64)
    place[_chain(means.centroids)] = np.arange(clusters)
    return np.argsort(place[cluster], kind="stable")


def _chain(centroids: Any) -> list[int]:
    """Go from each centroid to the nearest that is left."""
    cosines = centroids @ centroids.T
    chain, left = [0], np.ones(len(centroids), bool)
    while len(chain) < len(centroids):
        left[chain[-1]] = False
        chain.append(int(np.where(left, cosines[chain[-1]], -np.inf).argmax()))
    return chain
