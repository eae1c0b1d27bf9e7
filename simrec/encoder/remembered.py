"""Remembered texts: vectors of what is asked night after night, which are no articles."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from simrec.encoder.shards import Cache, write_shard

Encode = Callable[[Sequence[str]], np.ndarray]


def remembered(encode: Encode, folder: Path) -> Encode:
    """Return what encodes texts as `encode` does, unit rows [texts, dim], but each of them once for all nights.

    The folder is a cache of its own; it may be removed at any time.
    """

    def encoded(texts: Sequence[str]) -> np.ndarray:
        folder.mkdir(parents=True, exist_ok=True)
        keys = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
        text_of = dict(zip(keys, texts, strict=True))
        missing = list(dict.fromkeys(Cache(folder).missing(keys)))
        if missing:
            write_shard(folder, missing, encode([text_of[key] for key in missing]))
        vectors = Cache(folder).gather(keys).astype(np.float32)
        unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    return encoded
