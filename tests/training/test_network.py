"""Every shape of network is exported as it was trained, and comes back from its ONNX file alone."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from simrec import files
from simrec.config import EncoderConfig
from simrec.encoder import model_folder as encoder_folder
from simrec.encoder.runtime import Encoder
from simrec.encoder.tokenizer import train_tokenizer
from simrec.errors import SimrecError
from simrec.training.gradient_flow import STEPS, gradient_norms, gradient_reach
from simrec.training.network import (
    Attention,
    MaskedMax,
    MaskedMean,
    Weights,
    build_tower,
    set_weights,
    weights_of,
)
from simrec.training.onnx_export import export, read_weights, round_tokens
from simrec.training.train_encoder import check_parity
from tests.conftest import speeches

VOCAB, DIM = 300, 24
TEXTS = [speech["text"] for speech in speeches()[:60]]
SHAPES = [
    {"cell": cell, "bidirectional": both, "pooling": pooling}
    for cell, both, pooling in itertools.product(
        ["gru", "lstm", "rnn"], [True, False], ["mean", "last", "max", "attention"]
    )
] + [
    {"cell": "lstm", "layers": 3, "pooling": "last"},
    {"cell": "gru", "layers": 2, "pooling": "attention", "residual": False},
    {"cell": "rnn", "layers": 2, "bidirectional": False, "residual": False, "pooling": "mean"},
]


def random_tower(config: EncoderConfig, truncate: int = 0) -> keras.Model:
    """A tower of random weights, none zero or as initialised, with token embeddings as exported."""
    random = np.random.default_rng(0)
    keras.utils.set_random_seed(1)
    tower = build_tower(config, random.normal(size=(VOCAB, DIM)).astype(np.float32), 0, truncate)
    tower.set_weights([value + random.normal(0, 0.2, value.shape) for value in tower.get_weights()])
    weights = weights_of(tower, config)
    set_weights(tower, config, weights._replace(tokens=round_tokens(weights.tokens)))
    return tower


def rows_of_tokens() -> list[np.ndarray]:
    random = np.random.default_rng(2)
    return [
        random.integers(1, VOCAB, length).astype(np.int32)
        for length in (1, 2, 3, 7, 8, 9, 31, 64, 127)
    ]


def alone(tower: keras.Model, rows: list[np.ndarray]) -> np.ndarray:
    """Run the Keras network a row at a time, without any padding."""
    return np.concatenate([tower.predict_on_batch(row[None]) for row in rows])


def save(tower: keras.Model, config: EncoderConfig, folder) -> Encoder:
    files.write(folder / encoder_folder.TOKENIZER, train_tokenizer(TEXTS, VOCAB).to_str().encode())
    files.write(folder / encoder_folder.ONNX, export(weights_of(tower, config), config))
    encoder_folder.finish(folder, encoder_folder.Runtime.of(config), {})
    return Encoder(folder)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_onnx_gives_the_vectors_of_keras_and_gives_the_weights_back(tmp_path, shape: dict) -> None:
    config = EncoderConfig(hidden=12, dim=DIM, **shape)
    tower, rows = random_tower(config), rows_of_tokens()
    expected = alone(tower, rows)
    encoder = save(tower, config, tmp_path)
    assert np.abs(encoder.run(rows) - expected).max() < 1e-5
    assert np.abs(np.concatenate([encoder.run([row]) for row in rows]) - expected).max() < 1e-5
    restored = build_tower(config, np.zeros((VOCAB, DIM), np.float32), 7)
    set_weights(restored, config, read_weights((tmp_path / "encoder.onnx").read_bytes(), config))
    assert np.abs(alone(restored, rows) - expected).max() < 1e-6
    tower.save(tmp_path / "tower.keras")
    assert (
        np.abs(
            alone(keras.saving.load_model(tmp_path / "tower.keras", safe_mode=True), rows)
            - expected
        ).max()
        < 1e-6
    )


def test_the_parity_gate_refuses_another_network(tmp_path) -> None:
    config = EncoderConfig(hidden=12, dim=DIM)
    tower = random_tower(config)
    encoder = save(tower, config, tmp_path)
    check_parity(tower, encoder, rows_of_tokens())
    weights = weights_of(tower, config)
    weights.recurrent[0][1][1][0, :] += 0.05
    set_weights(tower, config, weights)
    with pytest.raises(SimrecError, match="differs from the Keras encoder"):
        check_parity(tower, encoder, rows_of_tokens())


def test_token_embeddings_in_8_bits_lose_half_a_step_at_most() -> None:
    tokens = np.random.default_rng(0).normal(size=(50, 16)).astype(np.float32)
    tokens[7] = 0
    rounded = round_tokens(tokens)
    assert (
        np.abs(rounded - tokens) <= np.abs(tokens).max(axis=1, keepdims=True) / 127 / 2 + 1e-7
    ).all()
    assert np.array_equal(round_tokens(rounded), rounded)


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
