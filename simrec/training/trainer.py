"""Fitting: a tower follows its objectives, epoch by epoch, is judged after each, and can be killed at any step."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from simrec import files, log
from simrec.config import Objective, TrainingConfig
from simrec.errors import SimrecError
from simrec.training.batches import BatchSource, Encode, TrainingBatch, pad
from simrec.training.objectives import head, network
from simrec.training.pairs import Ids
from simrec.training.validation import Validator

logger = logging.getLogger(__name__)

WARM_UP = 0.05  # of the steps, then cosine decay to a fiftieth
CHECKPOINT_STEPS = 500
PREDICT_BATCH = 128
MOST_TURNS = 100_000  # that a short source goes round in an epoch of a long one

History = list[dict[str, float]]


class TrainingTask(NamedTuple):
    """An objective and where its batches come from."""

    objective: Objective
    source: BatchSource


def fit(
    tower: keras.Model,
    tasks: list[TrainingTask],
    judges: list[Validator],
    config: TrainingConfig,
    path: Path,
) -> History:
    """Train the tower in place, and leave it with the weights of the epoch, or of the start, that was judged best.

    An epoch is once through the first task's batches; the others go round beside it. Without judges the
    last weights stay. Every `CHECKPOINT_STEPS` steps all that is needed to go on is written to `path`.
    Returns the losses of every epoch and what the judges said before the first and after each.
    """
    steps = tasks[0].source.steps()
    heads = [
        head(n, task.objective, task.source.sides, tower) for n, task in enumerate(tasks, start=1)
    ]
    whole = network(heads, _optimizer(config, config.epochs * steps))
    whole.optimizer.build(whole.trainable_variables)
    encode = encoder_of(tower)
    state = _Progress.load(path, whole) or _Progress.begin(tower, _judge(judges, encode))
    with log.progress("train", total=config.epochs * steps, unit="steps") as bar:
        bar.update((state.epoch - 1) * steps + state.step)
        while state.epoch <= config.epochs:
            for batches in islice(_together(tasks, state.epoch, encode), state.step, steps):
                inputs = [text for batch in batches for text in batch.texts]
                losses = whole.train_on_batch(inputs, [batch.wanted for batch in batches])
                state.add(losses)
                bar.update()
                if state.step % CHECKPOINT_STEPS == 0:
                    state.save(path, whole)
            state.end_epoch(tower, tasks, _judge(judges, encode))
            logger.info(
                "train: %s",
                ", ".join(f"{name} {value:.4g}" for name, value in state.history[-1].items()),
            )
            state.save(path, whole)
    if judges:
        tower.set_weights(state.best)
    return state.history


def encoder_of(tower: keras.Model) -> Encode:
    """Return what encodes token ids with the tower as it is then, in order."""

    def encode(rows: Sequence[Ids]) -> np.ndarray:
        order = np.argsort([len(row) for row in rows], kind="stable")
        vectors = np.empty((len(rows), tower.output_shape[-1]), np.float32)
        for start in range(0, len(rows), PREDICT_BATCH):
            batch = order[start : start + PREDICT_BATCH]
            vectors[batch] = tower.predict_on_batch(pad([rows[row] for row in batch]))
        return vectors

    return encode


def _together(
    tasks: list[TrainingTask], epoch: int, encode: Encode
) -> Iterator[tuple[TrainingBatch, ...]]:
    first, *others = tasks
    rounds = (_endless(task.source, epoch, encode) for task in others)
    return zip(first.source.epoch(epoch, encode), *rounds, strict=False)


def _endless(source: BatchSource, epoch: int, encode: Encode) -> Iterator[TrainingBatch]:
    for turn in count(epoch * MOST_TURNS):
        yield from source.epoch(turn, encode)


def _optimizer(config: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    peak = config.learning_rate
    schedule = keras.optimizers.schedules.CosineDecay(
        peak / 10, max(1, steps), alpha=0.02, warmup_target=peak, warmup_steps=int(WARM_UP * steps)
    )
    return keras.optimizers.Adam(schedule, global_clipnorm=config.clip_norm)


def _judge(judges: list[Validator], encode: Encode) -> dict[str, float]:
    return dict(judge(encode) for judge in judges)


@dataclass
class _Progress:
    """Where fitting stands: the epoch and the steps done in it, losses so far, and the best weights."""

    epoch: int
    step: int
    history: History
    best: list[np.ndarray]
    best_score: float
    losses: list[list[float]] = field(default_factory=list)

    @classmethod
    def begin(cls, tower: keras.Model, judged: dict[str, float]) -> "_Progress":
        return cls(
            1,
            0,
            [{"epoch": 0.0, **judged, "score": _score(judged)}],
            tower.get_weights(),
            _score(judged),
        )

    def add(self, losses: list[float]) -> None:
        self.losses.append([float(loss) for loss in np.atleast_1d(losses)])
        self.step += 1

    def end_epoch(
        self, tower: keras.Model, tasks: list[TrainingTask], judged: dict[str, float]
    ) -> None:
        whole, *parts = np.mean(self.losses, axis=0)
        names = [f"{task.objective.kind}_{n}_loss" for n, task in enumerate(tasks, start=1)]
        named = {name: float(part) for name, part in zip(names, parts, strict=False)}
        score = _score(judged)
        self.history.append(
            {"epoch": float(self.epoch), "loss": float(whole), **named, **judged, "score": score}
        )
        if score > self.best_score:
            self.best, self.best_score = tower.get_weights(), score
        self.epoch, self.step, self.losses = self.epoch + 1, 0, []

    def save(self, path: Path, whole: keras.Model) -> None:
        """Write everything, whole or not at all."""
        now = {
            "epoch": self.epoch,
            "step": self.step,
            "history": self.history,
            "losses": self.losses,
        }
        now["best_score"] = self.best_score
        text = np.frombuffer(json.dumps(now).encode(), np.uint8)
        arrays = {f"weight_{n}": value for n, value in enumerate(whole.get_weights())}
        arrays |= {
            f"optimizer_{n}": value.numpy() for n, value in enumerate(whole.optimizer.variables)
        }
        arrays |= {f"best_{n}": value for n, value in enumerate(self.best)}
        with files.atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, text=text, **arrays)

    @classmethod
    def load(cls, path: Path, whole: keras.Model) -> "_Progress | None":
        """Bring the network and its optimizer to where a killed run left them; None where there was none."""
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = dict(stored)
            now = json.loads(arrays["text"].tobytes())
            whole.set_weights(_numbered(arrays, "weight"))
            for variable, value in zip(
                whole.optimizer.variables, _numbered(arrays, "optimizer"), strict=True
            ):
                variable.assign(value)
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise SimrecError(
                f"{path}: no checkpoint of this training ({error}); remove it"
            ) from error
        return cls(**now, best=_numbered(arrays, "best"))


def _score(judged: dict[str, float]) -> float:
    return sum(judged.values()) / len(judged) if judged else 0.0


def _numbered(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    return [arrays[f"{name}_{n}"] for n in range(sum(key.startswith(f"{name}_") for key in arrays))]
