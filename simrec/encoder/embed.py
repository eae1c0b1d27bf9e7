"""Embedding as tasks: each reads the texts of some keys, and writes one shard of a cache."""

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
from simrec.tasks import partial


class EmbedTask(NamedTuple):
    """Where to read and write, and the keys of the texts of one shard.

    made_by is an encoder's folder or a file of word weights. A settled store is one file, which
    other hosts can read.
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
        """Return the file that exists when the task is done."""
        return embedding_cache.shard_path(self.shards, self.keys)

    def articles(self, max_chars: int) -> list[tuple[str, str]]:
        """Return (title, text) for each key, in order, of a text at most so many characters."""
        with Store.open(self.articles_db, immutable=self.settled) as store:
            return store.texts(self.keys, max_chars)


def cut_shards(keys: list[bytes], size: int) -> list[list[bytes]]:
    """Cut the keys into those of one shard each, whatever the number of workers."""
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def embed_shard(task: EmbedTask) -> int:
    """Encode the texts of one shard, unless it exists; return how many it has."""
    if not task.path.exists():
        encoder = _open_encoder(task.made_by, task.threads)
        articles = task.articles(encoder.most_chars)
        texts = [encoded_text(title, text) for title, text in articles]
        titles = [title for title, _ in articles]
        with partial.task_of(len(texts)):
            vectors = encoder.encode(texts, titles)
        embedding_cache.write_shard(task.shards, task.keys, vectors)
    return len(task.keys)


def terms_shard(task: EmbedTask) -> int:
    """Write the term vectors of one shard, unless it exists; return how many it has."""
    if not task.path.exists():
        tfidf = _open_tfidf(task.made_by, task.shards.name)
        texts = [encoded_text(title, text) for title, text in task.articles(MAX_CHARS)]
        embedding_cache.write_shard(task.shards, task.keys, tfidf.encode(texts))
    return len(task.keys)


@lru_cache(maxsize=1)  # a worker runs many tasks of one encoder
def _open_encoder(folder: Path, threads: int) -> Encoder:
    return Encoder(folder, threads)


@lru_cache(
    maxsize=1
)  # by the id too: workers outlive the file, which is replaced as a corpus grows
def _open_tfidf(path: Path, tfidf_id: str) -> TfIdf:
    tfidf = TfIdf.open(path)
    if tfidf.id != tfidf_id:
        raise ReleaseError(
            f"{path}: holds {tfidf.id}, where {tfidf_id} was expected; is it the same workspace?"
        )
    return tfidf
