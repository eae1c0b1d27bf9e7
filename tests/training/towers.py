"""Towers and texts that several files of tests need."""

import keras
import numpy as np

from simrec.config import EncoderConfig
from simrec.training.network import build_tower, set_weights, weights_of
from simrec.training.onnx_export import round_tokens

VOCAB = 300
DIM = 24


def random_tower(config: EncoderConfig, truncate: int = 0) -> keras.Model:
    """A tower of random weights, none zero or as initialised, with token embeddings as exported."""
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(1)
    tower = build_tower(config, rng.normal(size=(VOCAB, DIM)).astype(np.float32), 0, truncate)
    tower.set_weights([value + rng.normal(0, 0.2, value.shape) for value in tower.get_weights()])
    weights = weights_of(tower, config)
    set_weights(tower, config, weights._replace(tokens=round_tokens(weights.tokens)))
    return tower


def rows_of_tokens() -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [
        rng.integers(1, VOCAB, length).astype(np.int32)
        for length in (1, 2, 3, 7, 8, 9, 31, 64, 127)
    ]


def alone(tower: keras.Model, rows: list[np.ndarray]) -> np.ndarray:
    """Run the Keras network a row at a time, without any padding."""
    return np.concatenate([tower.predict_on_batch(row[None]) for row in rows])
