"""Gathers what a cache keeps of all articles into one matrix."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from simrec import arrays
from simrec.encoder.embedding_cache import EmbeddingCache
from simrec.errors import ReleaseError
from simrec.steps.count_texts import counting_rules
from simrec.steps.night import Night

BLOCK_ROWS = 65_536


def gather_vectors(night: Night, cache_name: str, path: Path, width: int, dtype: str) -> list[str]:
    """Write what a cache holds of all articles, in order of id; return the ids.

    ReleaseError if it does not hold the text of every article.
    """
    with night.open_store() as store:
        if store.counted_by() != counting_rules(night.config):
            raise ReleaseError(
                "it is not known what of the articles' texts is boilerplate; run simrec embed first"
            )
        rows = list(store.keys())
    keys = [text_key for _, _, text_key in rows]
    cache = EmbeddingCache(night.workspace.embeddings(cache_name))
    missing = cache.missing(keys)
    if missing:
        raise ReleaseError(
            f"{len(missing):,} articles have no vector of {cache_name}; run simrec embed first"
        )
    arrays.write_npy(path, _blocks(cache, keys), (len(keys), width), dtype)
    return [article_id for article_id, _, _ in rows]


def _blocks(cache: EmbeddingCache, keys: list[bytes]) -> Iterator[NDArray[Any]]:
    for start in range(0, len(keys), BLOCK_ROWS):
        yield cache.gather(keys[start : start + BLOCK_ROWS])
