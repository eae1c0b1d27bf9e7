"""The exact neighbours of all rows at once: by symmetry, at half the products of a plain search."""

from collections.abc import Iterator

import faiss
import numpy as np

from simrec.arrays import row_blocks
from simrec.index import packing
from simrec.index.candidate_pool import ROUNDING, CandidatePool, Cosines, near_pairs
from simrec.index.vectors import Rows, UnitVectors

BLOCK = 512
TILE = 8 * BLOCK  # columns of one product: 8 MiB of cosines, read twice while they are in the cache
INITIAL_SHARE = 0.04  # of the blocks, the most similar, are compared first to set the thresholds
CLUSTER_ROWS = 500
CLUSTER_STEPS = 6
CLUSTER_POINTS = 40  # of a centroid at most are learned from
SEED = 0


def all_pairs(vectors: UnitVectors, k: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield, block by block, the rows [b] of a block and the k nearest rows [b, k] of each.

    vectors are float32 unit rows [rows, dim]. The nearest are in order of (cosine down, row up),
    without the row itself, -1 at the end where there are fewer. Similar rows share a block, so few
    of the cosines outside it matter to either side: each is computed once, and compared with the
    worst neighbour of both. Memory is about 4 KiB a row at k = 100 beside the vectors.
    """
    if not len(vectors):
        return
    search = _AllPairs(vectors, k)
    for number, block in enumerate(search.blocks):
        for tile in row_blocks(len(vectors), TILE, block.start):
            search.compare(number, tile)
        nearest = search.pools[number].rows()
        yield search.order[block], nearest


class _AllPairs:
    """Rows in order of similarity, in blocks, with the candidates of each block.

    Rows and blocks are numbered in that order; candidates have the numbers of the caller.
    """

    def __init__(self, vectors: UnitVectors, k: int) -> None:
        self.order = similarity_order(vectors)
        self.vectors: UnitVectors = np.ascontiguousarray(vectors[self.order])
        self.blocks = list(row_blocks(len(vectors), BLOCK))
        self.thresholds = _initial_thresholds(self.vectors, self.blocks, k)
        self.pools: list[CandidatePool] = []
        for block in self.blocks:
            self.pools.append(CandidatePool(k, self.thresholds[block]))

    def compare(self, number: int, tile: slice) -> None:
        """Compare a block with the rows of a tile, none of which stands before the block."""
        block = self.blocks[number]
        cosines = self.vectors[block] @ self.vectors[tile].T
        rows, columns, near = near_pairs(cosines, self.thresholds[block], self.thresholds[tile])
        rows += block.start
        columns += tile.start
        self._add_to_block(number, rows, columns, near)
        self._add_to_others(number, rows, columns, near)

    def _add_to_block(
        self,
        number: int,
        rows: Rows,
        columns: Rows,
        near: Cosines,
    ) -> None:
        """Add columns as candidates of the block's rows."""
        mask = (near >= self.thresholds[rows]) & (rows != columns)
        neighbours = packing.pack(near[mask], self.order[columns[mask]])
        packed = packing.with_query(rows[mask] % BLOCK, neighbours)
        self.pools[number].add(packed)

    def _add_to_others(
        self,
        number: int,
        rows: Rows,
        columns: Rows,
        near: Cosines,
    ) -> None:
        """Add the block's rows as candidates of columns, to the block that each column is in."""
        is_outside = columns >= self.blocks[number].stop
        mask = (near >= self.thresholds[columns]) & is_outside
        columns = columns[mask]
        neighbours = packing.pack(near[mask], self.order[rows[mask]])
        packed = packing.with_query(columns % BLOCK, neighbours)
        block_of_column = columns // BLOCK
        by_block = np.argsort(block_of_column, kind="stable")
        sizes = np.bincount(block_of_column, minlength=len(self.blocks))
        ends = np.cumsum(sizes)
        for other in np.flatnonzero(sizes):
            of_other = by_block[ends[other] - sizes[other] : ends[other]]
            self.pools[other].add(packed[of_other])


def _initial_thresholds(vectors: UnitVectors, blocks: list[slice], k: int) -> Cosines:
    """Return the k-th cosine of each row among the blocks most similar to its own.

    No worse row can be among its k neighbours.
    """
    thresholds = np.full(len(vectors), -np.inf, np.float32)
    for block, others in zip(blocks, _similar_blocks(vectors, blocks), strict=True):
        products = []
        for other in others:
            products.append(vectors[block] @ vectors[blocks[other]].T)
        cosines = np.concatenate(products, axis=1)
        place = cosines.shape[1] - k - 1  # the row itself is among them
        if place >= 0:
            cosines.partition(place, axis=1)
            thresholds[block] = cosines[:, place] - ROUNDING
    return thresholds


def _similar_blocks(vectors: UnitVectors, blocks: list[slice]) -> list[list[int]]:
    """Return the blocks whose means are most similar to that of each block, itself among them."""
    means = np.stack([vectors[block].mean(axis=0) for block in blocks])
    count = 1 + int(INITIAL_SHARE * len(means))
    by_similarity = np.argsort(-(means @ means.T), axis=1)
    similar = []
    for number, others in enumerate(by_similarity[:, :count]):
        similar.append(sorted({number, *others.tolist()}))
    return similar


def similarity_order(vectors: UnitVectors) -> Rows:
    """Return all rows in an order in which similar ones stand together: cluster by cluster."""
    rows, dim = vectors.shape
    clusters = rows // CLUSTER_ROWS
    if clusters < 2:
        return np.arange(rows)
    means = faiss.Kmeans(
        dim,
        clusters,
        niter=CLUSTER_STEPS,
        spherical=True,
        seed=SEED,
        max_points_per_centroid=CLUSTER_POINTS,
        min_points_per_centroid=1,
    )
    means.train(vectors)
    centroids = np.asarray(means.centroids)
    _, nearest = faiss.knn(vectors, centroids, 1, metric=faiss.METRIC_INNER_PRODUCT)
    rank = np.empty(clusters, np.int64)
    rank[_chain(centroids)] = np.arange(clusters)
    return np.argsort(rank[nearest[:, 0]], kind="stable")


def _chain(centroids: UnitVectors) -> list[int]:
    """Return an order of the centroids in which each is followed by the nearest one left."""
    cosines = centroids @ centroids.T
    chain = [0]
    left = np.ones(len(centroids), bool)
    while len(chain) < len(centroids):
        left[chain[-1]] = False
        of_left = np.where(left, cosines[chain[-1]], -np.inf)
        chain.append(int(of_left.argmax()))
    return chain
