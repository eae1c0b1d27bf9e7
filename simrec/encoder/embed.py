"""Embedding as tasks: each reads the texts of some keys, and writes one shard."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from simrec.articles.article import encoded_text
from simrec.articles.store import Store
from simrec.encoder import shards
from simrec.encoder.lexical import MOST_CHARS, Lexical
from simrec.encoder.runtime import Encoder


class EmbedTask(NamedTuple):
    """Where to read and write, and the keys of the texts of one shard."""

    articles_db: Path
    encoder: Path
    shards: Path
    keys: list[bytes]
    threads: int


def cut(keys: list[bytes], size: int) -> list[list[bytes]]:
    """Cut the keys into those of one shard each; the cut does not depend on the number of workers."""
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def embed_shard(task: EmbedTask) -> int:
    """Encode the texts of one shard and write it; return how many. A shard that exists is left as it is."""
    if not shards.shard_path(task.shards, task.keys).exists():
        encoder = _encoder(task.encoder, task.threads)
        with Store.open(task.articles_db) as store:
            articles = store.texts(task.keys, encoder.most_chars)
        texts, titles = [encoded_text(*article) for article in articles], [title for title, _ in articles]
        shards.write_shard(task.shards, task.keys, encoder.encode(texts, titles))
    return len(task.keys)


class TermsTask(NamedTuple):
    """Where to read and write, and the keys of the texts of one shard of terms."""

    articles_db: Path
    lexical: Path
    shards: Path
    keys: list[bytes]


def terms_shard(task: TermsTask) -> int:
    """Write the terms of one shard; return of how many texts. A shard that exists is left as it is."""
    if not shards.shard_path(task.shards, task.keys).exists():
        with Store.open(task.articles_db) as store:
            articles = store.texts(task.keys, MOST_CHARS)
        texts = [encoded_text(*article) for article in articles]
        shards.write_shard(task.shards, task.keys, _lexical(task.lexical).terms(texts))
    return len(task.keys)


@lru_cache(maxsize=1)  # a worker runs many tasks of one encoder
def _encoder(folder: Path, threads: int) -> Encoder:
    return Encoder(folder, threads)


@lru_cache(maxsize=1)
def _lexical(folder: Path) -> Lexical:
    return Lexical.open(folder)
