"""Objectives: heads on the shared tower, and their losses."""

from typing import Any, NamedTuple

import keras
from keras import layers, ops

from simrec.config import Objective

FAR = -1e9  # in place of a text's similarity with itself


@keras.saving.register_keras_serializable("simrec")
class InBatchScores(layers.Layer):  # type: ignore[misc]  # keras is untyped
    """Score every left text with every right text of the batch: two [batch, dim] to [batch, batch].

    Inputs are unit rows; a score is their cosine over the temperature. The right text of the same
    row is the one that belongs to it, the others are its negatives (Henderson et al. 2017). A third
    input, [batch, dim], holds one hard negative a row; all are further columns for every row.
    """

    def __init__(self, temperature: float = 0.05, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.temperature = temperature

    def call(self, texts: tuple[Any, ...]) -> Any:
        queries, *others = texts
        candidates = ops.concatenate(others, axis=0)
        return ops.matmul(queries, ops.transpose(candidates)) / self.temperature

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "temperature": self.temperature}


@keras.saving.register_keras_serializable("simrec")
class Cosine(layers.Layer):  # type: ignore[misc]
    """The cosine of each row of unit vectors, two [batch, dim] to [batch]."""

    def call(self, pair: tuple[Any, Any]) -> Any:
        return ops.sum(pair[0] * pair[1], axis=-1)


@keras.saving.register_keras_serializable("simrec")
class ManhattanSimilarity(layers.Layer):  # type: ignore[misc]
    """exp(-s * ||a - b||_1), two [batch, dim] to [batch] in (0, 1].

    As in MaLSTM (Mueller & Thyagarajan 2016). Theirs is of raw states and has no s. Of unit vectors
    the norm grows with the root of their size, so it is divided by that, and s > 0 is learned,
    beginning with 1.
    """

    def build(self, shapes: list[tuple[int | None, ...]]) -> None:
        self.log_scale = self.add_weight(name="log_scale", shape=(), initializer="zeros")
        self._root = float(shapes[0][-1] or 1) ** 0.5

    def call(self, pair: tuple[Any, Any]) -> Any:
        difference = ops.sum(ops.abs(pair[0] - pair[1]), axis=-1)
        return ops.exp(-ops.exp(self.log_scale) * difference / self._root)


@keras.saving.register_keras_serializable("simrec")
class TripletViolation(layers.Layer):  # type: ignore[misc]
    """max(0, margin - cos(anchor, positive) + cos(anchor, negative)) of three [batch, dim].

    Cosine in place of the squared Euclidean norm of Schroff et al. 2015; of unit vectors one is an
    affine function of the other.
    """

    def __init__(self, margin: float = 0.2, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.margin = margin

    def call(self, texts: tuple[Any, Any, Any]) -> Any:
        anchor, positive, negative = texts
        differences = ops.sum(anchor * (negative - positive), axis=-1)
        return ops.relu(self.margin + differences)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "margin": self.margin}


class TeacherLoss(keras.losses.Loss):  # type: ignore[misc]
    """How far unit rows [batch, dim] are from the teacher's: up to four terms, by their weights.

    1 - cosine to the teacher's vector; the squared error of all similarities in the batch, as in
    similarity-preserving distillation (Tung & Mori 2019); the cross-entropy of finding the
    teacher's vector of the same text among those of the batch (Tian et al. 2020); and the
    Kullback-Leibler divergence of the rows of similarities with the other texts (Passalis & Tefas
    2018). A similarity is a cosine, in the last two over the temperature.
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self._objective = objective

    def call(self, targets: Any, vectors: Any) -> Any:
        objective = self._objective
        temperature = objective.temperature
        loss = objective.cosine_weight * (1 - ops.sum(targets * vectors, axis=-1))
        if objective.contrast_weight:
            scores = ops.matmul(vectors, ops.transpose(targets)) / temperature
            loss += objective.contrast_weight * contrast(scores)
        if objective.similarity_weight or objective.ranking_weight:
            given = ops.matmul(vectors, ops.transpose(vectors))
            expected = ops.matmul(targets, ops.transpose(targets))
            errors = ops.mean(ops.square(given - expected), axis=-1)
            loss += objective.similarity_weight * errors
        if objective.ranking_weight:
            divergences = ranking_divergence(expected / temperature, given / temperature)
            loss += objective.ranking_weight * divergences
        return loss


def contrast(scores: Any) -> Any:
    """Return the cross-entropy [batch] of row i finding column i, of scores [batch, batch]."""
    return ops.logsumexp(scores, axis=-1) - ops.diagonal(scores)


def ranking_divergence(expected: Any, given: Any) -> Any:
    """Return KL(expected, given) [batch] of softmax rows [batch, batch] without their diagonals."""
    itself = FAR * ops.eye(ops.shape(given)[0])
    expected_logs = ops.log_softmax(expected + itself, axis=-1)
    given_logs = ops.log_softmax(given + itself, axis=-1)
    return ops.sum(ops.exp(expected_logs) * (expected_logs - given_logs), axis=-1)


class GradedLoss(keras.losses.Loss):  # type: ignore[misc]
    """Squared error of the similarities, plus 1 - their Pearson correlation with the grades.

    Both arguments are [batch]. The error alone is mostly about where the scale lies; a similarity
    is judged by how it varies with the grade.
    """

    def call(self, grades: Any, similarities: Any) -> Any:
        a = grades - ops.mean(grades)
        b = similarities - ops.mean(similarities)
        norms = ops.sqrt(ops.sum(a * a) * ops.sum(b * b) + 1e-9)
        correlation = ops.sum(a * b) / norms
        return ops.square(grades - similarities) + (1 - correlation)


class Head(NamedTuple):
    """An objective on a tower: its inputs in the order of its batches, output, loss and weight."""

    inputs: list[Any]
    output: Any
    loss: keras.losses.Loss
    weight: float


def head(number: int, objective: Objective, texts_per_row: int, tower: keras.Model) -> Head:
    """Put an objective on the tower, for batches of that many texts a row."""
    inputs = [
        keras.Input((None,), dtype="int32", name=f"text_{number}_{column}")
        for column in range(texts_per_row)
    ]
    vectors = [tower(texts) for texts in inputs]
    layer = _output_layer(objective, name=f"{objective.kind}_{number}")
    output = layer(vectors[0] if objective.kind == "distillation" else vectors)
    return Head(inputs, output, _loss(objective), objective.weight)


def _output_layer(objective: Objective, name: str) -> layers.Layer:
    match objective.kind:
        case "contrastive":
            return InBatchScores(objective.temperature, name=name)
        case "cosine":
            return Cosine(name=name)
        case "manhattan":
            return ManhattanSimilarity(name=name)
        case "triplet":
            return TripletViolation(objective.margin, name=name)
        case "distillation":
            return layers.Identity(name=name)


def _loss(objective: Objective) -> keras.losses.Loss:
    match objective.kind:
        case "contrastive":
            return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        case "cosine" | "manhattan":
            return GradedLoss()
        case "triplet":
            return keras.losses.MeanAbsoluteError()
        case "distillation":
            return TeacherLoss(objective)


def network(heads: list[Head], optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """Return the compiled network of all heads, which are trained side by side."""
    inputs = [texts for head in heads for texts in head.inputs]
    model = keras.Model(inputs, [head.output for head in heads], name="objectives")
    losses = [head.loss for head in heads]
    weights = [head.weight for head in heads]
    model.compile(optimizer, loss=losses, loss_weights=weights)
    return model
