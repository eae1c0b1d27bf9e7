"""Gradient flow: how far back in time a recurrent layer can still be taught."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from simrec.config import EncoderConfig
from simrec.training.pairs import TokenIds

STEPS = 96  # tokens of a text that are looked at; shorter texts are skipped
MAX_TEXTS = 64
DIRECTIONS = 4  # of the state
FAINT = 0.01  # of the gradient at distance 0


def gradient_norms(
    tower: keras.Model, config: EncoderConfig, texts: Sequence[TokenIds], seed: int
) -> list[float]:
    """Return the norm of the last state's gradient by the token so many steps before, by distance.

    Of the first recurrent layer, forward in time; the mean over texts and random directions of the
    state, relative to distance 0. A recurrence whose values fall to nothing cannot learn from what
    stands further back (vanishing gradients, Bengio et al. 1994); one whose values grow explodes.
    Empty where fewer than two texts are long enough.
    """
    ids = [text[:STEPS] for text in texts if len(text) >= STEPS][:MAX_TEXTS]
    if len(ids) < 2:
        return []
    layer = _first_recurrent_layer(tower, config)
    embedded = tf.convert_to_tensor(tower.get_layer("tokens")(np.stack(ids)))
    rng = np.random.default_rng(seed)
    norms = []
    for _ in range(DIRECTIONS):
        direction = rng.normal(size=config.hidden).astype(np.float32)
        norms.append(_norms_by_time(layer, embedded, direction))
    by_distance = np.mean(norms, axis=0)[::-1]
    relative: list[float] = (by_distance / by_distance[0]).tolist()
    return relative


def _norms_by_time(
    layer: keras.layers.Layer, embedded: tf.Tensor, direction: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the norm of the gradient of the last state in a direction, for each token, [time]."""
    with tf.GradientTape() as tape:
        tape.watch(embedded)
        states = layer(embedded)
        last = states[:, -1] if layer.return_sequences else states
        projection = tf.reduce_sum(last * direction)
    gradient = tape.gradient(projection, embedded).numpy()
    norms: NDArray[np.float32] = np.linalg.norm(gradient, axis=2).mean(axis=0)
    return norms


def _first_recurrent_layer(tower: keras.Model, config: EncoderConfig) -> keras.layers.Layer:
    if config.bidirectional:
        return tower.get_layer("recurrent_1").forward_layer
    return tower.get_layer(f"{config.cell}_1")


def gradient_reach(norms: Sequence[float]) -> int:
    """Return the distance in tokens from which on the gradient stays below `FAINT`."""
    strong = np.flatnonzero(np.asarray(norms) >= FAINT)
    return int(strong[-1]) + 1 if len(strong) else 0
