"""Poolings, truncated gradients and how far gradients reach, against what can be counted by hand."""

import numpy as np
import pytest
import tensorflow as tf

from simrec.config import EncoderConfig
from simrec.training.gradient_flow import STEPS, gradient_norms, gradient_reach
from simrec.training.network import (
    Attention,
    MaskedMax,
    MaskedMean,
    Weights,
    build_tower,
    remember_longer,
    weights_of,
)
from tests.training.towers import DIM, VOCAB, alone, random_tower, rows_of_tokens


def test_poolings_count_only_the_steps_that_the_mask_keeps() -> None:
    states = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]], bool)
    kept = [row[keep] for row, keep in zip(states, mask, strict=True)]
    assert np.allclose(
        MaskedMean()(states, mask=mask), [row.mean(axis=0) for row in kept], atol=1e-6
    )
    assert np.allclose(MaskedMax()(states, mask=mask), [row.max(axis=0) for row in kept], atol=1e-6)
    attention = Attention()
    assert np.allclose(
        attention(states, mask=mask), [row.mean(axis=0) for row in kept], atol=1e-6
    ), "it starts as the mean"
    attention.set_weights(
        [
            np.random.default_rng(n).normal(size=w.shape)
            for n, w in enumerate(attention.get_weights())
        ]
    )
    kernel, bias, query = attention.get_weights()
    for row, given in zip(kept, np.asarray(attention(states, mask=mask)), strict=True):
        scores = np.exp(np.tanh(row @ kernel + bias) @ query)
        assert np.allclose(given, (scores / scores.sum() * row).sum(axis=0), atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_truncation_changes_no_vector_and_cuts_gradients_where_it_says(
    cell: str, bidirectional: bool
) -> None:
    config = EncoderConfig(
        cell=cell, hidden=8, dim=DIM, bidirectional=bidirectional, residual=False, pooling="last"
    )
    whole, cut = random_tower(config), random_tower(config, truncate=10)
    cut.set_weights(whole.get_weights())
    rows = rows_of_tokens()
    assert np.abs(alone(whole, rows) - alone(cut, rows)).max() < 1e-6
    layer = (
        cut.get_layer("recurrent_1").forward_layer if bidirectional else cut.get_layer(f"{cell}_1")
    )
    embedded = tf.random.normal((2, 35, DIM))
    with tf.GradientTape() as tape:
        tape.watch(embedded)
        last = tf.reduce_sum(layer(embedded))
    norms = np.linalg.norm(tape.gradient(last, embedded), axis=2).max(axis=0)
    assert (norms[:30] == 0).all(), "35 steps in blocks of 10: the last block began with step 30"
    assert (norms[30:] > 0).all()


@pytest.mark.parametrize(("cell", "gates"), [("gru", {0: 1}), ("lstm", {0: -1, 1: 1}), ("rnn", {})])
def test_gates_that_begin_long_keep_a_state_for_so_many_steps(
    cell: str, gates: dict[int, int]
) -> None:
    """A gate of bias log(t - 1) keeps 1 - 1 / t of the state: t steps until a third is left."""
    config = EncoderConfig(cell=cell, hidden=400, dim=DIM, layers=2, bidirectional=False)
    tower = build_tower(config, np.zeros((VOCAB, DIM), np.float32), 0)
    before = weights_of(tower, config)
    after = remember_longer(before, cell, 50, seed=1)
    for (old,), (new,) in zip(before.recurrent, after.recurrent, strict=True):
        assert np.array_equal(old[0], new[0])
        assert np.array_equal(old[1], new[1])
        biases = new[2][0] if cell == "gru" else new[2]
        blocks = np.split(biases, len(biases) // 400)
        for number, block in enumerate(blocks):
            if number in gates:
                memory = 1 + np.exp(gates[number] * block)
                assert memory.min() >= 2
                assert memory.max() <= 50
                assert memory.mean() == pytest.approx(26, abs=2), "spread evenly"
            else:
                assert not block.any()


def test_gradient_reach_of_a_linear_recurrence_is_its_power() -> None:
    """With weights w I and values near zero, tanh is the identity: the gradient is w ** distance."""
    config = EncoderConfig(cell="rnn", hidden=DIM, dim=DIM, bidirectional=False)
    tower = build_tower(config, np.full((VOCAB, DIM), 1e-6, np.float32), 0)
    identity = np.eye(DIM, dtype=np.float32)
    weights = Weights(
        np.full((VOCAB, DIM), 1e-6, np.float32),
        [[[identity, 0.9 * identity, np.zeros(DIM)]]],
        [],
        [],
    )
    tower.get_layer("rnn_1").set_weights(weights.recurrent[0][0])
    rows = [np.ones(STEPS + extra, np.int32) for extra in (0, 3, 10)] + [np.ones(5, np.int32)]
    norms = gradient_norms(tower, config, rows, seed=0)
    assert norms == pytest.approx([0.9**distance for distance in range(STEPS)], rel=1e-3)
    assert gradient_reach(norms) == 44, "0.9 ** 43 is the last above 0.01"
    assert gradient_norms(tower, config, rows[-1:], seed=0) == []
