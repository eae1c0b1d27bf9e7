"""The share of words is the one with which held-out texts find each other best."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from simrec.lexical.tfidf import TfIdf
from simrec.metrics import reciprocal_ranks
from simrec.recommend.choose_weight import DEFAULT_WEIGHT, WEIGHTS, choose_weight, halves
from tests.conftest import speeches
from tests.lexical.test_tfidf import oracle

ARTICLES = [(speech["text"][:40], speech["text"]) for speech in speeches()[:100]]
TEXTS = [text for _, text in ARTICLES]
TFIDF = TfIdf.fit(TEXTS)


def blind(texts: Sequence[str]) -> np.ndarray:
    return np.zeros((len(texts), len(ARTICLES)), np.float32)


def seeing(texts: Sequence[str]) -> np.ndarray:
    """Return one axis for each article: its title, its text and both halves have the same vector."""
    article_of = {}
    for number, (title, text) in enumerate(ARTICLES):
        for part in (title, text, *halves(text)):
            article_of[part] = number
    return np.eye(len(ARTICLES), dtype=np.float32)[[article_of[text] for text in texts]]


def confused(texts: Sequence[str]) -> np.ndarray:
    """Return what `seeing` does with much noise, the same for the same text."""
    noise = [np.random.default_rng(len(text)).normal(0, 0.3, len(ARTICLES)) for text in texts]
    vectors = seeing(texts) + np.stack(noise).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_blind_encoder_has_a_small_share_and_a_perfect_one_a_large_share() -> None:
    assert choose_weight(ARTICLES, [], blind, TFIDF) >= 0.5
    assert choose_weight(ARTICLES, [], seeing, TFIDF) <= 0.5


@pytest.mark.parametrize("encode", [blind, seeing, confused])
def test_the_share_is_the_middle_of_the_best_by_a_recount(
    encode: Callable[[Sequence[str]], np.ndarray],
) -> None:
    held_out, others = ARTICLES[:30], ARTICLES[30:60]
    means = np.zeros(len(WEIGHTS))
    for queries, candidates in (
        ([halves(text)[0] for _, text in held_out], [halves(t)[1] for _, t in held_out + others]),
        ([title for title, _ in held_out], [text for _, text in held_out + others]),
    ):
        lexical = np.array([[oracle(q, c, TEXTS) for c in candidates] for q in queries])
        cosines = encode(queries) @ encode(candidates).T
        for number, weight in enumerate(WEIGHTS):
            scores = (1 - weight) * cosines + weight * lexical
            means[number] += reciprocal_ranks(scores).mean() / 2
    best = [
        weight for weight, mean in zip(WEIGHTS, means, strict=True) if mean >= max(means) - 0.01
    ]
    assert choose_weight(held_out, others, encode, TFIDF) == best[len(best) // 2]


def test_too_few_queries_leave_the_default() -> None:
    assert choose_weight(ARTICLES[:19], ARTICLES[19:], seeing, TFIDF) == DEFAULT_WEIGHT
    short = [("", text[:79]) for _, text in ARTICLES]
    assert choose_weight(short, [], seeing, TFIDF) == DEFAULT_WEIGHT


@pytest.mark.parametrize("text", ["abc def", "word " * 50, "没有空格的中文文本" * 20, "a" * 100])
def test_halves_hold_the_whole_text(text: str) -> None:
    left, right = halves(text)
    assert (left + right).replace(" ", "") == text.replace(" ", "")
    assert abs(len(left) - len(right)) <= 80
