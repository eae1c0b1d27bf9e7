"""The step that compacts the embedding cache."""

from pathlib import Path
from typing import NamedTuple

from simrec.encoder.embed import cut_shards
from simrec.encoder.embedding_cache import EmbeddingCache, write_shard
from simrec.steps.night import Night
from simrec.steps.step import StepResult


class ShardCounts(NamedTuple):
    """How many shards a cache had and has, and whether they were written anew."""

    before: int
    after: int
    changed: bool


def compact(night: Night) -> StepResult:
    """Write the shards in use anew, without the vectors and the terms of texts that are gone."""
    names = [night.encoder_id]
    if night.tfidf:
        names.append(night.tfidf.id)
    with night.open_store() as store:
        keys = store.counted_keys()
    shard_texts = night.config.engine.shard_texts
    counts = [_compact(night.workspace.embeddings(name), keys, shard_texts) for name in names]
    before = sum(count.before for count in counts)
    after = sum(count.after for count in counts)
    if not any(count.changed for count in counts):
        return StepResult("the embedding cache is compact", before, after, skipped=True)
    return StepResult(f"{before} shards are now {after}", before, after)


def _compact(folder: Path, keys: list[bytes], shard_texts: int) -> ShardCounts:
    cache = EmbeddingCache(folder)
    shards = cut_shards(cache.present(keys), shard_texts)
    before = cache.shards
    if len(cache) == sum(map(len, shards)) and before <= len(shards):
        return ShardCounts(before, before, changed=False)
    written = {write_shard(folder, shard, cache.gather(shard)) for shard in shards}
    cache.remove_all_but(written)
    return ShardCounts(before, len(written), changed=True)
