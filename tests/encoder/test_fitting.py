"""Fitting keeps the best weights, and a killed one goes on to the same end."""

import keras
import numpy as np
import pytest

from simrec.config import EncoderConfig, Objective, TrainingConfig
from simrec.training import trainer
from simrec.training.batches import Rows
from simrec.training.network import build_tower
from simrec.training.trainer import TrainingTask, encoder_of, fit

CONFIG = EncoderConfig(cell="rnn", hidden=6, dim=8, bidirectional=False)
ROWS = [
    (
        np.arange(n, n + 9, dtype=np.int32) % 49 + 1,
        np.arange(n + 3, n + 12, dtype=np.int32) % 49 + 1,
    )
    for n in range(64)
]


def new_tower() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_tower(CONFIG, np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32), 0)


def tasks() -> list[TrainingTask]:
    source = Rows(lambda chance: chance.sample(ROWS, len(ROWS)), 8, seed=0)
    graded = Rows(lambda _: ROWS, 16, seed=1, grades=np.linspace(0, 1, len(ROWS)))
    return [TrainingTask(Objective(), source), TrainingTask(Objective(kind="cosine"), graded)]


class Killed(BaseException):
    """Stands for kill -9: nothing may be cleaned up."""


@pytest.mark.parametrize("killed_after", [3, 8, 9, 13])
def test_a_killed_fit_goes_on_to_the_same_weights(tmp_path, monkeypatch, killed_after: int) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_STEPS", 3)
    training = TrainingConfig(epochs=2, learning_rate=0.01)
    whole = new_tower()
    history = fit(whole, tasks(), [], training, tmp_path / "whole.npz")

    steps = 0
    train_on_batch = keras.Model.train_on_batch

    def kill(self, *arguments, **named):
        nonlocal steps
        steps += 1
        if steps > killed_after:
            raise Killed
        return train_on_batch(self, *arguments, **named)

    monkeypatch.setattr(keras.Model, "train_on_batch", kill)
    with pytest.raises(Killed):
        fit(new_tower(), tasks(), [], training, tmp_path / "killed.npz")
    monkeypatch.setattr(keras.Model, "train_on_batch", train_on_batch)
    resumed = new_tower()
    again = fit(resumed, tasks(), [], training, tmp_path / "killed.npz")
    assert [*map(list, again)] == [*map(list, history)]
    for one, other in zip(again, history, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    assert steps > killed_after
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert np.abs(a - b).max() < 1e-5


def test_a_finished_fit_does_no_step_again(tmp_path, monkeypatch) -> None:
    fit(new_tower(), tasks(), [], TrainingConfig(epochs=1), tmp_path / "fit.npz")
    monkeypatch.setattr(keras.Model, "train_on_batch", None)
    fit(new_tower(), tasks(), [], TrainingConfig(epochs=1), tmp_path / "fit.npz")


def test_the_best_epoch_is_kept_or_the_start(tmp_path) -> None:
    """A judge who likes the weights less and less leaves the start; one who likes the second epoch, that."""
    for verdicts, best in (([3, 2, 1, 0], 0), ([0, 1, 5, 2], 2), ([0, 1, 2, 3], 3)):
        seen: list[list[np.ndarray]] = []
        tower = new_tower()

        def judge(encode, verdicts=verdicts, seen=seen, tower=tower):
            seen.append(tower.get_weights())
            return "held_out_mrr", float(verdicts[len(seen) - 1])

        history = fit(tower, tasks(), [judge], TrainingConfig(epochs=3), tmp_path / f"{best}.npz")
        assert [epoch["held_out_mrr"] for epoch in history] == verdicts
        assert all(
            np.array_equal(a, b) for a, b in zip(tower.get_weights(), seen[best], strict=True)
        )
        assert not all(np.array_equal(a, b) for a, b in zip(seen[0], seen[1], strict=True))


def test_losses_fall_and_every_objective_has_its_own(tmp_path) -> None:
    history = fit(
        new_tower(), tasks(), [], TrainingConfig(epochs=6, learning_rate=0.02), tmp_path / "fit.npz"
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
