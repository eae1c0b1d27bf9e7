"""Tokenized material: the batches that each objective makes of it, and the judges."""

from collections.abc import Iterator

import keras
import numpy as np
from tokenizers import Tokenizer

from simrec.config import Config, Objective, TrainingConfig
from simrec.encoder.tokenizer import token_ids
from simrec.errors import GateError
from simrec.training.batches import (
    BatchSource,
    DistillationBatches,
    ProjectedTargets,
    Ragged,
    Rows,
    article_rows,
    group_rows,
)
from simrec.training.corpus import FEWEST_ARTICLES, Articles, TrainingCorpus
from simrec.training.initial_tower import matching_axes
from simrec.training.pair_files import PairFile
from simrec.training.pairs import NO_IDS, Ids, Tokens
from simrec.training.trainer import TrainingTask, encoder_of
from simrec.training.validation import Correlation, PassageSearch, TeacherAgreement, Validator

FEWEST_GRADED = 20
JUDGED_LESSONS_EVERY = 100
MOST_JUDGED_LESSONS = 4_096
MATCHED = 4_096  # lessons that place a teacher's space upon a student's


class Dataset:
    """The material in token ids: what sources and judges are made of."""

    def __init__(
        self,
        material: TrainingCorpus,
        tokenizer: Tokenizer,
        axes: np.ndarray | None,
        config: Config,
    ) -> None:
        """Tokenize everything; GateError if there is too little to train on or to judge with.

        `axes` are those of the teacher's space that are the student's dimensions, if it starts from it.
        """
        self._config, self._material, self._tokenizer, self._axes = (
            config,
            material,
            tokenizer,
            axes,
        )
        self.articles = [
            a
            for a in tokenize(tokenizer, material.articles, config.training.max_tokens)
            if a.pairable
        ]
        self.held_out = [
            a
            for a in tokenize(tokenizer, material.held_out, config.training.max_tokens)
            if a.pairable
        ]
        self._files = {path: self._pair_rows(file) for path, file in material.pair_files.items()}
        self._taught = material.taught
        most = config.pretraining.distillation_tokens
        self._lessons = Ragged(ids[:most] for ids in token_ids(tokenizer, self._taught.texts))
        self._judged_lessons = np.arange(0, len(self._lessons), JUDGED_LESSONS_EVERY)[
            :MOST_JUDGED_LESSONS
        ]
        if material.asks_articles(config) and (
            len(self.articles) < FEWEST_ARTICLES or not self.held_out
        ):
            raise material.refuse(len(self.articles), len(self.held_out))

    def tasks(self, training: TrainingConfig, tower: keras.Model) -> list[TrainingTask]:
        """Return every objective with its source of batches."""
        return [
            TrainingTask(objective, self._source(objective, training, tower))
            for objective in self._config.objectives
        ]

    def some_texts(self, most: int) -> list[Ids]:
        """Return up to so many texts of any kind, each within a window."""
        bodies = [article.body for article in self.articles[:most]]
        pairs = [row[0] for rows in self._files.values() for row in rows[:most]]
        lessons = [self._lessons[n] for n in range(min(most, len(self._lessons)))]
        return [
            row[: self._config.encoder.window_tokens] for row in [*bodies, *pairs, *lessons][:most]
        ]

    def judges(self, tower: keras.Model) -> list[Validator]:
        """Return what measures on held-out lessons and grades, and on held-out articles unless only grades matter."""
        graded = [
            (r[f.held_out], f.grades[f.held_out]) for r, f in self._both() if f.kind == "graded"
        ]
        found: list[Validator] = []
        if self.held_out and (
            self._material.asks_articles(self._config) or not (graded or len(self._lessons))
        ):
            found.append(PassageSearch.of(self.held_out, self.articles, self._config.training))
        if len(self._judged_lessons):
            lessons = self._on_axes(tower)
            found.append(
                TeacherAgreement(
                    lessons.texts(self._judged_lessons), lessons.wanted(self._judged_lessons)
                )
            )
        for rows, grades in graded:
            left, right = zip(*rows, strict=True)
            found.append(Correlation([*left], [*right], grades))
        return found

    def _both(self) -> Iterator[tuple[list[tuple[Ids, ...]], PairFile]]:
        return ((self._files[path], file) for path, file in self._material.pair_files.items())

    def _source(
        self, objective: Objective, training: TrainingConfig, tower: keras.Model
    ) -> BatchSource:
        size = max(2, round(objective.batch_share * training.batch_size))
        if objective.kind == "distillation":
            learned = np.setdiff1d(np.arange(len(self._lessons)), self._judged_lessons)
            return DistillationBatches(self._on_axes(tower), learned, size, training.seed)
        mined = objective.hard_negatives or objective.kind == "triplet"
        if objective.pairs == "articles":
            return Rows(article_rows(self.articles, training), size, training.seed, mined=mined)
        file, rows = self._material.pair_files[objective.pairs], self._files[objective.pairs]
        if file.kind == "graded":
            judging = set(range(len(rows))[file.held_out])
            kept = [n for n in range(len(rows)) if n not in judging]
            if len(kept) < FEWEST_GRADED:
                raise GateError(
                    f"{objective.pairs}: {len(rows)} graded pairs; at least {FEWEST_GRADED} are needed"
                )
            return Rows(
                lambda _: [rows[n] for n in kept],
                size,
                training.seed,
                [file.grades[n] for n in kept],
            )
        draw = group_rows(rows) if file.kind == "groups" else lambda _: rows
        return Rows(draw, size, training.seed, mined=mined and file.kind != "triplets")

    def _on_axes(self, tower: keras.Model) -> ProjectedTargets:
        """Return the lessons on the student's own axes, or, where it has a space already, turned towards that."""
        if self._axes is None:
            rows = np.arange(0, len(self._lessons), max(1, len(self._lessons) // MATCHED))
            given = encoder_of(tower)([self._lessons[row] for row in rows])
            self._axes = matching_axes(self._taught.vectors[rows], given)
        return ProjectedTargets(self._lessons, self._taught.vectors, self._axes)

    def _pair_rows(self, file: PairFile) -> list[tuple[Ids, ...]]:
        most = self._config.encoder.window_tokens
        flat = token_ids(self._tokenizer, [text[: most * 8] for row in file.rows for text in row])
        return [tuple(np.asarray(next(flat)[:most], np.int32) for _ in row) for row in file.rows]


def tokenize(tokenizer: Tokenizer, articles: Articles, most: int) -> Iterator[Tokens]:
    """Yield the token ids of each article, of its body at most so many; sections are parted by blank lines."""
    titles = token_ids(tokenizer, [title for title, _ in articles])
    sections = [text[: most * 8].split("\n\n") for _, text in articles]
    bodies = token_ids(tokenizer, [section for parts in sections for section in parts])
    for (title, _), parts in zip(articles, sections, strict=True):
        found = [next(bodies) for _ in parts]
        title_ids = np.asarray(next(titles), np.int32)
        body = np.asarray([number for ids in found for number in ids][:most], np.int32)
        begins = np.cumsum([0, *map(len, found[:-1])])
        yield Tokens(
            title_ids if title else NO_IDS,
            body,
            tuple(int(b) for b in begins if b < max(1, len(body))),
        )
