"""Every objective's loss against NumPy, on a tower whose vectors are known."""

import keras
import numpy as np
import pytest

from simrec.config import Objective
from simrec.training.objectives import head, network

DIM, BATCH = 6, 5
RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(40, DIM)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
SIDES = [RANDOM.permutation(np.arange(1, 40))[:BATCH, None].astype(np.int32) for _ in range(3)]
A, B, C = (VECTORS[side[:, 0]] for side in SIDES)


def tower() -> keras.Model:
    """A tower that looks the vector of its only token up."""
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(
        40, DIM, embeddings_initializer=keras.initializers.Constant(VECTORS)
    )(ids)
    return keras.Model(
        ids, keras.layers.UnitNormalization()(keras.layers.GlobalAveragePooling1D()(vectors))
    )


def loss(objective: Objective, sides: int, wanted: np.ndarray) -> float:
    one = head(1, objective, sides, tower())
    whole = network([one], keras.optimizers.SGD(0.0))
    return float(np.atleast_1d(whole.test_on_batch(SIDES[:sides], [wanted]))[0])


def cross_entropy(scores: np.ndarray) -> float:
    scores = scores.astype(np.float64)
    return float(np.mean(np.log(np.exp(scores).sum(axis=1)) - np.diag(scores)))


def test_contrastive_is_cross_entropy_over_the_batch() -> None:
    rows = np.arange(BATCH)
    assert loss(Objective(temperature=0.1), 2, rows) == pytest.approx(
        cross_entropy(A @ B.T / 0.1), rel=1e-4
    )


def test_mined_negatives_are_further_columns() -> None:
    scores = A @ np.concatenate([B, C]).T / 0.1
    assert loss(Objective(temperature=0.1), 3, np.arange(BATCH)) == pytest.approx(
        cross_entropy(scores), rel=1e-4
    )


def graded(similarity: np.ndarray, grades: np.ndarray) -> float:
    return float(np.mean((similarity - grades) ** 2) + 1 - np.corrcoef(similarity, grades)[0, 1])


@pytest.mark.parametrize("kind", ["cosine", "manhattan"])
def test_graded_pairs(kind: str) -> None:
    grades = np.linspace(0, 1, BATCH, dtype=np.float32)
    similarity = (
        (A * B).sum(axis=1) if kind == "cosine" else np.exp(-np.abs(A - B).sum(axis=1) / DIM**0.5)
    )
    assert loss(Objective(kind=kind), 2, grades) == pytest.approx(
        graded(similarity, grades), rel=1e-4
    )


def test_triplet_is_the_mean_violation() -> None:
    violation = np.maximum(0, 0.3 - (A * B).sum(axis=1) + (A * C).sum(axis=1))
    assert loss(Objective(kind="triplet", margin=0.3), 3, np.zeros(BATCH)) == pytest.approx(
        violation.mean(), rel=1e-4
    )


def test_distillation_is_of_vectors_and_of_similarities() -> None:
    expected = np.mean(1 - (A * C).sum(axis=1)) + 20 * np.mean((A @ A.T - C @ C.T) ** 2)
    assert loss(Objective(kind="distillation"), 1, C) == pytest.approx(expected, rel=1e-4)


def softmax_without_diagonal(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores.astype(np.float64))
    np.fill_diagonal(powers, 0)
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares


def test_distillation_finds_and_ranks_as_the_teacher_does() -> None:
    only = {"cosine_weight": 0.0, "similarity_weight": 0.0, "temperature": 0.2}
    finds = Objective(kind="distillation", contrast_weight=3.0, **only)
    assert loss(finds, 1, C) == pytest.approx(3 * cross_entropy(A @ C.T / 0.2), rel=1e-4)
    ranks = Objective(kind="distillation", ranking_weight=2.0, **only)
    expected = softmax_without_diagonal(C @ C.T / 0.2) + np.eye(BATCH)
    given = softmax_without_diagonal(A @ A.T / 0.2) + np.eye(BATCH)
    divergence = (expected * np.log(expected / given)).sum(axis=1).mean()
    assert loss(ranks, 1, C) == pytest.approx(2 * divergence, rel=1e-4)
    both = Objective(kind="distillation", contrast_weight=3.0, ranking_weight=2.0, temperature=0.2)
    parts = loss(finds, 1, C) + loss(ranks, 1, C) + loss(Objective(kind="distillation"), 1, C)
    assert loss(both, 1, C) == pytest.approx(parts, rel=1e-4)


def test_objectives_are_mixed_by_their_weights() -> None:
    shared = tower()
    grades = np.linspace(0, 1, BATCH, dtype=np.float32)
    heads = [
        head(1, Objective(weight=2.0), 2, shared),
        head(2, Objective(kind="cosine", weight=0.5), 2, shared),
    ]
    whole = network(heads, keras.optimizers.SGD(0.0))
    total, *parts = whole.test_on_batch(
        [*SIDES[:2], SIDES[2], SIDES[0]], [np.arange(BATCH), grades]
    )
    assert parts[0] == pytest.approx(cross_entropy(A @ B.T / 0.05), rel=1e-4)
    assert parts[1] == pytest.approx(graded((C * A).sum(axis=1), grades), rel=1e-4)
    assert total == pytest.approx(2 * parts[0] + 0.5 * parts[1], rel=1e-4)
