"""Judges: how good a tower is at what it was not trained on; higher is better."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simrec.config import TrainingConfig
from simrec.training.batches import Encode
from simrec.training.pairs import Ids, Tokens, draw_pair

DISTRACTORS = 2_000

Validator = Callable[[Encode], tuple[str, float]]


@dataclass(frozen=True)
class PassageSearch:
    """Mean reciprocal rank at which a held-out passage finds the one it belongs to, among all and the distractors."""

    left: list[Ids]
    right: list[Ids]

    @classmethod
    def of(
        cls, held_out: list[Tokens], train_on: list[Tokens], config: TrainingConfig
    ) -> "PassageSearch":
        """Draw one pair of every article held out, and distractors that make finding hard from the others."""
        chance = random.Random(config.seed)
        left, right = zip(
            *(draw_pair(article, config, chance) for article in held_out), strict=True
        )
        return cls(
            [*left],
            [
                *right,
                *(draw_pair(article, config, chance)[0] for article in train_on[:DISTRACTORS]),
            ],
        )

    def __call__(self, encode: Encode) -> tuple[str, float]:
        scores = encode(self.left) @ encode(self.right).T
        ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
        return "held_out_mrr", float((1 / ranks).mean())


@dataclass(frozen=True)
class TeacherAgreement:
    """Mean cosine of the student's vectors of held-out lessons with the teacher's, [texts, dim]."""

    texts: list[Ids]
    wanted: np.ndarray

    def __call__(self, encode: Encode) -> tuple[str, float]:
        return "held_out_cosine", float((encode(self.texts) * self.wanted).sum(axis=1).mean())


@dataclass(frozen=True)
class Correlation:
    """Pearson's correlation of the cosines of held-out pairs with their grades."""

    left: list[Ids]
    right: list[Ids]
    grades: list[float]

    def __call__(self, encode: Encode) -> tuple[str, float]:
        cosines = (encode(self.left) * encode(self.right)).sum(axis=1)
        return "held_out_correlation", float(np.corrcoef(cosines, self.grades)[0, 1])
