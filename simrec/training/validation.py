"""Validators: how good a tower is at what it was not trained on; higher is better."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simrec.config import TrainingConfig
from simrec.metrics import reciprocal_ranks
from simrec.training.batches import Encode, Floats
from simrec.training.pairs import TokenIds, TokenizedArticle, draw_pair

MAX_DISTRACTORS = 2_000

Validator = Callable[[Encode], tuple[str, float]]  # the measure's name and its value


@dataclass(frozen=True)
class PassageSearch:
    """MRR at which a held-out passage finds the one it belongs to among all and distractors."""

    queries: list[TokenIds]
    candidates: list[TokenIds]

    @classmethod
    def of(
        cls,
        held_out: list[TokenizedArticle],
        trained_on: list[TokenizedArticle],
        config: TrainingConfig,
    ) -> "PassageSearch":
        """Draw a pair of every held-out article, and distractors from articles trained on."""
        rng = random.Random(config.seed)
        pairs = [draw_pair(article, config, rng) for article in held_out]
        distractors = [draw_pair(article, config, rng) for article in trained_on[:MAX_DISTRACTORS]]
        queries = [query for query, _ in pairs]
        positives = [positive for _, positive in pairs]
        return cls(queries, positives + [text for text, _ in distractors])

    def __call__(self, encode: Encode) -> tuple[str, float]:
        scores = encode(self.queries) @ encode(self.candidates).T
        return "held_out_mrr", float(reciprocal_ranks(scores).mean())


@dataclass(frozen=True)
class TeacherAgreement:
    """Mean cosine of the student's vectors of held-out texts with the teacher's, [texts, dim]."""

    texts: list[TokenIds]
    targets: Floats

    def __call__(self, encode: Encode) -> tuple[str, float]:
        cosines = (encode(self.texts) * self.targets).sum(axis=1)
        return "held_out_cosine", float(cosines.mean())


@dataclass(frozen=True)
class GradeCorrelation:
    """Pearson's correlation of the cosines of held-out pairs with their grades."""

    pairs: list[tuple[TokenIds, ...]]
    grades: list[float]

    def __call__(self, encode: Encode) -> tuple[str, float]:
        left = encode([pair[0] for pair in self.pairs])
        right = encode([pair[1] for pair in self.pairs])
        cosines = (left * right).sum(axis=1)
        return "held_out_correlation", float(np.corrcoef(cosines, self.grades)[0, 1])
