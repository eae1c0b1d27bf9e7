"""Embedding as tasks: each reads the texts of some keys, and writes one shard."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from simrec.articles.article import encoded_text
from simrec.articles.store import Store
from simrec.encoder import embedding_cache
from simrec.encoder.runtime import Encoder
from simrec.errors import ReleaseError
from simrec.lexical.tfidf import TfIdf
from simrec.lexical.words import MAX_CHARS


class EmbedTask(NamedTuple):
    """Where to read and write, and the keys of the texts of one shard.

    made_by is an encoder's folder or the file of the word weights. A settled store is read from other hosts.
    """

    articles_db: Path
    settled: bool
    made_by: Path
    shards: Path
    keys: list[bytes]
    threads: int = 1

    def __str__(self) -> str:
        return str(self.path)

    @property
    def path(self) -> Path:
        """Return the file that is there when the task is done."""
        return embedding_cache.shard_path(self.shards, self.keys)

    def articles(self, most_chars: int) -> list[tuple[str, str]]:
        """Return (title, text) for each key, in order, of a text at most so many characters."""
        with Store.open(self.articles_db, immutable=self.settled) as store:
            return store.texts(self.keys, most_chars)


def cut_shards(keys: list[bytes], size: int) -> list[list[bytes]]:
    """Cut the keys into those of one shard each; the cut does not depend on the number of workers."""
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def embed_shard(task: EmbedTask) -> int:
    """Encode the texts of one shard and write it; return how many. A shard that exists is left as it is."""
    if not task.path.exists():
        encoder = _encoder(task.made_by, task.threads)
        articles = task.articles(encoder.most_chars)
        texts, titles = (
            [encoded_text(*article) for article in articles],
            [title for title, _ in articles],
        )
        embedding_cache.write_shard(task.shards, task.keys, encoder.encode(texts, titles))
    return len(task.keys)


def terms_shard(task: EmbedTask) -> int:
    """Write the terms of one shard; return of how many texts. A shard that exists is left as it is."""
    if not task.path.exists():
        texts = [encoded_text(*article) for article in task.articles(MAX_CHARS)]
        embedding_cache.write_shard(
            task.shards, task.keys, _lexical(task.made_by, task.shards.name).encode(texts)
        )
    return len(task.keys)


@lru_cache(maxsize=1)  # a worker runs many tasks of one encoder
def _encoder(folder: Path, threads: int) -> Encoder:
    return Encoder(folder, threads)


@lru_cache(
    maxsize=1
)  # by the id as well: the file is replaced when the corpus has outgrown it, and workers live on
def _lexical(path: Path, identity: str) -> TfIdf:
    lexical = TfIdf.open(path)
    if lexical.id != identity:
        raise ReleaseError(
            f"{path}: holds {lexical.id}, where {identity} was expected; is it the same workspace?"
        )
    return lexical
