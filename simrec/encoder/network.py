"""The Keras networks: a recurrent tower, and the siamese pair that trains it."""

import keras
import numpy as np
from keras import layers, ops

from simrec.config import EncoderConfig

CELLS = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}


@keras.saving.register_keras_serializable("simrec")
class MaskedMean(layers.Layer):  # type: ignore[misc]  # keras is untyped
    """Average over time the steps that the mask keeps: [batch, time, n] to [batch, n].

    Consumes the mask. A row without any kept step is zero.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, states: object, mask: object = None) -> object:
        if mask is None:
            return ops.mean(states, axis=1)
        kept = ops.cast(mask, states.dtype)[:, :, None]  # type: ignore[attr-defined]
        return ops.sum(states * kept, axis=1) / ops.maximum(ops.sum(kept, axis=1), 1)

    def compute_mask(self, *_: object) -> None:
        return None


@keras.saving.register_keras_serializable("simrec")
class InBatchScores(layers.Layer):  # type: ignore[misc]
    """Score every left text against every right text of the batch: two [batch, dim] to [batch, batch].

    Inputs are unit rows; a score is their cosine over the temperature. The right text of the same
    row is the one that belongs to it, the others are its negatives (Henderson et al. 2017).
    """

    def __init__(self, temperature: float = 0.05, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.temperature = temperature

    def call(self, pair: tuple[object, object]) -> object:
        left, right = pair
        return ops.matmul(left, ops.transpose(right)) / self.temperature

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "temperature": self.temperature}


def build_tower(config: EncoderConfig, token_vectors: np.ndarray, seed: int) -> keras.Model:
    """Return the network from token ids, int32 [batch, time] padded with 0, to unit vectors [batch, dim].

    The output is the mean of the token embeddings plus a projection of the mean of the recurrent
    states. The projection starts small, so that training starts from the token vectors and adds
    what word order has to say.
    """
    ids = keras.Input((None,), dtype="int32", name="ids")
    vocab_size, dim = token_vectors.shape
    start = keras.initializers.Constant(token_vectors)
    embedded = layers.Embedding(vocab_size, dim, mask_zero=True, embeddings_initializer=start, name="tokens")(ids)
    cell = CELLS[config.cell](config.hidden, return_sequences=True, name=config.cell)
    recurrent = layers.Bidirectional(cell, name="both") if config.bidirectional else cell
    pooled = MaskedMean(name="mean_state")(recurrent(embedded))
    small = keras.initializers.RandomNormal(stddev=0.01, seed=seed)
    projected = layers.Dense(dim, kernel_initializer=small, name="project")(pooled)
    added = layers.Add(name="residual")([projected, MaskedMean(name="mean_token")(embedded)])
    return keras.Model(ids, layers.UnitNormalization(name="unit")(added), name="tower")


def build_siamese(tower: keras.Model, temperature: float) -> keras.Model:
    """Return the network that scores a batch of left texts against a batch of right texts; both share the tower."""
    left = keras.Input((None,), dtype="int32", name="left")
    right = keras.Input((None,), dtype="int32", name="right")
    scores = InBatchScores(temperature, name="scores")((tower(left), tower(right)))
    return keras.Model((left, right), scores, name="siamese")
