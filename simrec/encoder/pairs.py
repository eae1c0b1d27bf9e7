"""Training pairs without labels: what an article says in one place belongs to what it says in another."""

import random
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simrec.config import TrainingConfig
from simrec.encoder.tokenizer import PAD_ID

SHORTEST_BODY = 8  # tokens: half of less says nothing
BUCKET_BATCHES = 16


class Tokens(NamedTuple):
    """The token ids of one article."""

    title: list[int]
    body: list[int]

    @property
    def pairable(self) -> bool:
        return len(self.body) >= SHORTEST_BODY


Pair = tuple[list[int], list[int]]


def draw_pair(article: Tokens, config: TrainingConfig, chance: random.Random) -> Pair:
    """Return (title, passage) or two neighbouring passages of an article, in either order.

    A body too short for two passages of `passage_tokens` is halved, so that every pairable article
    gives a pair. Passages do not overlap: equal words must not make the answer easy.
    """
    body, passage_tokens = article.body, config.passage_tokens
    longest = 2 * passage_tokens
    start = chance.randrange(max(1, len(body) - longest + 1))
    span = body[start : start + longest]
    if article.title and chance.random() < config.title_share:
        pair = article.title[:passage_tokens], span[:passage_tokens]
    else:
        cut = round(len(span) * chance.uniform(0.35, 0.65))
        pair = span[:cut][:passage_tokens], span[cut:][:passage_tokens]
    return pair if chance.random() < 0.5 else (pair[1], pair[0])


def batches(articles: list[Tokens], config: TrainingConfig, epoch: int) -> Iterator[list[Pair]]:
    """Yield full batches of one fresh pair an article, alike in length within a batch.

    The same seed and epoch give the same batches. Pairs that do not fill a batch are left for
    another epoch, unless they are all there is.
    """
    chance = random.Random(f"{config.seed}/{epoch}")
    pairs = [draw_pair(article, config, chance) for article in articles]
    chance.shuffle(pairs)
    size = min(config.batch_size, len(pairs))
    found = []
    for start in range(0, len(pairs), size * BUCKET_BATCHES):
        bucket = sorted(pairs[start : start + size * BUCKET_BATCHES], key=lambda pair: max(map(len, pair)))
        found += [bucket[i : i + size] for i in range(0, len(bucket) - size + 1, size)]
    chance.shuffle(found)
    yield from found


def batch_count(articles: int, config: TrainingConfig) -> int:
    """Return how many batches an epoch over that many articles has."""
    return articles // min(config.batch_size, articles)


def pad(rows: list[list[int]], multiple: int = 8) -> np.ndarray:
    """Return int32 [rows, time], padded on the right to a multiple, so that few shapes are compiled."""
    time = -(-max(map(len, rows)) // multiple) * multiple
    padded = np.full((len(rows), time), PAD_ID, dtype=np.int32)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded
