"""The dataset: the corpus in token ids, the batches of each objective, and the validators."""

from collections.abc import Iterator

import keras
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from simrec.config import Config, Objective, TrainingConfig
from simrec.encoder.tokenizer import token_ids
from simrec.errors import GateError
from simrec.training.batches import (
    BatchSource,
    DistillationBatches,
    PairBatches,
    ProjectedTargets,
    RaggedTokens,
    article_rows,
    group_rows,
)
from simrec.training.corpus import (
    MAX_CHARS_PER_TOKEN,
    MIN_ARTICLES,
    Articles,
    TrainingCorpus,
    learns_from_articles,
)
from simrec.training.initial_tower import matching_axes
from simrec.training.pair_files import PairFile
from simrec.training.pairs import NO_TOKENS, TokenIds, TokenizedArticle
from simrec.training.trainer import TrainingTask, encoder_of
from simrec.training.validation import (
    GradeCorrelation,
    PassageSearch,
    TeacherAgreement,
    Validator,
)

MIN_GRADED_PAIRS = 20
HELD_OUT_EVERY = 100  # one distillation text in so many is held out
MAX_HELD_OUT_TEXTS = 4_096
MATCHED_TEXTS = 4_096  # that turn a teacher's space towards a student's


class Dataset:
    """The corpus in token ids: what batches and validators are made of."""

    def __init__(
        self,
        corpus: TrainingCorpus,
        tokenizer: Tokenizer,
        axes: NDArray[np.float32] | None,
        config: Config,
    ) -> None:
        """Tokenize everything; GateError if there is too little to train on or to validate with.

        `axes` are those of the teacher's space that are the student's dimensions, if it starts
        from the teacher.
        """
        self._config = config
        self._corpus = corpus
        self._axes = axes
        max_tokens = config.training.max_tokens
        self.articles = _long_enough(tokenizer, corpus.articles, max_tokens)
        self.held_out = _long_enough(tokenizer, corpus.held_out, max_tokens)
        is_short = len(self.articles) < MIN_ARTICLES or not self.held_out
        if is_short and learns_from_articles(config):
            raise corpus.too_few(len(self.articles), len(self.held_out))
        window = config.encoder.window_tokens
        self._pair_rows = {
            path: _tokenize_pairs(tokenizer, file, window)
            for path, file in corpus.pair_files.items()
        }
        length = config.pretraining.distillation_tokens
        ids = token_ids(tokenizer, corpus.distillation.texts)
        self._distillation = RaggedTokens(row[:length] for row in ids)
        numbers = np.arange(0, len(self._distillation), HELD_OUT_EVERY)
        self._held_out_texts = numbers[:MAX_HELD_OUT_TEXTS]

    def tasks(self, training: TrainingConfig, tower: keras.Model) -> list[TrainingTask]:
        """Return every objective with its source of batches."""
        return [
            TrainingTask(objective, self._source(objective, training, tower))
            for objective in self._config.objectives
        ]

    def sample(self, max_texts: int) -> list[TokenIds]:
        """Return up to so many texts of any kind, each within a window."""
        texts = [article.body for article in self.articles[:max_texts]]
        for rows in self._pair_rows.values():
            texts += [row[0] for row in rows[:max_texts]]
        n_distillation = min(max_texts, len(self._distillation))
        texts += [self._distillation[row] for row in range(n_distillation)]
        return [text[: self._config.encoder.window_tokens] for text in texts[:max_texts]]

    def validators(self, tower: keras.Model) -> list[Validator]:
        """Return what validates on held-out articles, distillation texts and graded pairs.

        Articles validate where something is learned from them, or where nothing else validates.
        """
        graded = self._held_out_grades()
        has_others = bool(graded or len(self._distillation))
        validators: list[Validator] = []
        if self.held_out and (learns_from_articles(self._config) or not has_others):
            articles = PassageSearch.of(self.held_out, self.articles, self._config.training)
            validators.append(articles)
        if len(self._held_out_texts):
            data = self._projected(tower)
            texts = data.texts(self._held_out_texts)
            validators.append(TeacherAgreement(texts, data.targets(self._held_out_texts)))
        return [*validators, *graded]

    def _held_out_grades(self) -> list[GradeCorrelation]:
        return [
            GradeCorrelation(self._pair_rows[path][file.held_out], file.grades[file.held_out])
            for path, file in self._corpus.pair_files.items()
            if file.kind == "graded"
        ]

    def _source(
        self, objective: Objective, training: TrainingConfig, tower: keras.Model
    ) -> BatchSource:
        size = max(2, round(objective.batch_share * training.batch_size))
        if objective.kind == "distillation":
            rows = np.setdiff1d(np.arange(len(self._distillation)), self._held_out_texts)
            return DistillationBatches(self._projected(tower), rows, size, training.seed)
        hard_negatives = objective.hard_negatives or objective.kind == "triplet"
        if objective.pairs == "articles":
            draw = article_rows(self.articles, training)
            return PairBatches(draw, size, training.seed, hard_negatives=hard_negatives)
        return self._file_source(objective.pairs, size, training.seed, hard_negatives)

    def _file_source(
        self, path: str, batch_size: int, seed: int, hard_negatives: bool
    ) -> PairBatches:
        kind = self._corpus.pair_files[path].kind
        rows = self._pair_rows[path]
        if kind == "graded":
            return self._graded_source(path, batch_size, seed)
        if kind == "groups":
            return PairBatches(group_rows(rows), batch_size, seed, hard_negatives=hard_negatives)
        mined = hard_negatives and kind != "triplets"
        return PairBatches(lambda _: rows, batch_size, seed, hard_negatives=mined)

    def _graded_source(self, path: str, batch_size: int, seed: int) -> PairBatches:
        file = self._corpus.pair_files[path]
        rows = self._pair_rows[path]
        held_out = set(range(len(rows))[file.held_out])
        numbers = [number for number in range(len(rows)) if number not in held_out]
        if len(numbers) < MIN_GRADED_PAIRS:
            raise GateError(
                f"{path}: {len(rows)} graded pairs; at least {MIN_GRADED_PAIRS} are needed"
            )
        trained_on = [rows[number] for number in numbers]
        grades = [file.grades[number] for number in numbers]
        return PairBatches(lambda _: trained_on, batch_size, seed, grades)

    def _projected(self, tower: keras.Model) -> ProjectedTargets:
        """Return the distillation data on the student's axes.

        A student that has a space of its own already gets the teacher's turned towards it.
        """
        vectors = self._corpus.distillation.vectors
        if self._axes is None:
            n_texts = len(self._distillation)
            rows = np.arange(0, n_texts, max(1, n_texts // MATCHED_TEXTS))
            student_vectors = encoder_of(tower)([self._distillation[row] for row in rows])
            self._axes = matching_axes(vectors[rows], student_vectors)
        return ProjectedTargets(self._distillation, vectors, self._axes)


def _long_enough(
    tokenizer: Tokenizer, articles: Articles, max_tokens: int
) -> list[TokenizedArticle]:
    tokenized = tokenize(tokenizer, articles, max_tokens)
    return [article for article in tokenized if article.is_long_enough]


def tokenize(
    tokenizer: Tokenizer, articles: Articles, max_tokens: int
) -> Iterator[TokenizedArticle]:
    """Yield each article as token ids, the first of its body; blank lines part its sections."""
    max_chars = max_tokens * MAX_CHARS_PER_TOKEN
    titles = token_ids(tokenizer, [title for title, _ in articles])
    sections = [text[:max_chars].split("\n\n") for _, text in articles]
    all_sections = token_ids(tokenizer, [part for parts in sections for part in parts])
    for (title, _), parts in zip(articles, sections, strict=True):
        title_ids = np.asarray(next(titles), np.int32)
        body: list[int] = []
        starts: list[int] = []
        for _ in parts:
            if len(body) < max_tokens or not starts:
                starts.append(len(body))
            body += next(all_sections)
        body_ids = np.asarray(body[:max_tokens], np.int32)
        yield TokenizedArticle(title_ids if title else NO_TOKENS, body_ids, tuple(starts))


def _tokenize_pairs(
    tokenizer: Tokenizer, file: PairFile, window_tokens: int
) -> list[tuple[TokenIds, ...]]:
    max_chars = window_tokens * MAX_CHARS_PER_TOKEN
    texts = [text[:max_chars] for row in file.rows for text in row]
    ids = token_ids(tokenizer, texts)
    rows = []
    for row in file.rows:
        row_ids = [np.asarray(next(ids)[:window_tokens], np.int32) for _ in row]
        rows.append(tuple(row_ids))
    return rows
