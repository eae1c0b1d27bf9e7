"""Vectors: half precision at rest, float32 rows of length one to compute with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import open_npy, row_blocks
from simrec.errors import GateError

CHECKED_ROWS = 65_536
BLOCK_VALUES = 1 << 24

Rows = NDArray[np.int64]
Vectors = NDArray[np.floating[Any]]  # [rows, dim], float32 unit rows or half precision as stored
UnitVectors = NDArray[np.float32]


def unit(vectors: Vectors) -> UnitVectors:
    """Return vectors of length one; half precision has moved them off it by up to 1e-3.

    They are scaled in blocks, so that no second copy of all is in memory.
    """
    scaled = vectors.astype(np.float32)
    rows = np.atleast_2d(scaled)
    for block in np.array_split(rows, 1 + rows.size // BLOCK_VALUES):
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return scaled


def unit_rows(vectors: Vectors) -> UnitVectors:
    """Return stored vectors as float32 unit rows; float32 ones are unit rows already."""
    if vectors.dtype == np.float32:
        return np.ascontiguousarray(vectors)
    return unit(vectors)


def check(path: Path, ids: Sequence[str]) -> None:
    """Raise GateError that names the first article whose stored vector is zero or not a number."""
    vectors = open_npy(path)
    lengths = np.empty(len(vectors))
    for block in row_blocks(len(vectors), CHECKED_ROWS):
        lengths[block] = np.linalg.norm(vectors[block].astype(np.float32), axis=1)
    is_good = np.isfinite(lengths) & (lengths > 0.5)
    bad = np.flatnonzero(~is_good)
    if len(bad):
        raise GateError(
            f"{len(bad):,} articles have a vector that is zero or not a number, the first is "
            f"'{ids[bad[0]]}'; the encoder is broken: train another one"
        )
