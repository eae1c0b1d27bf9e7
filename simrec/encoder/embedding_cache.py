"""The embedding cache: immutable shards of (key of the text, vector), named by their keys."""

import hashlib
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec import arrays, files
from simrec.errors import ReleaseError

KEY = np.dtype("S16")  # all keys have 16 bytes, so that NumPy's trailing zeros are no ambiguity
HINT = "remove it and run simrec embed"


def shard_path(folder: Path, keys: Sequence[bytes]) -> Path:
    """Return the path of the shard that holds the vectors of these keys."""
    digest = hashlib.sha256(b"".join(keys)).hexdigest()
    return folder / f"{digest[:32]}.npz"


def write_shard(folder: Path, keys: Sequence[bytes], vectors: NDArray[Any]) -> Path:
    """Write one shard, whole or not at all, and return its path.

    Vectors float [keys, dim] are kept in float16, packed terms uint32 as they are.
    """
    path = shard_path(folder, keys)
    if vectors.dtype.kind == "f":
        vectors = vectors.astype(np.float16)
    arrays.write_npz(path, keys=np.array(keys, dtype=KEY), vectors=vectors)
    return path


class EmbeddingCache:
    """All shards of one encoder, as they are when the cache is opened."""

    def __init__(self, folder: Path) -> None:
        self._paths = sorted(folder.glob("[!.]*.npz"))
        shard_keys = [arrays.read_npz(path, HINT, "keys")[0] for path in self._paths]
        lengths = np.array([len(keys) for keys in shard_keys], np.int64)
        self._shard = np.repeat(np.arange(len(lengths)), lengths)
        starts = np.cumsum(lengths) - lengths
        self._row = np.arange(lengths.sum()) - np.repeat(starts, lengths)
        keys = np.concatenate([np.empty(0, dtype=KEY), *shard_keys])
        self._order = np.argsort(keys, kind="stable")
        self._sorted_keys = keys[self._order]

    def __len__(self) -> int:
        return len(self._sorted_keys)

    @property
    def shards(self) -> int:
        """Return the number of files."""
        return len(self._paths)

    def remove_all_but(self, paths: set[Path]) -> None:
        """Remove the shards that existed when the cache was opened, except for some."""
        for path in self._paths:
            if path not in paths:
                files.remove(path)

    def present(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys with a vector, in order."""
        is_present = self._positions(keys) >= 0
        return list(compress(keys, is_present))

    def missing(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys without a vector, in order."""
        is_missing = self._positions(keys) < 0
        return list(compress(keys, is_missing))

    def gather(self, keys: Sequence[bytes]) -> NDArray[Any]:
        """Return the vector of each key, in order: [keys, dim]; KeyError if one is missing."""
        positions = self._positions(keys)
        is_missing = positions < 0
        if is_missing.any():
            raise KeyError(keys[int(np.argmax(is_missing))])
        shards = self._shard[positions]
        rows = self._row[positions]
        vectors: NDArray[Any] = np.empty(0)
        for shard in np.unique(shards):
            in_shard = np.flatnonzero(shards == shard)
            (stored,) = arrays.read_npz(self._paths[shard], HINT, "vectors")
            if not vectors.size:
                vectors = np.empty((len(keys), stored.shape[1]), dtype=stored.dtype)
            vectors[in_shard] = stored[rows[in_shard]]
        return vectors

    def _positions(self, keys: Sequence[bytes]) -> NDArray[np.int64]:
        """Return the position of each key among the rows of all shards, or -1."""
        if not len(self):
            return np.full(len(keys), -1)
        queries = np.array(keys, dtype=KEY)
        places = np.searchsorted(self._sorted_keys, queries).clip(max=len(self) - 1)
        is_present = self._sorted_keys[places] == queries
        return np.where(is_present, self._order[places], -1)


def verify(path: Path) -> None:
    """Read a shard whole; ReleaseError if it is damaged or holds other keys than its name says."""
    keys, vectors = arrays.read_npz(path, HINT, "keys", "vectors")
    # NumPy leaves out trailing zeros.
    padded = [bytes(key).ljust(KEY.itemsize, b"\0") for key in keys]
    if shard_path(path.parent, padded) != path or len(vectors) != len(keys):
        raise ReleaseError(f"{path}: damaged (not the keys of its name); {HINT}")
