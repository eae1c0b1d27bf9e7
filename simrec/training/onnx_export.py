"""ONNX export: the tower as one graph around native recurrent operators, and its weights read back.

The graph is written in ONNX' text format, https://onnx.ai/onnx/api/parser.html; operators are at
https://onnx.ai/onnx/operators/.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, checker, helper, load_from_string, numpy_helper, parser

from simrec.config import EncoderConfig
from simrec.training.network import Weights

OPSET = 17
IR_VERSION = 8
OPERATORS = {"gru": "GRU", "lstm": "LSTM", "rnn": "RNN"}
# Order of the gates along the kernels: Keras has z,r,h and i,f,c,o; ONNX wants z,r,h and i,o,f,c.
GATES = {"gru": (0, 1, 2), "lstm": (0, 3, 1, 2), "rnn": (0,)}
RECURRENT_ARRAYS = ("inputs", "states", "biases")  # in the order of the operator
ATTENTION_ARRAYS = ("kernel", "bias", "query")
STEPS = 127  # of a token embedding in 8 bits, on either side of zero
Floats = NDArray[np.float32]
Array = NDArray[np.generic]
CONSTANTS: dict[str, Array] = {
    "zero": np.array(0, np.int32),
    "one": np.array(1, np.int32),
    "first": np.array([0], np.int64),
    "second": np.array([1], np.int64),
    "third": np.array([2], np.int64),
    "tiny": np.array(1e-6, np.float32),  # the root of Keras' 1e-12 under the square root
    "very_small": np.array(-1e9, np.float32),
}

# Token embeddings [time, batch, dim], and a mask [time, batch, 1] of the steps that count.
EMBED = """
    ids_by_time = Transpose (ids)
    whole = Gather (tokens, ids_by_time)
    whole_float = Cast <to = 1> (whole)
    scales = Gather (token_scales, ids_by_time)
    embedded = Mul (whole_float, scales)
    time_long = Shape <end = 2, start = 1> (ids)
    time_row = Cast <to = 6> (time_long)
    time = Squeeze (time_row)
    steps_flat = Range (zero, time, one)
    steps = Unsqueeze (steps_flat, second)
    kept_flat = Less (steps, lengths)
    kept = Unsqueeze (kept_flat, third)
    mask = Cast <to = 1> (kept)
    lengths_flat = Cast <to = 1> (lengths)
    divisor = Unsqueeze (lengths_flat, second)
"""
# From [time, directions, batch, hidden] to [time, batch, width].
BY_BATCH = """
    {output}_apart = Transpose <perm = [0, 2, 1, 3]> ({states})
    {output} = Reshape ({output}_apart, flat_steps)
"""
# From [directions, batch, hidden] to [batch, width].
FLAT = """
    {output}_apart = Transpose <perm = [1, 0, 2]> ({states})
    {output} = Reshape ({output}_apart, flat)
"""
# `pooled` [batch, width]; the operator returns zeros for the steps that do not count.
POOL = {
    "last": FLAT.format(states="ends", output="pooled"),
    "max": BY_BATCH.format(states="by_direction", output="states")
    + """
    kept_states = Where (kept, states, very_small)
    pooled = ReduceMax <axes = [0], keepdims = 0> (kept_states)
""",
    "attention": BY_BATCH.format(states="by_direction", output="states")
    + """
    keys_flat = MatMul (states, attention_kernel)
    keys_biased = Add (keys_flat, attention_bias)
    keys = Tanh (keys_biased)
    all_scores = MatMul (keys, attention_query)
    scores = Where (kept, all_scores, very_small)
    shares = Softmax <axis = 0> (scores)
    weighted = Mul (states, shares)
    pooled = ReduceSum <keepdims = 0> (weighted, first)
""",
    "mean": """
    state_sum = ReduceSum <keepdims = 0> (by_direction, first)
"""
    + FLAT.format(states="state_sum", output="state_total")
    + """
    pooled = Div (state_total, divisor)
""",
}
PROJECT = """
    projected = Gemm (pooled, project, project_bias)
"""
RESIDUAL = """
    kept_tokens = Mul (embedded, mask)
    token_sum = ReduceSum <keepdims = 0> (kept_tokens, first)
    mean_token = Div (token_sum, divisor)
    output = Add (projected, mean_token)
"""
UNIT = """
    length = ReduceL2 <axes = [1], keepdims = 1> ({output})
    safe_length = Max (length, tiny)
    vectors = Div ({output}, safe_length)
"""


def export(weights: Weights, config: EncoderConfig) -> bytes:
    """Return the ONNX model: ids [batch, time], lengths [batch] (int32) to vectors [batch, dim].

    Written by hand since the generic converter turns the recurrence into a loop of small operators.
    Token embeddings are stored in 8 bits with a scale for each: what `round_tokens` leaves of them.
    """
    initializers = [
        numpy_helper.from_array(np.ascontiguousarray(array), name)
        for name, array in _initializers(weights, config).items()
    ]
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT32, ["batch", "time"]),
        helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"]),
    ]
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", config.dim])
    nodes = list(_nodes(_graph_text(config)))
    graph = helper.make_graph(nodes, "simrec", inputs, [vectors], initializers)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def read_weights(model: bytes, config: EncoderConfig) -> Weights:
    """Return the weights of an exported tower, as Keras holds them, without any Keras file."""
    arrays = {
        array.name: numpy_helper.to_array(array)
        for array in load_from_string(model).graph.initializer
    }
    recurrent = []
    for number in range(1, config.layers + 1):
        inputs, states, biases = (arrays[f"{name}_{number}"] for name in RECURRENT_ARRAYS)
        directions = [
            _to_keras(inputs[direction], states[direction], biases[direction], config.cell)
            for direction in range(len(inputs))
        ]
        recurrent.append(directions)
    attention = []
    if config.pooling == "attention":
        attention = [arrays[f"attention_{name}"] for name in ATTENTION_ARRAYS]
    tokens = arrays["tokens"].astype(np.float32) * arrays["token_scales"]
    return Weights(tokens, recurrent, attention, [arrays["project"], arrays["project_bias"]])


def round_tokens(tokens: Floats) -> Floats:
    """Round [vocab, dim] to 8 bits and a scale for each token, so that parity can be tight."""
    whole, scales = _quantise(tokens)
    rounded: Floats = whole.astype(np.float32) * scales
    return rounded


def _quantise(tokens: Floats) -> tuple[NDArray[np.int8], Floats]:
    largest = np.abs(tokens).max(axis=1, keepdims=True)
    scales = np.maximum(largest / STEPS, np.float32(1e-12)).astype(np.float32)
    return np.rint(tokens / scales).astype(np.int8), scales


def _initializers(weights: Weights, config: EncoderConfig) -> dict[str, Array]:
    tokens, scales = _quantise(weights.tokens)
    arrays: dict[str, Array] = {"tokens": tokens, "token_scales": scales, **CONSTANTS}
    for number, triples in enumerate(weights.recurrent, start=1):
        directions = [_to_onnx(triple, config.cell) for triple in triples]
        for column, name in enumerate(RECURRENT_ARRAYS):
            arrays[f"{name}_{number}"] = np.stack([arrays_of[column] for arrays_of in directions])
    width = config.hidden * len(weights.recurrent[0])
    arrays["flat"] = np.array([0, width], np.int64)
    arrays["flat_steps"] = np.array([0, 0, width], np.int64)
    for name, array in zip(ATTENTION_ARRAYS, weights.attention, strict=False):
        arrays[f"attention_{name}"] = array
    arrays["project"], arrays["project_bias"] = weights.project
    return arrays


def _to_onnx(triple: list[Floats], cell: str) -> list[Floats]:
    kernel, recurrent, bias = triple
    order = np.array(GATES[cell])
    # Keras' GRU has a second bias, applied after the recurrent product; the others have one.
    input_bias, recurrent_bias = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    biases = np.concatenate([_reorder(input_bias, order), _reorder(recurrent_bias, order)])
    return [_reorder(kernel, order).T, _reorder(recurrent, order).T, biases]


def _to_keras(inputs: Floats, states: Floats, biases: Floats, cell: str) -> list[Floats]:
    order = np.argsort(GATES[cell])
    bias = np.stack([_reorder(half, order) for half in np.split(biases, 2)])
    if cell != "gru":
        bias = bias.sum(axis=0)
    return [_reorder(inputs.T, order), _reorder(states.T, order), bias]


def _reorder(values: Floats, order: NDArray[np.int64]) -> Floats:
    blocks = np.split(values, len(order), axis=-1)
    return np.concatenate([blocks[gate] for gate in order], axis=-1)


def _graph_text(config: EncoderConfig) -> str:
    parts = [EMBED]
    below = "embedded"
    for number in range(1, config.layers):
        states = f"by_direction_{number}"
        output = f"output_{number}"
        parts.append(_recurrent_layer(config, number, below, states))
        parts.append(BY_BATCH.format(states=states, output=output))
        below = output
    parts.append(_recurrent_layer(config, config.layers, below, "by_direction, ends"))
    parts.append(POOL[config.pooling])
    parts.append(PROJECT)
    if config.residual:
        parts.append(RESIDUAL)
    parts.append(UNIT.format(output="output" if config.residual else "projected"))
    return "".join(parts)


def _recurrent_layer(config: EncoderConfig, number: int, below: str, outputs: str) -> str:
    """Return an operator that gives [time, directions, batch, hidden] and the last states."""
    arrays = ", ".join(f"{name}_{number}" for name in RECURRENT_ARRAYS)
    direction = "bidirectional" if config.bidirectional else "forward"
    attributes = f'direction = "{direction}", hidden_size = {config.hidden}'
    if config.cell == "gru":
        attributes += ", linear_before_reset = 1"  # Keras' reset_after
    return f"{outputs} = {OPERATORS[config.cell]} <{attributes}> ({below}, {arrays}, lengths)\n"


def _nodes(text: str) -> Iterator[NodeProto]:
    for line in text.split("\n"):
        if line.strip():
            node = parser.parse_node(line)
            node.ClearField("domain")  # the parser writes the default one
            yield node
