"""The trainer keeps the best weights, and goes on to the same end when it was killed."""

import json
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from simrec.config import EncoderConfig, Objective, TrainingConfig
from simrec.training.batches import BatchSource, Encode, PairBatches, TrainingBatch
from simrec.training.network import build_tower
from simrec.training.trainer import Checkpoint, History, TrainingTask, encoder_of, fit

CONFIG = EncoderConfig(cell="rnn", hidden=6, dim=8, bidirectional=False)
TWO_EPOCHS = TrainingConfig(epochs=2, learning_rate=0.01)


def tokens(start: int) -> np.ndarray:
    return np.arange(start, start + 9, dtype=np.int32) % 49 + 1


ROWS = [(tokens(number), tokens(number + 3)) for number in range(64)]


class Killed(BaseException):
    """Stands for kill -9: nothing may be cleaned up."""


class KillingBatches:
    """Batches of a source, of which the first few are given; then the process is killed."""

    def __init__(self, source: BatchSource, given: int) -> None:
        self._source = source
        self.texts_per_row = source.texts_per_row
        self.left = given

    def steps(self) -> int:
        return self._source.steps()

    def epoch(self, number: int, encode: Encode) -> Iterator[TrainingBatch]:
        for batch in self._source.epoch(number, encode):
            if not self.left:
                raise Killed
            self.left -= 1
            yield batch


def new_tower() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_tower(CONFIG, np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32), 0)


def tasks(killed_after: int | None = None) -> list[TrainingTask]:
    pairs: BatchSource = PairBatches(lambda rng: rng.sample(ROWS, len(ROWS)), 8, seed=0)
    if killed_after is not None:
        pairs = KillingBatches(pairs, killed_after)
    grades = np.linspace(0, 1, len(ROWS))
    graded = PairBatches(lambda _: ROWS, 16, seed=1, grades=grades)
    return [TrainingTask(Objective(), pairs), TrainingTask(Objective(kind="cosine"), graded)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, History]:
    """A tower that was trained without a kill, and its history."""
    tower = new_tower()
    checkpoint = Checkpoint(tmp_path_factory.mktemp("undisturbed") / "checkpoint.npz", 3)
    return tower, fit(tower, tasks(), [], TWO_EPOCHS, checkpoint)


@pytest.mark.parametrize(("killed_after", "steps_saved"), [(3, 3), (7, 6), (8, 8), (13, 11)])
def test_a_killed_training_goes_on_to_the_same_weights(
    tmp_path: Path,
    undisturbed: tuple[keras.Model, History],
    killed_after: int,
    steps_saved: int,
) -> None:
    """A checkpoint is written after the third and sixth of eight steps, and after the epoch."""
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz", every_steps=3)
    with pytest.raises(Killed):
        fit(new_tower(), tasks(killed_after), [], TWO_EPOCHS, checkpoint)
    with np.load(checkpoint.path) as saved:
        state = json.loads(saved["text"].tobytes())
    assert (state["epoch"] - 1) * 8 + state["step"] == steps_saved
    resumed = new_tower()
    resumed_history = fit(resumed, tasks(), [], TWO_EPOCHS, checkpoint)
    tower, history = undisturbed
    assert [*map(list, resumed_history)] == [*map(list, history)]
    for resumed_epoch, epoch in zip(resumed_history, history, strict=True):
        assert resumed_epoch == pytest.approx(epoch, rel=1e-4)
    for resumed_weights, weights in zip(resumed.get_weights(), tower.get_weights(), strict=True):
        assert np.abs(resumed_weights - weights).max() < 1e-5


def test_a_finished_training_does_no_step_again(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz")
    fit(new_tower(), tasks(), [], TrainingConfig(epochs=1), checkpoint)
    fit(new_tower(), tasks(killed_after=0), [], TrainingConfig(epochs=1), checkpoint)


def test_the_best_epoch_is_kept_or_the_start(tmp_path: Path) -> None:
    """Verdicts that fall leave the start; ones that are best after an epoch leave that epoch."""
    for verdicts, best in (([3, 2, 1, 0], 0), ([0, 1, 5, 2], 2), ([0, 1, 2, 3], 3)):
        seen: list[list[np.ndarray]] = []
        tower = new_tower()

        def validate(encode, verdicts=verdicts, seen=seen, tower=tower):
            seen.append(tower.get_weights())
            return "held_out_mrr", float(verdicts[len(seen) - 1])

        history = fit(
            tower,
            tasks(),
            [validate],
            TrainingConfig(epochs=3),
            Checkpoint(tmp_path / f"{best}.npz"),
        )
        assert [epoch["held_out_mrr"] for epoch in history] == verdicts
        assert all(
            np.array_equal(a, b) for a, b in zip(tower.get_weights(), seen[best], strict=True)
        )
        assert not all(np.array_equal(a, b) for a, b in zip(seen[0], seen[1], strict=True))


def test_losses_fall_and_every_objective_has_its_own(tmp_path: Path) -> None:
    history = fit(
        new_tower(),
        tasks(),
        [],
        TrainingConfig(epochs=6, learning_rate=0.02),
        Checkpoint(tmp_path / "fit.npz"),
    )
    assert history[-1]["contrastive_1_loss"] < history[1]["contrastive_1_loss"]
    assert history[-1]["cosine_2_loss"] < history[1]["cosine_2_loss"]
    assert history[-1]["loss"] == pytest.approx(
        history[-1]["contrastive_1_loss"] + history[-1]["cosine_2_loss"], rel=1e-3
    )


def test_texts_are_encoded_in_their_order_whatever_their_length() -> None:
    tower = new_tower()
    rows = [np.arange(1, n + 1, dtype=np.int32) for n in (9, 1, 30, 2, 17)] * 60
    alone = np.concatenate([tower.predict_on_batch(row[None]) for row in rows[:5]] * 60)
    assert np.abs(encoder_of(tower)(rows) - alone).max() < 1e-5
