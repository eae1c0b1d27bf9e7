"""Vectors on disk and in memory: half precision at rest, unit single precision to compute with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simrec.arrays import open_npy
from simrec.errors import GateError

CHECKED_ROWS = 65_536
BLOCK_VALUES = 1 << 24


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return float32 rows of length one; half precision has moved them off it by up to 1e-3."""
    rows: np.ndarray = vectors.astype(np.float32)
    for block in np.array_split(
        np.atleast_2d(rows), 1 + rows.size // BLOCK_VALUES
    ):  # or they would be there twice
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return rows


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Return float32 unit rows of stored vectors; float32 ones are that already."""
    return np.ascontiguousarray(vectors) if vectors.dtype == np.float32 else unit(vectors)


def check(path: Path, ids: Sequence[str]) -> None:
    """Raise GateError that names the first article whose stored vector is zero or not a number."""
    vectors = open_npy(path)
    blocks = (vectors[start : start + CHECKED_ROWS] for start in range(0, len(ids), CHECKED_ROWS))
    norms = np.concatenate([np.linalg.norm(block.astype(np.float32), axis=1) for block in blocks])
    bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0.5)))
    if len(bad):
        raise GateError(
            f"{len(bad):,} articles have a vector that is zero or not a number, the first is '{ids[bad[0]]}'; "
            "the encoder is broken: train another one"
        )
