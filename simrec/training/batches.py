"""Batches: rows of texts that belong together, of similar length within a batch, per objective."""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simrec.config import TrainingConfig
from simrec.encoder.tokenizer import PAD_ID
from simrec.training.pairs import TokenIds, TokenizedArticle, draw_pair

BUCKET_BATCHES = 16  # whose rows are sorted by length together
BLOCK_ROWS = 1024
MAX_RELATIVE_SCORE = 0.95  # of the positive's cosine: a nearer text may be right as well
MAX_NEGATIVES = 20_000  # texts among which a hard negative is looked for
PAD_MULTIPLE = 8  # so that few shapes are compiled

Floats = NDArray[np.float32]
RowNumbers = NDArray[np.int64]
Encode = Callable[[Sequence[TokenIds]], Floats]  # to unit vectors [texts, dim]
Rows = list[tuple[TokenIds, ...]]
DrawRows = Callable[[random.Random], Rows]


class TrainingBatch(NamedTuple):
    """The padded texts, one int32 array [batch, time] for each text of a row, and the targets."""

    texts: list[NDArray[np.int32]]
    targets: NDArray[np.number]


class BatchSource(Protocol):
    """Gives the batches of an epoch; the same epoch gives the same batches."""

    texts_per_row: int

    def steps(self) -> int:
        """Return the number of batches of an epoch."""

    def epoch(self, number: int, encode: Encode) -> Iterator[TrainingBatch]:
        """Yield the batches of an epoch."""


class PairBatches:
    """Batches of the pairs or triplets that `draw` gives for each epoch.

    With `hard_negatives` each row gets a further text. Targets are the grades of the rows or,
    without grades, their numbers: the columns of the texts that belong to the first ones.
    """

    def __init__(
        self,
        draw: DrawRows,
        batch_size: int,
        seed: int,
        grades: Sequence[float] = (),
        hard_negatives: bool = False,
    ) -> None:
        self._draw = draw
        self._seed = seed
        self._hard_negatives = hard_negatives
        self._grades = np.array(grades, np.float32)
        rows = draw(random.Random(seed))
        self._n_rows = len(rows)
        self._batch_size = min(batch_size, len(rows))
        self.texts_per_row = len(rows[0]) + hard_negatives

    def steps(self) -> int:
        return self._n_rows // self._batch_size

    def epoch(self, number: int, encode: Encode) -> Iterator[TrainingBatch]:
        rng = random.Random(f"{self._seed}/{number}")
        rows = self._draw(rng)
        if self._hard_negatives:
            rows = with_hard_negatives(rows, encode)
        lengths = np.array([_longest(row) for row in rows])
        for batch in bucketed(lengths, self._batch_size, rng.getrandbits(32)):
            columns = zip(*[rows[row] for row in batch], strict=True)
            texts = [pad(column) for column in columns]
            yield TrainingBatch(texts, self._targets(batch))

    def _targets(self, batch: RowNumbers) -> NDArray[np.number]:
        if len(self._grades):
            return self._grades[batch]
        return np.arange(len(batch))


class DistillationBatches:
    """Batches of single texts; the targets are the teacher's unit vectors, float32 [batch, dim]."""

    texts_per_row = 1

    def __init__(
        self, data: "ProjectedTargets", rows: RowNumbers, batch_size: int, seed: int
    ) -> None:
        self._data = data
        self._rows = rows
        self._batch_size = min(batch_size, len(rows))
        self._seed = seed

    def steps(self) -> int:
        return len(self._rows) // self._batch_size

    def epoch(self, number: int, _: Encode) -> Iterator[TrainingBatch]:
        lengths = self._data.tokens.lengths[self._rows]
        seed = hash((self._seed, number)) & 0xFFFF_FFFF
        for batch in bucketed(lengths, self._batch_size, seed):
            rows = self._rows[batch]
            texts = pad(self._data.texts(rows))
            yield TrainingBatch([texts], self._data.targets(rows))


class ProjectedTargets(NamedTuple):
    """Texts, the teacher's vectors, and the axes of its space that are the student's dimensions."""

    tokens: "RaggedTokens"
    vectors: NDArray[np.float16]
    axes: Floats

    def texts(self, rows: RowNumbers) -> list[TokenIds]:
        return [self.tokens[row] for row in rows]

    def targets(self, rows: RowNumbers) -> Floats:
        """Return the teacher's vectors in the student's space, unit rows [rows, dim]."""
        projected = self.vectors[rows].astype(np.float32) @ self.axes
        norms = np.linalg.norm(projected, axis=1, keepdims=True)
        unit: Floats = projected / np.maximum(norms, 1e-9)
        return unit


class RaggedTokens:
    """Many rows of token ids in one array: a list of lists takes nine times the memory."""

    def __init__(self, rows: Iterable[Sequence[int]]) -> None:
        parts = [np.asarray(row, np.int32) for row in rows]
        self.lengths = np.array([len(part) for part in parts], np.int64)
        self.flat = np.concatenate([np.empty(0, np.int32), *parts])
        self._ends = np.cumsum(self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int | np.int64) -> TokenIds:
        end = self._ends[row]
        ids: TokenIds = self.flat[end - self.lengths[row] : end]
        return ids


def article_rows(articles: list[TokenizedArticle], config: TrainingConfig) -> DrawRows:
    """Return a function that draws one fresh pair from every article."""
    return lambda rng: [draw_pair(article, config, rng) for article in articles]


def group_rows(groups: Sequence[tuple[TokenIds, ...]]) -> DrawRows:
    """Return a function that draws two texts from every group of paraphrases."""
    return lambda rng: [tuple(rng.sample(group, 2)) for group in groups]


def bucketed(lengths: RowNumbers, batch_size: int, seed: int) -> Iterator[RowNumbers]:
    """Yield the rows of full batches, of similar length within a batch, in random order.

    Rows that do not fill a batch are left for another epoch.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(lengths))
    bucket_size = batch_size * BUCKET_BATCHES
    batches = []
    for bucket_start in range(0, len(order), bucket_size):
        bucket = order[bucket_start : bucket_start + bucket_size]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        for start in range(0, len(bucket) - batch_size + 1, batch_size):
            batches.append(bucket[start : start + batch_size])
    for number in rng.permutation(len(batches)):
        yield batches[number]


def with_hard_negatives(rows: Rows, encode: Encode) -> Rows:
    """Add to each (text, positive) the positive of another row that is near, but not too near.

    Too near is above `MAX_RELATIVE_SCORE` of the cosine to its own positive, since such a text is
    probably right as well (positive-aware mining, Moreira et al. 2024). Negatives are among the
    first `MAX_NEGATIVES` rows.
    """
    queries = encode([row[0] for row in rows])
    positives = encode([row[1] for row in rows])
    mined = []
    for start in range(0, len(rows), BLOCK_ROWS):
        negatives = _hard_negatives(queries, positives, start)
        for row, negative in zip(rows[start : start + BLOCK_ROWS], negatives, strict=True):
            mined.append((*row, rows[negative][1]))
    return mined


def _hard_negatives(queries: Floats, positives: Floats, start: int) -> RowNumbers:
    """Return the rows of the hard negatives of one block of queries."""
    block = slice(start, start + BLOCK_ROWS)
    candidates = positives[:MAX_NEGATIVES]
    positive_scores = (queries[block] * positives[block]).sum(axis=1)
    scores = queries[block] @ candidates.T
    rows = np.arange(start, start + len(scores))
    is_candidate = rows < len(candidates)
    scores[np.flatnonzero(is_candidate), rows[is_candidate]] = -np.inf
    scores[scores > MAX_RELATIVE_SCORE * positive_scores[:, None]] = -np.inf
    negatives: RowNumbers = scores.argmax(axis=1)
    all_too_near = ~np.isfinite(scores.max(axis=1))
    negatives[all_too_near] = (rows[all_too_near] + 1) % len(queries)
    return negatives


def _longest(rows: Sequence[TokenIds]) -> int:
    return max(len(ids) for ids in rows)


def pad(rows: Sequence[TokenIds]) -> NDArray[np.int32]:
    """Return int32 [rows, time], padded on the right to a multiple of PAD_MULTIPLE."""
    time = math.ceil(_longest(rows) / PAD_MULTIPLE) * PAD_MULTIPLE
    padded = np.full((len(rows), time), PAD_ID, dtype=np.int32)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded
