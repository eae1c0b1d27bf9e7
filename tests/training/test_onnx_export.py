"""Every shape of network is exported as it was trained, and comes back from its ONNX file alone."""

import itertools
from pathlib import Path

import keras
import numpy as np
import pytest

from simrec import files
from simrec.config import EncoderConfig
from simrec.encoder import model_folder
from simrec.encoder.runtime import Encoder
from simrec.encoder.tokenizer import train_tokenizer
from simrec.errors import SimrecError
from simrec.training.network import build_tower, set_weights, weights_of
from simrec.training.onnx_export import export, read_weights, round_tokens
from simrec.training.train_encoder import check_parity
from tests.conftest import speeches
from tests.training.towers import DIM, VOCAB, alone, random_tower, rows_of_tokens

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


def save(tower: keras.Model, config: EncoderConfig, folder: Path) -> Encoder:
    files.write(folder / model_folder.TOKENIZER, train_tokenizer(TEXTS, VOCAB).to_str().encode())
    files.write(folder / model_folder.ONNX, export(weights_of(tower, config), config))
    model_folder.finish(folder, model_folder.Runtime.of(config), model_folder.EncoderCard())
    return Encoder(folder)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_onnx_gives_the_vectors_of_keras_and_gives_the_weights_back(
    tmp_path: Path, shape: dict
) -> None:
    config = EncoderConfig(hidden=12, dim=DIM, **shape)
    tower = random_tower(config)
    rows = rows_of_tokens()
    expected = alone(tower, rows)
    encoder = save(tower, config, tmp_path)
    assert np.abs(encoder.run(rows) - expected).max() < 1e-5
    assert np.abs(np.concatenate([encoder.run([row]) for row in rows]) - expected).max() < 1e-5
    restored = build_tower(config, np.zeros((VOCAB, DIM), np.float32), 7)
    set_weights(restored, config, read_weights((tmp_path / "encoder.onnx").read_bytes(), config))
    assert np.abs(alone(restored, rows) - expected).max() < 1e-6
    tower.save(tmp_path / "tower.keras")
    loaded = keras.saving.load_model(tmp_path / "tower.keras", safe_mode=True)
    assert np.abs(alone(loaded, rows) - expected).max() < 1e-6


def test_the_parity_gate_refuses_another_network(tmp_path: Path) -> None:
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
