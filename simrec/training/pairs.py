"""Pairs without labels: two places of one article that belong together."""

import random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.config import TrainingConfig

MIN_BODY_TOKENS = 8  # half of fewer says nothing
MIN_SECTION_TOKENS = 4
CUT_BETWEEN = (0.35, 0.65)  # where a span becomes two neighbouring passages

TokenIds = NDArray[np.int32]  # of one text
NO_TOKENS = np.empty(0, np.int32)
Pair = tuple[TokenIds, TokenIds]


class TokenizedArticle(NamedTuple):
    """The token ids of one article, and where the sections of its body begin, 0 first."""

    title: TokenIds
    body: TokenIds
    sections: tuple[int, ...] = (0,)

    @property
    def is_long_enough(self) -> bool:
        return len(self.body) >= MIN_BODY_TOKENS


def draw_pair(article: TokenizedArticle, config: TrainingConfig, rng: random.Random) -> Pair:
    """Return two texts of an article, in either order, each of at most `passage_tokens`.

    By the shares of the configuration they are the title and a passage, passages of both halves or
    passages of two sections; else, or where there is no title or only one section, two neighbouring
    passages. Passages never overlap: equal words must not make the answer easy.
    """
    first, second = _draw(article, config, rng)
    return (first, second) if rng.random() < 0.5 else (second, first)


def _draw(article: TokenizedArticle, config: TrainingConfig, rng: random.Random) -> Pair:
    body = article.body
    length = config.passage_tokens
    kind = rng.random()
    if kind < config.title_share and len(article.title):
        passage = _passage(body, 2 * length, rng)
        return article.title[:length], passage[:length]
    if config.title_share <= kind < config.title_share + config.halves_share:
        middle = len(body) // 2
        return _passages(body[:middle], body[middle:], length, rng)
    sections = _sections(article)
    if 1 - config.sections_share <= kind and len(sections) > 1:
        first, second = rng.sample(sections, 2)
        return _passages(first, second, length, rng)
    span = _passage(body, 2 * length, rng)
    cut = round(len(span) * rng.uniform(*CUT_BETWEEN))
    return span[:cut][:length], span[cut:][:length]


def _passages(first: TokenIds, second: TokenIds, length: int, rng: random.Random) -> Pair:
    return _passage(first, length, rng), _passage(second, length, rng)


def _passage(ids: TokenIds, length: int, rng: random.Random) -> TokenIds:
    """Return a passage of that length from a random place, or all where there is less."""
    start = rng.randrange(max(1, len(ids) - length + 1))
    return ids[start : start + length]


def _sections(article: TokenizedArticle) -> list[TokenIds]:
    if len(article.sections) < 2:
        return []
    sections = np.split(article.body, article.sections[1:])
    return [section for section in sections if len(section) >= MIN_SECTION_TOKENS]
