"""Gradient reach: how far back in time a recurrent layer can still be taught."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from simrec.config import EncoderConfig
from simrec.training.pairs import Ids

STEPS = 96  # tokens of the texts that are looked at; shorter texts are passed over
TEXTS = 64
DIRECTIONS = 4
FAINT = 0.01  # of the gradient at no distance


def gradient_reach(
    tower: keras.Model, config: EncoderConfig, rows: Sequence[Ids], seed: int
) -> list[float]:
    """Return the norm of the last state's gradient with respect to the token so many steps before, by distance.

    Of the first recurrent layer, forward in time; the mean over texts and random directions of the
    state, relative to distance 0. A recurrence whose values fall to nothing cannot learn from what
    stands further back (vanishing gradients, Bengio et al. 1994); one whose values grow explodes.
    Empty where fewer than two texts are long enough.
    """
    long = [row[:STEPS] for row in rows if len(row) >= STEPS][:TEXTS]
    if len(long) < 2:
        return []
    layer = (
        tower.get_layer("recurrent_1").forward_layer
        if config.bidirectional
        else tower.get_layer(f"{config.cell}_1")
    )
    embedded = tf.convert_to_tensor(tower.get_layer("tokens")(np.stack(long)))
    random = np.random.default_rng(seed)
    norms = []
    for _ in range(DIRECTIONS):
        direction = random.normal(size=config.hidden).astype(np.float32)
        with tf.GradientTape() as tape:
            tape.watch(embedded)
            states = layer(embedded)
            last = states[:, -1] if layer.return_sequences else states
            asked = tf.reduce_sum(last * direction)
        norms.append(np.linalg.norm(tape.gradient(asked, embedded).numpy(), axis=2).mean(axis=0))
    by_distance = np.mean(norms, axis=0)[::-1]
    return [float(value) for value in by_distance / by_distance[0]]


def reach(norms: Sequence[float]) -> int:
    """Return the distance in tokens from which on the gradient stays below `FAINT`, or that of the last norm."""
    above = np.flatnonzero(np.asarray(norms) >= FAINT)
    return int(above[-1]) + 1 if len(above) else 0
