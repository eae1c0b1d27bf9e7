"""Keeps the vectors of texts that are no articles, but are encoded night after night."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.encoder.embedding_cache import EmbeddingCache, write_shard

Vectors = NDArray[np.floating[Any]]
Encode = Callable[[Sequence[str]], Vectors]


def with_query_cache(encode: Encode, folder: Path, keep: bool = True) -> Encode:
    """Return an encoder of texts, to unit vectors [texts, dim], that encodes each text only once.

    The folder is an embedding cache of its own, which may be removed at any time. With `keep`, new
    vectors are added to it. They are rounded as those in it, so that a text has one vector.
    """

    def encode_cached(texts: Sequence[str]) -> Vectors:
        keys = [_key(text) for text in texts]
        text_of = dict(zip(keys, texts, strict=True))
        vector_of = _cached_vectors(folder, list(text_of))
        missing = [key for key in text_of if key not in vector_of]
        if missing:
            new = encode([text_of[key] for key in missing]).astype(np.float16)
            vector_of |= zip(missing, new, strict=True)
            if keep:
                folder.mkdir(parents=True, exist_ok=True)
                write_shard(folder, missing, new)
        vectors = np.stack([vector_of[key] for key in keys]).astype(np.float32)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    return encode_cached


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def _cached_vectors(folder: Path, keys: list[bytes]) -> dict[bytes, Vectors]:
    """Return the vectors of the keys that the cache holds."""
    cache = EmbeddingCache(folder)
    present = cache.present(keys)
    if not present:
        return {}
    return dict(zip(present, cache.gather(present), strict=True))
