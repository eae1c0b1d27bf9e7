"""Batches: rows of texts that belong together, alike in length within a batch, for every objective."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from simrec.config import TrainingConfig
from simrec.encoder.tokenizer import PAD_ID
from simrec.training.pairs import Ids, Tokens, draw_pair

BUCKET_BATCHES = 16
MINED_BLOCK = 1024
MOST_LIKE = 0.95  # of the positive's cosine: what is more like the question may well be another right answer
MOST_MINED = 20_000  # texts among which a hard negative is looked for

Encode = Callable[[Sequence[Ids]], np.ndarray]  # token ids of texts to unit vectors [texts, dim]


class TrainingBatch(NamedTuple):
    """The padded texts of a batch, one int32 array [batch, time] for each text of a row, and what is wanted of them."""

    texts: list[np.ndarray]
    wanted: np.ndarray


class BatchSource(Protocol):
    """Gives the batches of an epoch; the same epoch gives the same batches."""

    sides: int  # texts of a row

    def steps(self) -> int:
        """Return the batches of an epoch."""

    def epoch(self, number: int, encode: Encode) -> Iterator[TrainingBatch]:
        """Yield the batches of an epoch."""


class Rows:
    """Batches of the pairs or triplets that `draw` gives for each epoch; with `mined` each row gets a hard negative.

    What is wanted is the grade of each row or, without grades, the number of its row, which is the
    column of the text that belongs to its first.
    """

    def __init__(
        self,
        draw: Callable[[random.Random], list[tuple[Ids, ...]]],
        batch_size: int,
        seed: int,
        grades: Sequence[float] = (),
        mined: bool = False,
    ) -> None:
        self._draw, self._seed, self._mined = draw, seed, mined
        self._grades = np.array(grades, np.float32)
        first = draw(random.Random(seed))
        self._count, self._size = len(first), min(batch_size, len(first))
        self.sides = len(first[0]) + mined

    def steps(self) -> int:
        return self._count // self._size

    def epoch(self, number: int, encode: Encode) -> Iterator[TrainingBatch]:
        chance = random.Random(f"{self._seed}/{number}")
        rows = self._draw(chance)
        if self._mined:
            rows = with_hard_negatives(rows, encode)
        lengths = np.array([max(map(len, row)) for row in rows])
        for batch in bucketed(lengths, self._size, chance.getrandbits(32)):
            wanted = self._grades[batch] if len(self._grades) else np.arange(len(batch))
            yield TrainingBatch(
                [pad(side) for side in zip(*(rows[row] for row in batch), strict=True)], wanted
            )


class DistillationBatches:
    """Batches of single texts, for which the teacher's unit vector is wanted, float32 [batch, dim]."""

    sides = 1

    def __init__(
        self, lessons: "ProjectedTargets", rows: np.ndarray, batch_size: int, seed: int
    ) -> None:
        self._lessons, self._rows = lessons, rows
        self._size, self._seed = min(batch_size, len(rows)), seed

    def steps(self) -> int:
        return len(self._rows) // self._size

    def epoch(self, number: int, _: Encode) -> Iterator[TrainingBatch]:
        lengths = self._lessons.tokens.lengths[self._rows]
        for batch in bucketed(lengths, self._size, hash((self._seed, number)) & 0xFFFF_FFFF):
            rows = self._rows[batch]
            yield TrainingBatch([pad(self._lessons.texts(rows))], self._lessons.wanted(rows))


class ProjectedTargets(NamedTuple):
    """Texts, the teacher's vectors of them, and the axes of its space that are the student's dimensions."""

    tokens: "Ragged"
    vectors: np.ndarray
    axes: np.ndarray

    def texts(self, rows: np.ndarray) -> list[Ids]:
        return [self.tokens[row] for row in rows]

    def wanted(self, rows: np.ndarray) -> np.ndarray:
        """Return the teacher's vectors in the student's space, float32 unit rows [rows, dim]."""
        wanted = self.vectors[rows].astype(np.float32) @ self.axes
        unit: np.ndarray = wanted / np.maximum(np.linalg.norm(wanted, axis=1, keepdims=True), 1e-9)
        return unit


class Ragged:
    """Many rows of token ids in one array: a list of lists takes nine times the memory."""

    def __init__(self, rows: Iterator[Sequence[int]]) -> None:
        parts = [np.asarray(row, np.int32) for row in rows]
        self.lengths = np.array([len(part) for part in parts], np.int64)
        self.flat = np.concatenate([np.empty(0, np.int32), *parts])
        self._ends = np.cumsum(self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: Any) -> Ids:
        ids: Ids = self.flat[self._ends[row] - self.lengths[row] : self._ends[row]]
        return ids


def article_rows(
    articles: list[Tokens], config: TrainingConfig
) -> Callable[[random.Random], list[tuple[Ids, ...]]]:
    """Return what draws one fresh pair from every article."""
    return lambda chance: [draw_pair(article, config, chance) for article in articles]


def group_rows(
    groups: Sequence[tuple[Ids, ...]],
) -> Callable[[random.Random], list[tuple[Ids, ...]]]:
    """Return what draws two texts from every group of paraphrases."""
    return lambda chance: [tuple(chance.sample(group, 2)) for group in groups]


def bucketed(lengths: np.ndarray, size: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the rows of full batches, alike in length within a batch, in random order.

    Rows that do not fill a batch are left for another epoch.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(lengths))
    found = []
    for start in range(0, len(order), size * BUCKET_BATCHES):
        bucket = order[start : start + size * BUCKET_BATCHES]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        found += [bucket[i : i + size] for i in range(0, len(bucket) - size + 1, size)]
    for batch in random.permutation(len(found)):
        yield found[batch]


def with_hard_negatives(rows: list[tuple[Ids, ...]], encode: Encode) -> list[tuple[Ids, ...]]:
    """Add to each (text, positive) the positive of another row that is most like the text, but not too much.

    Too much is more than `MOST_LIKE` of the cosine to its own positive, since such a text is probably
    right as well (positive-aware mining, Moreira et al. 2024). Negatives are among the first
    `MOST_MINED` rows.
    """
    left, right = encode([row[0] for row in rows]), encode([row[1] for row in rows])
    candidates = right[:MOST_MINED]
    own = (left * right).sum(axis=1)
    chosen = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), MINED_BLOCK):
        block = slice(start, start + MINED_BLOCK)
        scores = left[block] @ candidates.T
        numbers = np.arange(start, start + len(scores))
        within = numbers < len(candidates)
        scores[np.flatnonzero(within), numbers[within]] = -np.inf
        scores[scores > MOST_LIKE * own[block, None]] = -np.inf
        neighbour = (numbers + 1) % len(rows)  # where everything is too much alike
        chosen[block] = np.where(np.isfinite(scores.max(axis=1)), scores.argmax(axis=1), neighbour)
    return [(*row, rows[negative][1]) for row, negative in zip(rows, chosen, strict=True)]


def pad(rows: Sequence[Ids], multiple: int = 8) -> np.ndarray:
    """Return int32 [rows, time], padded on the right to a multiple, so that few shapes are compiled."""
    time = -(-max(map(len, rows)) // multiple) * multiple
    padded = np.full((len(rows), time), PAD_ID, dtype=np.int32)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded
