"""ONNX export: the tower as one graph around native recurrent operators, and its weights read back."""

from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, load_from_string, numpy_helper

from simrec.config import EncoderConfig
from simrec.training.network import Weights

OPSET = 17
OPERATORS = {"gru": "GRU", "lstm": "LSTM", "rnn": "RNN"}
# Order of the gates along the kernels: Keras has z,r,h and i,f,c,o; ONNX wants z,r,h and i,o,f,c.
GATES = {"gru": (0, 1, 2), "lstm": (0, 3, 1, 2), "rnn": (0,)}
KINDS = (
    "inputs",
    "states",
    "biases",
)  # of a recurrent layer's arrays, in the order of the operator
STEPS = 127  # of a token embedding in 8 bits, on either side of zero
CONSTANTS: dict[str, np.ndarray] = {
    "zero": np.array(0, np.int32),
    "one": np.array(1, np.int32),
    "first": np.array([0], np.int64),
    "second": np.array([1], np.int64),
    "third": np.array([2], np.int64),
    "tiny": np.array(1e-6, np.float32),  # the root of Keras' 1e-12 under the square root
    "very_small": np.array(-1e9, np.float32),
}

node = helper.make_node


def export(weights: Weights, config: EncoderConfig) -> bytes:
    """Return the ONNX model: ids int32 [batch, time], lengths int32 [batch] to vectors [batch, dim].

    Written by hand since the generic converter turns the recurrence into a loop of small operators.
    Token embeddings are stored in 8 bits with a scale for each: what `round_tokens` leaves of them.
    Operators: https://onnx.ai/onnx/operators/
    """
    arrays = _initializers(weights, config)
    nodes = [*_embed(), *_recur(config), *_pool(config), *_project(config)]
    graph = helper.make_graph(
        nodes,
        "simrec",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT32, ["batch", "time"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"]),
        ],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", config.dim])],
        [
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in arrays.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def read_weights(model: bytes, config: EncoderConfig) -> Weights:
    """Return the weights of an exported tower, as Keras holds them: the way back, without any Keras file."""
    arrays = {
        array.name: numpy_helper.to_array(array)
        for array in load_from_string(model).graph.initializer
    }
    recurrent = []
    for number in range(1, config.layers + 1):
        parts = zip(*(arrays[f"{kind}_{number}"] for kind in KINDS), strict=True)
        recurrent.append([_to_keras(list(direction), config.cell) for direction in parts])
    attention = [
        arrays[f"attention_{name}"]
        for name in ("kernel", "bias", "query")
        if config.pooling == "attention"
    ]
    tokens = arrays["tokens"].astype(np.float32) * arrays["token_scales"]
    return Weights(tokens, recurrent, attention, [arrays["project"], arrays["project_bias"]])


def round_tokens(tokens: np.ndarray) -> np.ndarray:
    """Round float32 [vocab, dim] to what 8 bits and a scale for each token can say, so that parity can be tight."""
    whole, scales = _quantise(tokens)
    rounded: np.ndarray = whole.astype(np.float32) * scales
    return rounded


def _quantise(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scales = np.maximum(
        np.abs(tokens).max(axis=1, keepdims=True) / STEPS, np.float32(1e-12)
    ).astype(np.float32)
    return np.rint(tokens / scales).astype(np.int8), scales


def _initializers(weights: Weights, config: EncoderConfig) -> dict[str, np.ndarray]:
    tokens, scales = _quantise(weights.tokens)
    arrays: dict[str, np.ndarray] = {"tokens": tokens, "token_scales": scales, **CONSTANTS}
    for number, directions in enumerate(weights.recurrent, start=1):
        parts = zip(*(_to_onnx(triple, config.cell) for triple in directions), strict=True)
        for kind, values in zip(KINDS, parts, strict=True):
            arrays[f"{kind}_{number}"] = np.stack(values)
    width = config.hidden * len(weights.recurrent[0])
    arrays["flat"] = np.array([0, width], np.int64)
    arrays["flat_steps"] = np.array([0, 0, width], np.int64)
    for name, value in zip(("kernel", "bias", "query"), weights.attention, strict=False):
        arrays[f"attention_{name}"] = value
    arrays["project"], arrays["project_bias"] = weights.project
    return arrays


def _to_onnx(triple: list[np.ndarray], cell: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kernel, recurrent, bias = triple
    order = np.array(GATES[cell])
    # Keras' GRU has a second bias, applied after the recurrent product; the others have one.
    input_bias, recurrent_bias = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    both = np.concatenate([_reorder(input_bias, order), _reorder(recurrent_bias, order)])
    return _reorder(kernel, order).T, _reorder(recurrent, order).T, both


def _to_keras(direction: list[np.ndarray], cell: str) -> list[np.ndarray]:
    inputs, states, biases = direction
    order = np.argsort(GATES[cell])
    bias = np.stack([_reorder(half, order) for half in np.split(biases, 2)])
    return [
        _reorder(inputs.T, order),
        _reorder(states.T, order),
        bias if cell == "gru" else bias.sum(axis=0),
    ]


def _reorder(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    blocks = np.split(values, len(order), axis=-1)
    return np.concatenate([blocks[gate] for gate in order], axis=-1)


def _embed() -> list[Any]:
    """Give token embeddings [time, batch, dim], and a mask [time, batch, 1] of the steps that count."""
    return [
        node("Transpose", ["ids"], ["ids_by_time"]),
        node("Gather", ["tokens", "ids_by_time"], ["whole"]),
        node("Cast", ["whole"], ["whole_float"], to=TensorProto.FLOAT),
        node("Gather", ["token_scales", "ids_by_time"], ["scales"]),
        node("Mul", ["whole_float", "scales"], ["embedded"]),
        node("Shape", ["ids"], ["time_long"], start=1, end=2),
        node("Cast", ["time_long"], ["time_row"], to=TensorProto.INT32),
        node("Squeeze", ["time_row"], ["time"]),
        node("Range", ["zero", "time", "one"], ["steps_flat"]),
        node("Unsqueeze", ["steps_flat", "second"], ["steps"]),
        node("Less", ["steps", "lengths"], ["kept_flat"]),
        node("Unsqueeze", ["kept_flat", "third"], ["kept"]),
        node("Cast", ["kept"], ["mask"], to=TensorProto.FLOAT),
        node("Cast", ["lengths"], ["lengths_flat"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["lengths_flat", "second"], ["divisor"]),
    ]


def _recur(config: EncoderConfig) -> list[Any]:
    """Recur to `by_direction` [time, directions, batch, hidden] and `ends` [directions, batch, hidden]."""
    attributes: dict[str, Any] = {
        "hidden_size": config.hidden,
        "direction": "bidirectional" if config.bidirectional else "forward",
    }
    if config.cell == "gru":
        attributes["linear_before_reset"] = 1  # Keras' reset_after
    nodes, below = [], "embedded"
    for number in range(1, config.layers):
        between = f"by_direction_{number}"
        nodes += [
            _layer(number, below, [between], config, attributes),
            *_by_batch(between, f"output_{number}"),
        ]
        below = f"output_{number}"
    return [*nodes, _layer(config.layers, below, ["by_direction", "ends"], config, attributes)]


def _layer(
    number: int, below: str, outputs: list[str], config: EncoderConfig, attributes: dict[str, Any]
) -> Any:
    inputs = [below, *(f"{kind}_{number}" for kind in KINDS), "lengths"]
    return node(OPERATORS[config.cell], inputs, outputs, **attributes)


def _by_batch(states: str, to: str) -> list[Any]:
    """Bring [time, directions, batch, hidden] to [time, batch, width]."""
    return [
        node("Transpose", [states], [f"{to}_apart"], perm=[0, 2, 1, 3]),
        node("Reshape", [f"{to}_apart", "flat_steps"], [to]),
    ]


def _flat(states: str, to: str) -> list[Any]:
    """Bring [directions, batch, hidden] to [batch, width]."""
    return [
        node("Transpose", [states], [f"{to}_apart"], perm=[1, 0, 2]),
        node("Reshape", [f"{to}_apart", "flat"], [to]),
    ]


def _pool(config: EncoderConfig) -> list[Any]:
    """Pool to `pooled` [batch, width]; the operator returns zeros for the steps that do not count."""
    match config.pooling:
        case "last":
            return _flat("ends", "pooled")
        case "max":
            return [
                *_by_batch("by_direction", "states"),
                node("Where", ["kept", "states", "very_small"], ["kept_states"]),
                node("ReduceMax", ["kept_states"], ["pooled"], axes=[0], keepdims=0),
            ]
        case "attention":
            return [
                *_by_batch("by_direction", "states"),
                node("MatMul", ["states", "attention_kernel"], ["keys_flat"]),
                node("Add", ["keys_flat", "attention_bias"], ["keys_biased"]),
                node("Tanh", ["keys_biased"], ["keys"]),
                node("MatMul", ["keys", "attention_query"], ["all_scores"]),
                node("Where", ["kept", "all_scores", "very_small"], ["scores"]),
                node("Softmax", ["scores"], ["shares"], axis=0),
                node("Mul", ["states", "shares"], ["weighted"]),
                node("ReduceSum", ["weighted", "first"], ["pooled"], keepdims=0),
            ]
    return [
        node("ReduceSum", ["by_direction", "first"], ["state_sum"], keepdims=0),
        *_flat("state_sum", "state_total"),
        node("Div", ["state_total", "divisor"], ["pooled"]),
    ]


def _project(config: EncoderConfig) -> list[Any]:
    nodes = [node("Gemm", ["pooled", "project", "project_bias"], ["projected"])]
    if config.residual:
        nodes += [
            node("Mul", ["embedded", "mask"], ["kept_tokens"]),
            node("ReduceSum", ["kept_tokens", "first"], ["token_sum"], keepdims=0),
            node("Div", ["token_sum", "divisor"], ["mean_token"]),
            node("Add", ["projected", "mean_token"], ["output"]),
        ]
    return [
        *nodes,
        node(
            "ReduceL2",
            ["output" if config.residual else "projected"],
            ["length"],
            axes=[1],
            keepdims=1,
        ),
        node("Max", ["length", "tiny"], ["safe_length"]),
        node("Div", ["output" if config.residual else "projected", "safe_length"], ["vectors"]),
    ]
