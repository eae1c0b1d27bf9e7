"""Remembered texts: vectors of what is asked night after night, which are no articles."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from simrec.encoder.embedding_cache import EmbeddingCache, write_shard

Encode = Callable[[Sequence[str]], np.ndarray]


def with_query_cache(encode: Encode, folder: Path, keep: bool = True) -> Encode:
    """Return what encodes texts as `encode` does, unit rows [texts, dim], but each of them once for all nights.

    The folder is a cache of its own; it may be removed at any time. Without `keep` it stays as it is. New vectors are
    rounded as those that were kept, so that a text has one vector, whoever asks.
    """

    def encoded(texts: Sequence[str]) -> np.ndarray:
        keys = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
        text_of, cache = dict(zip(keys, texts, strict=True)), EmbeddingCache(folder)
        known = cache.present(list(text_of))
        vector_of = dict(zip(known, cache.gather(known), strict=True)) if known else {}
        missing = [key for key in text_of if key not in vector_of]
        if missing:
            made = encode([text_of[key] for key in missing]).astype(np.float16)
            vector_of |= zip(missing, made, strict=True)
            if keep:
                folder.mkdir(parents=True, exist_ok=True)
                write_shard(folder, missing, made)
        vectors = np.stack([vector_of[key] for key in keys]).astype(np.float32)
        unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    return encoded
