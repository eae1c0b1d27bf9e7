"""The Keras networks: a recurrent tower, and the layers it is made of."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from simrec.config import EncoderConfig

Floats = NDArray[np.float32]
SMALL = 0.01  # standard deviation of a projection beside the residual
CELLS = {"gru": layers.GRUCell, "lstm": layers.LSTMCell, "rnn": layers.SimpleRNNCell}


class MaskedPooling(layers.Layer):  # type: ignore[misc]  # keras is untyped
    """Pools the steps that the mask keeps: [batch, time, n] to [batch, n]. Consumes the mask."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, *_: object) -> None:
        return None


@keras.saving.register_keras_serializable("simrec")
class MaskedMean(MaskedPooling):
    """Average over time the steps that the mask keeps: [batch, time, n] to [batch, n].

    A row whose mask keeps no step is zero.
    """

    def call(self, states: Any, mask: Any = None) -> Any:
        if mask is None:
            return ops.mean(states, axis=1)
        weights = ops.cast(mask, states.dtype)[:, :, None]
        sums = ops.sum(states * weights, axis=1)
        return sums / ops.maximum(ops.sum(weights, axis=1), 1)


@keras.saving.register_keras_serializable("simrec")
class MaskedMax(MaskedPooling):
    """Take the maximum over the steps that the mask keeps: [batch, time, n] to [batch, n]."""

    def call(self, states: Any, mask: Any = None) -> Any:
        if mask is None:
            return ops.max(states, axis=1)
        unmasked = ops.where(mask[:, :, None], states, -1e9)
        return ops.max(unmasked, axis=1)


@keras.saving.register_keras_serializable("simrec")
class Attention(MaskedPooling):
    """Average over time by learned weights: [batch, time, n] to [batch, n].

    The weights are softmax(v . tanh(W h + b)) over the steps that the mask keeps (Yang et al.
    2016). They start equal, so that training starts from the mean.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        size = shape[-1]
        self.kernel = self.add_weight(
            name="kernel", shape=(size, size), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(size,), initializer="zeros")
        self.query = self.add_weight(name="query", shape=(size, 1), initializer="zeros")

    def call(self, states: Any, mask: Any = None) -> Any:
        keys = ops.tanh(ops.matmul(states, self.kernel) + self.bias)
        scores = ops.matmul(keys, self.query)
        if mask is not None:
            scores = ops.where(mask[:, :, None], scores, -1e9)
        # By hand, since Keras' softmax warns of a single step.
        weights = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
        sums = ops.sum(states * weights, axis=1)
        return sums / ops.sum(weights, axis=1)


@keras.saving.register_keras_serializable("simrec")
class Truncated(layers.Layer):  # type: ignore[misc]
    """A recurrent cell whose gradients go back in time at most `every` steps.

    Truncated back-propagation through time (Williams & Peng 1990): the state is passed on as it is,
    but at every `every`-th step it is a constant to the gradient. What is computed is the same.
    """

    def __init__(self, cell: Any, every: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.cell = cell
        self.every = every
        self.state_size = [*_as_list(cell.state_size), 1]  # the last is the number of steps so far
        self.output_size = cell.output_size

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.cell.build(shape)

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, list[Any]]:
        *inner, step = states
        cut = ops.equal(ops.mod(step, self.every), 0)
        inner = [ops.where(cut, ops.stop_gradient(state), state) for state in inner]
        output, new = self.cell(inputs, inner, training=training)
        return output, [*_as_list(new), step + 1]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        inner = _as_list(self.cell.get_initial_state(batch_size))
        return [*inner, ops.zeros((batch_size, 1), dtype=self.compute_dtype)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "every": self.every,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Truncated":
        return cls(keras.saving.deserialize_keras_object(config.pop("cell")), **config)


def _as_list(states: Any) -> list[Any]:
    return list(states) if isinstance(states, list | tuple) else [states]


POOLINGS: dict[str, Any] = {"mean": MaskedMean, "max": MaskedMax, "attention": Attention}


def build_tower(
    config: EncoderConfig, token_vectors: Floats, seed: int, truncate: int = 0
) -> keras.Model:
    """Return the network from token ids, [batch, time] padded with 0, to unit vectors [batch, dim].

    The output is a projection of the pooled states of the last recurrent layer, plus, with
    `residual`, the mean of the token embeddings. Then the projection starts small, so that training
    starts from the token vectors and adds what word order has to say. Gradients go back at most
    `truncate` steps in time; 0 is all the way.
    """
    ids = keras.Input((None,), dtype="int32", name="ids")
    vocab_size, dim = token_vectors.shape
    embedded = layers.Embedding(vocab_size, dim, mask_zero=True, name="tokens")(ids)
    pooled = _pooled_states(embedded, config, truncate)
    output = _projection(config, dim, seed)(pooled)
    if config.residual:
        mean_token = MaskedMean(name="mean_token")(embedded)
        output = layers.Add(name="residual")([output, mean_token])
    unit = layers.UnitNormalization(name="unit")(output)
    tower = keras.Model(ids, unit, name="tower")
    # Not by an initializer, which would stand in the .keras file, as text.
    tower.get_layer("tokens").set_weights([token_vectors])
    return tower


def _pooled_states(embedded: Any, config: EncoderConfig, truncate: int) -> Any:
    is_last = config.pooling == "last"
    states = embedded
    for number in range(1, config.layers + 1):
        every_step = not (is_last and number == config.layers)
        states = _recurrent(config, number, truncate, every_step)(states)
    return states if is_last else POOLINGS[config.pooling](name="pool")(states)


def _projection(config: EncoderConfig, dim: int, seed: int) -> layers.Layer:
    if config.residual:
        initializer = keras.initializers.RandomNormal(stddev=SMALL, seed=seed)
    else:
        initializer = keras.initializers.GlorotUniform(seed=seed)
    return layers.Dense(dim, kernel_initializer=initializer, name="project")


def _recurrent(config: EncoderConfig, number: int, truncate: int, every_step: bool) -> layers.Layer:
    cell: Any = CELLS[config.cell](config.hidden)
    if truncate:
        cell = Truncated(cell, truncate)
    recurrent = layers.RNN(cell, return_sequences=every_step, name=f"{config.cell}_{number}")
    if not config.bidirectional:
        return recurrent
    return layers.Bidirectional(recurrent, name=f"recurrent_{number}")


class Weights(NamedTuple):
    """All weights of a tower as plain arrays, in Keras' own layout.

    `tokens` [vocab, dim]; for each recurrent layer and direction a triple of input kernel,
    recurrent kernel and bias; `attention` is empty unless that is the pooling; `project` is kernel
    and bias.
    """

    tokens: Floats
    recurrent: list[list[list[Floats]]]
    attention: list[Floats]
    project: list[Floats]


def weights_of(tower: keras.Model, config: EncoderConfig) -> Weights:
    """Read the weights of a tower."""
    recurrent = []
    for number in range(1, config.layers + 1):
        arrays = tower.get_layer(_layer_name(config, number)).get_weights()
        starts = range(0, len(arrays), 3)
        recurrent.append([arrays[start : start + 3] for start in starts])
    attention = tower.get_layer("pool").get_weights() if config.pooling == "attention" else []
    tokens = tower.get_layer("tokens").get_weights()[0]
    return Weights(tokens, recurrent, attention, tower.get_layer("project").get_weights())


def set_weights(tower: keras.Model, config: EncoderConfig, weights: Weights) -> None:
    """Give a tower of this configuration the weights of another."""
    tower.get_layer("tokens").set_weights([weights.tokens])
    for number, directions in enumerate(weights.recurrent, start=1):
        arrays = [array for triple in directions for array in triple]
        tower.get_layer(_layer_name(config, number)).set_weights(arrays)
    if weights.attention:
        tower.get_layer("pool").set_weights(weights.attention)
    tower.get_layer("project").set_weights(weights.project)


def remember_longer(weights: Weights, cell: str, steps: int, seed: int) -> Weights:
    """Let the gates begin with memories of 1 to `steps` steps, spread over the units.

    Chrono initialisation (Tallec & Ollivier 2018): the bias of what a gate keeps is the logarithm
    of a uniform draw, and in an LSTM that of what it takes in is the negative of it. Keras' biases
    of zero or one forget within a few steps. A tanh RNN has no gates and stays as it is.
    """
    rng = np.random.default_rng(seed)
    layers_of_weights = []
    for directions in weights.recurrent:
        layer = [_with_long_gates(triple, cell, steps, rng) for triple in directions]
        layers_of_weights.append(layer)
    return weights._replace(recurrent=layers_of_weights)


def _with_long_gates(
    triple: list[Floats], cell: str, steps: int, rng: np.random.Generator
) -> list[Floats]:
    kernel, recurrent, bias = triple
    hidden = len(recurrent)
    memory = np.log(rng.uniform(1, max(2, steps - 1), hidden)).astype(np.float32)
    bias = bias.copy()
    if cell == "gru":
        bias[0, :hidden] = memory  # z, the first gate, keeps
    elif cell == "lstm":
        bias[:hidden] = -memory  # i takes in
        bias[hidden : 2 * hidden] = memory  # f keeps
    return [kernel, recurrent, bias]


def _layer_name(config: EncoderConfig, number: int) -> str:
    return f"recurrent_{number}" if config.bidirectional else f"{config.cell}_{number}"
