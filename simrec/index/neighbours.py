"""The neighbour graph: the nearest rows of every row, scored exactly."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simrec import log
from simrec.index.exact import DECIMALS
from simrec.index.search import Index

BLOCK = 512
SLACK = 8  # more than asked for, so that ties at the last place are broken by id and not by chance


class Neighbours(NamedTuple):
    """For every row its neighbours, best first: int32 rows [n, k] with -1 at the end where there are fewer.

    Scores are cosines in float32, 0 where there is no neighbour.
    """

    rows: np.ndarray
    scores: np.ndarray


def neighbours(index: Index, vectors: np.ndarray, k: int) -> Neighbours:
    """Find k neighbours of every row among the others, by (cosine down, row up); self is excluded."""
    total = len(vectors)
    rows = np.full((total, k), -1, dtype=np.int32)
    scores = np.zeros((total, k), dtype=np.float32)
    with log.progress("neighbours", total) as bar:
        for start in range(0, total, BLOCK):
            block = slice(start, min(start + BLOCK, total))
            found = index.search(vectors[block], k + 1 + SLACK)
            found[found == np.arange(block.start, block.stop)[:, None]] = -1
            best, cosines = rank(vectors[block], found, vectors, k)
            rows[block, : best.shape[1]] = best
            scores[block, : best.shape[1]] = cosines
            bar.update(block.stop - block.start)
    return Neighbours(rows, scores)


def rank(queries: np.ndarray, found: np.ndarray, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Score found rows [queries, m] exactly and return the k best (rows, cosines), ties by row; -1 stays last."""
    cosines = np.einsum("qd,qmd->qm", queries, vectors[found]).round(DECIMALS)
    cosines[found < 0] = -np.inf
    order = np.lexsort((found, -cosines), axis=1)[:, :k]
    best, cosines = np.take_along_axis(found, order, 1), np.take_along_axis(cosines, order, 1)
    cosines[best < 0] = 0
    return best, np.clip(cosines, -1, 1)


def pairs(neighbours: Neighbours, k: int) -> Iterator[tuple[int, int, int, float]]:
    """Yield (row, rank from 1, neighbour row, cosine) of the first k neighbours, in order."""
    for row, (found, scores) in enumerate(zip(neighbours.rows[:, :k], neighbours.scores[:, :k], strict=True)):
        kept = int((found >= 0).sum())
        for place in range(kept):
            yield row, place + 1, int(found[place]), float(scores[place])
