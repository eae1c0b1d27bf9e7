"""The vectors of several teachers stand side by side, centred, and what one lacks is predicted."""

import numpy as np
import pytest

from simrec.errors import ConfigError
from simrec.training.ask_teacher import cut_shards
from simrec.training.distillation import DistillationSet
from simrec.training.joint_lessons import centred, join

RNG = np.random.default_rng(0)
TEXTS = [f"text {number}" for number in range(400)]
FIRST = RNG.normal(size=(400, 12)) + 5
ROTATION = np.linalg.qr(RNG.normal(size=(12, 12)))[0]


def unit(rows: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def test_one_teachers_vectors_lose_what_they_have_in_common() -> None:
    joint = join([DistillationSet(TEXTS, FIRST.astype(np.float16))])
    assert joint.texts == TEXTS
    expected = unit(FIRST - FIRST.mean(axis=0))
    assert np.abs(joint.vectors - expected).max() < 5e-3
    assert FIRST[0] @ FIRST[1] > 0.8 * np.linalg.norm(FIRST[0]) * np.linalg.norm(FIRST[1])
    cosines = joint.vectors.astype(np.float32) @ joint.vectors.T.astype(np.float32)
    assert abs(cosines[np.triu_indices(400, 1)].mean()) < 0.01


def test_two_teachers_weigh_the_same_whatever_the_length_of_their_vectors() -> None:
    second = RNG.normal(size=(400, 30)) * 9
    order = RNG.permutation(400)
    shuffled = DistillationSet([TEXTS[row] for row in order], second[order])
    joint = join([DistillationSet(TEXTS, FIRST), shuffled]).vectors.astype(np.float32)
    given = joint @ joint.T
    parts = [centred(FIRST), centred(second)]
    expected = sum(part @ part.T for part in parts) / 2
    assert np.abs(given - expected).max() < 5e-3


def test_what_a_teacher_did_not_read_is_predicted_from_the_first() -> None:
    """The second is the first turned: so is what is predicted, but for the ridge."""
    second = (FIRST - 5) @ ROTATION
    read = DistillationSet(TEXTS[:300], second[:300])
    joint = join([DistillationSet(TEXTS, FIRST), read]).vectors.astype(np.float32)
    expected = unit(second[300:])
    predicted = joint[300:, 12:] * np.sqrt(2)
    assert (predicted * expected).sum(axis=1).min() > 0.97
    assert np.abs(np.linalg.norm(joint, axis=1) - 1).max() < 1e-2


def test_a_teacher_is_given_the_texts_of_articles_in_its_languages() -> None:
    texts: dict[str, str | None] = {"sea": "en", "海": "zh", "1898": None, "war": "en", "mer": "fr"}
    assert cut_shards(texts, shard_texts=2) == [["sea", "海"], ["1898", "war"], ["mer"]]
    assert cut_shards(texts, ["en", "fr"], 2) == [["sea", "war"], ["mer"]]
    assert cut_shards(texts, ["th"], 2) == []


def test_teachers_that_disagree_in_texts_are_a_sentence() -> None:
    other = DistillationSet([f"another {number}" for number in range(400)], FIRST)
    with pytest.raises(ConfigError, match=r"teacher 1 and teacher 2 disagree .* share 0 of 400"):
        join([DistillationSet(TEXTS, FIRST), other])
