"""ONNX export: the tower as one graph around the native recurrent operator."""

from typing import Any

import keras
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from simrec.config import EncoderConfig

OPSET = 17
OPERATORS = {"gru": "GRU", "lstm": "LSTM", "rnn": "RNN"}
# Order of the gates along the kernels: Keras has z,r,h and i,f,c,o; ONNX wants z,r,h and i,o,f,c.
GATES = {"gru": (0, 1, 2), "lstm": (0, 3, 1, 2), "rnn": (0,)}


def export(tower: keras.Model, config: EncoderConfig) -> bytes:
    """Return the ONNX model: ids int32 [batch, time], lengths int32 [batch] to vectors [batch, dim].

    Written by hand since the generic converter turns the recurrence into a loop of small operators.
    Token embeddings are stored in half precision. Operators: https://onnx.ai/onnx/operators/
    """
    weights = _weights(tower, config)
    nodes = [*_embed(), *_recur(config), *_pool(), *_project()]
    graph = helper.make_graph(
        nodes,
        "simrec",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT32, ["batch", "time"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"]),
        ],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", weights["project"].shape[1]])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def _weights(tower: keras.Model, config: EncoderConfig) -> dict[str, Any]:
    recurrent = tower.get_layer("both" if config.bidirectional else config.cell).get_weights()
    directions = [_direction(recurrent[i : i + 3], config.cell) for i in range(0, len(recurrent), 3)]
    inputs, states, biases = (np.stack(parts) for parts in zip(*directions, strict=True))
    kernel, bias = tower.get_layer("project").get_weights()
    return {
        "tokens": tower.get_layer("tokens").get_weights()[0].astype(np.float16),
        "inputs": inputs,
        "states": states,
        "biases": biases,
        "project": kernel,
        "project_bias": bias,
        "zero": np.array(0, np.int32),
        "one": np.array(1, np.int32),
        "first": np.array([0], np.int64),
        "second": np.array([1], np.int64),
        "third": np.array([2], np.int64),
        "tiny": np.array(1e-6, np.float32),  # the root of Keras' 1e-12 under the square root
        "flat": np.array([0, kernel.shape[0]], np.int64),
    }


def _direction(weights: list[np.ndarray], cell: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kernel, recurrent, bias = weights
    gates = GATES[cell]
    # Keras' GRU has a second bias, applied after the recurrent product; the others have one.
    input_bias, recurrent_bias = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))

    def reorder(values: np.ndarray) -> np.ndarray:
        blocks = np.split(values, len(gates), axis=-1)
        return np.concatenate([blocks[gate] for gate in gates], axis=-1)

    both = np.concatenate([reorder(input_bias), reorder(recurrent_bias)])
    return reorder(kernel).T, reorder(recurrent).T, both


def _embed() -> list[Any]:
    """Give token embeddings [time, batch, size], and a mask [time, batch, 1] of the steps that count."""
    node = helper.make_node
    return [
        node("Transpose", ["ids"], ["ids_by_time"]),
        node("Gather", ["tokens", "ids_by_time"], ["half"]),
        node("Cast", ["half"], ["embedded"], to=TensorProto.FLOAT),
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
    """Recur, to states [time, directions, batch, hidden]."""
    directions = "bidirectional" if config.bidirectional else "forward"
    attributes: dict[str, Any] = {"hidden_size": config.hidden, "direction": directions}
    if config.cell == "gru":
        attributes["linear_before_reset"] = 1  # Keras' reset_after
    inputs = ["embedded", "inputs", "states", "biases", "lengths"]
    return [helper.make_node(OPERATORS[config.cell], inputs, ["all_states"], **attributes)]


def _pool() -> list[Any]:
    """Take means over the steps that count; the operator returns zeros for those that do not."""
    node = helper.make_node
    return [
        node("ReduceSum", ["all_states", "first"], ["state_sum"], keepdims=0),
        node("Transpose", ["state_sum"], ["state_by_row"], perm=[1, 0, 2]),
        node("Reshape", ["state_by_row", "flat"], ["state_flat"]),
        node("Div", ["state_flat", "divisor"], ["mean_state"]),
        node("Mul", ["embedded", "mask"], ["kept_tokens"]),
        node("ReduceSum", ["kept_tokens", "first"], ["token_sum"], keepdims=0),
        node("Div", ["token_sum", "divisor"], ["mean_token"]),
    ]


def _project() -> list[Any]:
    node = helper.make_node
    return [
        node("Gemm", ["mean_state", "project", "project_bias"], ["projected"]),
        node("Add", ["projected", "mean_token"], ["added"]),
        node("ReduceL2", ["added"], ["length"], axes=[1], keepdims=1),
        node("Max", ["length", "tiny"], ["safe_length"]),
        node("Div", ["added", "safe_length"], ["vectors"]),
    ]
