"""Pairs without labels: what an article says in one place belongs to what it says in another."""

import random
from typing import NamedTuple

import numpy as np

from simrec.config import TrainingConfig

SHORTEST_BODY = 8  # tokens: half of less says nothing
SHORTEST_SECTION = 4

Ids = np.ndarray  # int32 token ids of one text
NO_IDS = np.empty(0, np.int32)


class Tokens(NamedTuple):
    """The token ids of one article, and where in its body sections begin, 0 first."""

    title: Ids
    body: Ids
    sections: tuple[int, ...] = (0,)

    @property
    def pairable(self) -> bool:
        return len(self.body) >= SHORTEST_BODY


Pair = tuple[Ids, Ids]


def draw_pair(article: Tokens, config: TrainingConfig, chance: random.Random) -> Pair:
    """Return two texts of an article that belong together, in either order, each of at most `passage_tokens`.

    Of the shares in the configuration: (title, passage), passages of the two halves, passages of two
    sections, else two neighbouring passages; neighbours too where there is no title or only one
    section. Passages never overlap: equal words must not make the answer easy.
    """
    most = config.passage_tokens
    kind = chance.random()
    sections = _sections(article)
    if kind < config.title_share and len(article.title):
        pair = article.title[:most], _passage(article.body, 2 * most, chance)[:most]
    elif config.title_share <= kind < config.title_share + config.halves_share:
        middle = len(article.body) // 2
        pair = (
            _passage(article.body[:middle], most, chance),
            _passage(article.body[middle:], most, chance),
        )
    elif 1 - config.sections_share <= kind and len(sections) > 1:
        one, other = chance.sample(sections, 2)
        pair = _passage(one, most, chance), _passage(other, most, chance)
    else:
        span = _passage(article.body, 2 * most, chance)
        cut = round(len(span) * chance.uniform(0.35, 0.65))
        pair = span[:cut][:most], span[cut:][:most]
    return pair if chance.random() < 0.5 else (pair[1], pair[0])


def _passage(ids: Ids, length: int, chance: random.Random) -> Ids:
    """Return a passage of that length from a random place, or all where there is less."""
    start = chance.randrange(max(1, len(ids) - length + 1))
    return ids[start : start + length]


def _sections(article: Tokens) -> list[Ids]:
    sections = np.split(article.body, article.sections[1:]) if len(article.sections) > 1 else []
    return [section for section in sections if len(section) >= SHORTEST_SECTION]
