"""The embedding cache: immutable shards of (key of the text, vector), named by the keys they hold."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simrec import arrays, files
from simrec.errors import ReleaseError

KEY = np.dtype("S16")  # all keys have 16 bytes, so that NumPy's trailing zeros are no ambiguity
MEND = "remove it and run simrec embed"


def shard_path(folder: Path, keys: Sequence[bytes]) -> Path:
    """Name the shard that holds the vectors of these keys."""
    return folder / f"{hashlib.sha256(b''.join(keys)).hexdigest()[:32]}.npz"


def write_shard(folder: Path, keys: Sequence[bytes], vectors: np.ndarray) -> Path:
    """Write one shard, whole or not at all, and return its path.

    Vectors float [keys, dim] are kept in float16, terms uint32 as they are.
    """
    path = shard_path(folder, keys)
    kept = vectors.astype(np.float16) if vectors.dtype.kind == "f" else vectors
    arrays.write_npz(path, keys=np.array(keys, dtype=KEY), vectors=kept)
    return path


class EmbeddingCache:
    """All shards of one encoder, as they are when it is opened."""

    def __init__(self, folder: Path) -> None:
        self._paths = sorted(path for path in folder.glob("*.npz") if not path.name.startswith("."))
        keys = [arrays.read_npz(path, MEND, "keys")[0] for path in self._paths]
        self._shard = np.repeat(np.arange(len(keys)), [len(part) for part in keys])
        self._row = np.concatenate(
            [np.arange(len(part)) for part in keys] or [np.empty(0, dtype=int)]
        )
        all_keys = np.concatenate([np.empty(0, dtype=KEY), *keys])
        self._order = np.argsort(all_keys, kind="stable")
        self._sorted = all_keys[self._order]

    def __len__(self) -> int:
        return len(self._sorted)

    @property
    def shards(self) -> int:
        """Return the number of files."""
        return len(self._paths)

    def remove_all_but(self, kept: set[Path]) -> None:
        """Remove the shards that were here when the cache was opened, but for those kept."""
        for path in self._paths:
            if path not in kept:
                files.remove(path)

    def present(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys with a vector, in order."""
        found = self._find(np.array(keys, dtype=KEY))
        return [key for key, position in zip(keys, found, strict=True) if position >= 0]

    def missing(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys without a vector, in order."""
        found = self._find(np.array(keys, dtype=KEY))
        return [key for key, position in zip(keys, found, strict=True) if position < 0]

    def gather(self, keys: Sequence[bytes]) -> np.ndarray:
        """Return what is kept of each key, in order: [keys, dim]; KeyError if one is missing."""
        found = self._find(np.array(keys, dtype=KEY))
        if (found < 0).any():
            raise KeyError(keys[int(np.argmax(found < 0))])
        shards, rows = self._shard[found], self._row[found]
        vectors: np.ndarray = np.empty(0)
        for shard in np.unique(shards):
            here = np.flatnonzero(shards == shard)
            (stored,) = arrays.read_npz(self._paths[shard], MEND, "vectors")
            if not vectors.size:
                vectors = np.empty((len(keys), stored.shape[1]), dtype=stored.dtype)
            vectors[here] = stored[rows[here]]
        return vectors

    def _find(self, keys: np.ndarray) -> np.ndarray:
        """Return where each key stands among all shards' rows, or -1."""
        if not len(self):
            return np.full(len(keys), -1)
        position = np.searchsorted(self._sorted, keys).clip(max=len(self) - 1)
        return np.where(self._sorted[position] == keys, self._order[position], -1)


def verify(path: Path) -> None:
    """Read a shard whole; ReleaseError if it is damaged or holds other keys than its name says."""
    keys, vectors = arrays.read_npz(path, MEND, "keys", "vectors")
    named = shard_path(path.parent, [bytes(key).ljust(KEY.itemsize, b"\0") for key in keys])
    if named != path or len(vectors) != len(keys):
        raise ReleaseError(f"{path}: damaged (not the keys of its name); {MEND}")
