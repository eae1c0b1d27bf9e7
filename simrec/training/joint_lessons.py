"""Joint lessons: the vectors of several teachers side by side, centred, one row a text."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simrec.errors import ConfigError
from simrec.training.distillation import EMPTY_SET, DistillationSet, read_distillation_set

MIN_SHARED_TEXTS = 16
RIDGE = 0.01  # of the mean square of what is predicted from
FIT_TEXTS = 50_000

Floats = NDArray[np.float32]


def read_lessons(paths: list[list[Path]], max_texts: int) -> DistillationSet:
    """Read the first texts of each teacher's files, and join them; see `join`."""
    sets = [read_distillation_set(paths_of_one, max_texts) for paths_of_one in paths]
    return join(sets) if sets else read_distillation_set([], max_texts)


def join(sets: list[DistillationSet]) -> DistillationSet:
    """Return the first teacher's texts with the vectors of all teachers, unit rows, float16.

    Each teacher's vectors are centred, since some have most of their length in common, and made
    unit again, so that all teachers weigh the same. Where a further teacher did not read a text,
    its vector is what ridge regression predicts from the first one's. Raises ConfigError where too
    few texts were read by both.
    """
    first, *others = sets
    parts = [centred(first.vectors)]
    row_of = {text: row for row, text in enumerate(first.texts)}
    for number, other in enumerate(others, start=2):
        parts.append(_aligned(parts[0], row_of, other, number))
    joint = np.concatenate(parts, axis=1) / np.sqrt(len(parts))
    return DistillationSet(first.texts, joint.astype(np.float16)) if first.texts else EMPTY_SET


def centred(vectors: NDArray[np.floating]) -> Floats:
    """Return unit rows of what is left of vectors without their mean."""
    rows = vectors.astype(np.float32)
    return _unit(rows - rows.mean(axis=0))


def _aligned(first: Floats, row_of: dict[str, int], other: DistillationSet, number: int) -> Floats:
    """Return a further teacher's vectors in the order of the first one's texts."""
    shared = [row for row, text in enumerate(other.texts) if text in row_of]
    if len(shared) < MIN_SHARED_TEXTS:
        raise ConfigError(
            f"the lessons of teacher 1 and teacher {number} disagree in their texts: they share "
            f"{len(shared):,} of {len(row_of):,}; let both read the same articles (simrec teach), "
            "and let the first teacher be one that reads all languages"
        )
    rows = np.array([row_of[other.texts[row]] for row in shared])
    vectors = centred(other.vectors[shared])
    aligned = np.empty((len(first), vectors.shape[1]), np.float32)
    if len(rows) < len(first):
        aligned = _unit(first @ _ridge(first[rows[:FIT_TEXTS]], vectors[:FIT_TEXTS]))
    aligned[rows] = vectors
    return aligned


def _ridge(inputs: Floats, targets: Floats) -> Floats:
    """Return the matrix that predicts targets from inputs (Hoerl & Kennard 1970)."""
    gram = inputs.T @ inputs
    penalty = RIDGE * np.trace(gram) / len(gram)
    regular = gram + penalty * np.eye(len(gram), dtype=np.float32)
    return np.asarray(np.linalg.solve(regular, inputs.T @ targets), np.float32)


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = rows / np.maximum(lengths, 1e-9)
    return unit
