"""The trainer: fits a tower to its objectives, epoch by epoch, and goes on where it was killed."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from simrec import arrays, log
from simrec.config import Objective, TrainingConfig
from simrec.errors import SimrecError
from simrec.training.batches import BatchSource, Encode, TrainingBatch, pad
from simrec.training.objectives import head, network
from simrec.training.pairs import TokenIds
from simrec.training.validation import Validator

logger = logging.getLogger(__name__)

WARM_UP = 0.05  # of the steps, then cosine decay to a fiftieth
CHECKPOINT_STEPS = 500
PREDICT_BATCH = 128
MAX_ROUNDS = 100_000  # of a short source in an epoch of a long one

Floats = NDArray[np.float32]
History = list[dict[str, float]]  # of every epoch, the start as epoch 0


class TrainingTask(NamedTuple):
    """An objective and the source of its batches."""

    objective: Objective
    source: BatchSource


class Checkpoint(NamedTuple):
    """Where all that is needed to go on is written, every so many steps and after every epoch."""

    path: Path
    every_steps: int = CHECKPOINT_STEPS


def fit(
    tower: keras.Model,
    tasks: list[TrainingTask],
    validators: list[Validator],
    config: TrainingConfig,
    checkpoint: Checkpoint,
) -> History:
    """Train the tower in place, and leave it with the weights that validated best.

    These may be those of the start; without validators they are the last. An epoch is once
    through the first task's batches; the others go round beside it. Returns the losses of every
    epoch, and what the validators measured before the first and after each.
    """
    steps = tasks[0].source.steps()
    model = _model(tower, tasks, config, config.epochs * steps)
    encode = encoder_of(tower)
    state = _TrainingState.load(checkpoint.path, model)
    if state is None:
        state = _TrainingState.begin(tower, _validate(validators, encode))
    with log.progress("train", total=config.epochs * steps, unit="steps") as bar:
        bar.update((state.epoch - 1) * steps + state.step)
        while state.epoch <= config.epochs:
            batches = _side_by_side(tasks, state.epoch, encode)
            for step_batches in islice(batches, state.step, steps):
                state.add(_train_step(model, step_batches))
                bar.update()
                if state.step % checkpoint.every_steps == 0:
                    state.save(checkpoint.path, model)
            state.end_epoch(tower, tasks, _validate(validators, encode))
            logger.info("train: %s", _as_text(state.history[-1]))
            state.save(checkpoint.path, model)
    if validators:
        tower.set_weights(state.best)
    return state.history


def encoder_of(tower: keras.Model) -> Encode:
    """Return a function that encodes token ids with the tower as it is then, in order."""

    def encode(texts: Sequence[TokenIds]) -> Floats:
        order = np.argsort([len(text) for text in texts], kind="stable")
        vectors = np.empty((len(texts), tower.output_shape[-1]), np.float32)
        for start in range(0, len(texts), PREDICT_BATCH):
            batch = order[start : start + PREDICT_BATCH]
            vectors[batch] = tower.predict_on_batch(pad([texts[row] for row in batch]))
        return vectors

    return encode


def _model(
    tower: keras.Model, tasks: list[TrainingTask], config: TrainingConfig, steps: int
) -> keras.Model:
    heads = [
        head(number, task.objective, task.source.texts_per_row, tower)
        for number, task in enumerate(tasks, start=1)
    ]
    peak = config.learning_rate
    schedule = keras.optimizers.schedules.CosineDecay(
        peak / 10,
        max(1, steps),
        alpha=0.02,
        warmup_target=peak,
        warmup_steps=int(WARM_UP * steps),
    )
    model = network(heads, keras.optimizers.Adam(schedule, global_clipnorm=config.clip_norm))
    model.optimizer.build(model.trainable_variables)
    return model


def _train_step(model: keras.Model, batches: Sequence[TrainingBatch]) -> list[float]:
    """Return the loss of all objectives together, then those of each."""
    inputs = [texts for batch in batches for texts in batch.texts]
    losses = model.train_on_batch(inputs, [batch.targets for batch in batches])
    return [float(loss) for loss in np.atleast_1d(losses)]


def _side_by_side(
    tasks: list[TrainingTask], epoch: int, encode: Encode
) -> Iterator[tuple[TrainingBatch, ...]]:
    first, *others = tasks
    endless = [_endless(task.source, epoch, encode) for task in others]
    return zip(first.source.epoch(epoch, encode), *endless, strict=False)


def _endless(source: BatchSource, epoch: int, encode: Encode) -> Iterator[TrainingBatch]:
    for number in count(epoch * MAX_ROUNDS):
        yield from source.epoch(number, encode)


def _as_text(measured: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in measured.items())


def _validate(validators: list[Validator], encode: Encode) -> dict[str, float]:
    return dict(validate(encode) for validate in validators)


@dataclass
class _TrainingState:
    """The epoch and the steps done in it, the losses so far, and the best weights."""

    epoch: int
    step: int
    history: History
    best: list[Floats]
    best_score: float
    losses: list[list[float]] = field(default_factory=list)

    @classmethod
    def begin(cls, tower: keras.Model, measured: dict[str, float]) -> "_TrainingState":
        score = _score(measured)
        start = {"epoch": 0.0, **measured, "score": score}
        return cls(1, 0, [start], tower.get_weights(), score)

    def add(self, losses: list[float]) -> None:
        self.losses.append(losses)
        self.step += 1

    def end_epoch(
        self, tower: keras.Model, tasks: list[TrainingTask], measured: dict[str, float]
    ) -> None:
        score = _score(measured)
        losses = _mean_losses(self.losses, tasks)
        self.history.append({"epoch": float(self.epoch), **losses, **measured, "score": score})
        if score > self.best_score:
            self.best = tower.get_weights()
            self.best_score = score
        self.epoch += 1
        self.step = 0
        self.losses = []

    def save(self, path: Path, model: keras.Model) -> None:
        """Write everything, whole or not at all."""
        numbers = {
            "epoch": self.epoch,
            "step": self.step,
            "history": self.history,
            "losses": self.losses,
            "best_score": self.best_score,
        }
        text = np.frombuffer(json.dumps(numbers).encode(), np.uint8)
        optimizer = [variable.numpy() for variable in model.optimizer.variables]
        arrays.write_npz(
            path,
            text=text,
            **_numbered("weight", model.get_weights()),
            **_numbered("optimizer", optimizer),
            **_numbered("best", self.best),
        )

    @classmethod
    def load(cls, path: Path, model: keras.Model) -> "_TrainingState | None":
        """Bring the model to where a killed run left it; None where there is no checkpoint."""
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as stored:
                saved = dict(stored)
            numbers = json.loads(saved["text"].tobytes())
            model.set_weights(_listed("weight", saved))
            variables = model.optimizer.variables
            for variable, value in zip(variables, _listed("optimizer", saved), strict=True):
                variable.assign(value)
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise SimrecError(
                f"{path}: no checkpoint of this training ({error}); remove it"
            ) from error
        return cls(**numbers, best=_listed("best", saved))


def _mean_losses(losses: list[list[float]], tasks: list[TrainingTask]) -> dict[str, float]:
    total, *parts = np.mean(losses, axis=0).tolist()
    means = {"loss": total}
    for number, loss in enumerate(parts, start=1):
        kind = tasks[number - 1].objective.kind
        means[f"{kind}_{number}_loss"] = loss
    return means


def _score(measured: dict[str, float]) -> float:
    return sum(measured.values()) / len(measured) if measured else 0.0


def _numbered(name: str, values: Sequence[Floats]) -> dict[str, Floats]:
    return {f"{name}_{number}": value for number, value in enumerate(values)}


def _listed(name: str, saved: dict[str, Floats]) -> list[Floats]:
    n_arrays = sum(key.startswith(f"{name}_") for key in saved)
    return [saved[f"{name}_{number}"] for number in range(n_arrays)]
