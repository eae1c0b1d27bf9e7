"""Graded pairs teach what is alike."""

import random
from typing import Any

import numpy as np
import pytest

from simrec.encoder.runtime import Encoder
from tests.conftest import House
from tests.training.houses import configure, history, only_encoder, write_jsonl

WORDS = {
    "war": [
        "army",
        "navy",
        "fleet",
        "troops",
        "soldiers",
        "officers",
        "militia",
        "fort",
        "enemy",
        "battle",
    ],
    "trade": [
        "commerce",
        "duties",
        "tariff",
        "revenue",
        "currency",
        "gold",
        "silver",
        "bank",
        "imports",
        "price",
    ],
}


def graded_pairs(count: int) -> list[dict[str, Any]]:
    """Pairs of three words each; a pair of one subject has the grade 5, of two 1."""
    rng = random.Random(0)
    pairs = []
    for _ in range(count):
        subjects = rng.choices(list(WORDS), k=2)
        a, b = (" ".join(rng.sample(WORDS[subject], 3)) for subject in subjects)
        pairs.append({"a": a, "b": b, "score": 5 if subjects[0] == subjects[1] else 1})
    return pairs


@pytest.mark.parametrize("objective", ["cosine", "manhattan"])
def test_graded_pairs_teach_what_is_alike(ingested: House, objective: str) -> None:
    pairs = graded_pairs(600)
    write_jsonl(ingested.folder / "graded.jsonl", pairs)
    objectives = f'[[objectives]]\nkind = "{objective}"\npairs = "graded.jsonl"\n'
    configure(ingested, objectives, training="epochs = 4\nlearning_rate = 0.02")
    ran = ingested.step("train")
    assert ran.code == 0, ran.err
    epochs = history(ingested)
    best = max(epochs, key=lambda epoch: epoch["score"])
    assert epochs[0]["held_out_correlation"] + 0.1 < best["held_out_correlation"]
    encode = Encoder(only_encoder(ingested)).encode
    held_out = pairs[::10]
    left = encode([pair["a"] for pair in held_out])
    right = encode([pair["b"] for pair in held_out])
    grades = [pair["score"] for pair in held_out]
    correlation = np.corrcoef((left * right).sum(axis=1), grades)[0, 1]
    assert correlation == pytest.approx(best["held_out_correlation"], abs=0.02), (
        "the card says what the encoder does"
    )
