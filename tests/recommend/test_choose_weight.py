"""The share of words is the one with which held-out texts find each other best."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from simrec.lexical.tfidf import TfIdf
from simrec.metrics import reciprocal_ranks
from simrec.recommend.choose_weight import (
    SMOOTHINGS,
    WEIGHTS,
    Sample,
    SampledText,
    choose_shares,
    halves,
)
from simrec.recommend.score_shares import DEFAULT_WEIGHT, Shares
from tests.conftest import speeches
from tests.lexical.test_tfidf import oracle

Encode = Callable[[Sequence[str]], np.ndarray]
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


def shares_of(
    held_out: list[tuple[str, str]], others: list[tuple[str, str]], encode: Encode
) -> Shares:
    texts = [[SampledText(*article) for article in part] for part in (held_out, others)]
    return choose_shares(Sample(*texts), encode, TFIDF)


def test_a_blind_encoder_has_a_small_share_and_a_perfect_one_a_large_share() -> None:
    assert shares_of(ARTICLES, [], blind).weight >= 0.5
    assert shares_of(ARTICLES, [], seeing).weight <= 0.5


def cosines_of_words(queries: list[str], candidates: list[str]) -> np.ndarray:
    return np.array([[cosine_of_words(*sorted((q, c))) for c in candidates] for q in queries])


@functools.cache  # both encoders are asked about the same texts
def cosine_of_words(left: str, right: str) -> float:
    return oracle(left, right, TEXTS)


def recounted(
    held_out: list[tuple[str, str]], others: list[tuple[str, str]], encode: Encode
) -> dict[tuple[float, float], np.ndarray]:
    """The reciprocal ranks of halves and of titles, [2, queries], by all shares, in float64."""
    found: dict[tuple[float, float], list[np.ndarray]] = {}
    for queries, candidates in (
        ([halves(text)[0] for _, text in held_out], [halves(t)[1] for _, t in held_out + others]),
        ([title for title, _ in held_out], [text for _, text in held_out + others]),
    ):
        words = cosines_of_words(queries, candidates)
        own_words = cosines_of_words(candidates, candidates)
        dense = encode(queries) @ encode(candidates).T
        own_dense = encode(candidates) @ encode(candidates).T
        for weight in WEIGHTS:
            scores = (1 - weight) * own_dense + weight * own_words
            scores[(own_dense >= 0.95) & (own_words >= 0.9)] = 0
            np.fill_diagonal(scores, 0)
            mixing = np.eye(len(candidates))
            for row in range(len(candidates)):
                nearest = np.argsort(-scores[row], kind="stable")[:20]
                mixing[row, nearest] += 0.3 * np.maximum(scores[row, nearest], 0)
            both = []
            for of_queries, own in ((dense, own_dense), (words, own_words)):
                norms = np.sqrt(np.maximum(np.diag(mixing @ own @ mixing.T), 1e-9))
                both.append(of_queries @ mixing.T / norms)
            raw = (1 - weight) * dense + weight * words
            smoothed = (1 - weight) * both[0] + weight * both[1]
            for smoothing in SMOOTHINGS:
                ranks = reciprocal_ranks((1 - smoothing) * raw + smoothing * smoothed)
                found.setdefault((weight, smoothing), []).append(ranks)
    return {shares: np.array(ranks) for shares, ranks in found.items()}


@pytest.mark.parametrize("encode", [seeing, confused])
def test_the_shares_are_within_a_standard_error_of_the_best_by_a_recount(encode: Encode) -> None:
    held_out, others = ARTICLES[:22], ARTICLES[22:40]
    ranks = recounted(held_out, others, encode)
    chosen = shares_of(held_out, others, encode)
    for point in chosen.curve:
        expected = ranks[point.weight, point.smoothing].mean()
        assert point.mean == pytest.approx(expected, abs=0.01)
    best = max(ranks, key=lambda shares: ranks[shares].mean())
    difference = ranks[best] - ranks[chosen.weight, chosen.smoothing]
    error = np.sqrt((difference.var(axis=1) / len(held_out)).sum()) / 2
    assert difference.mean() <= max(error, 0.005) + 0.005


def test_labels_are_asked_as_well_where_there_are_any() -> None:
    """An encoder that knows the label alone finds all of one label, and halves by chance."""
    label_of = {text: f"label {number % 3}" for number, text in enumerate(TEXTS)}
    known = {}
    for (title, text), name in zip(ARTICLES, label_of.values(), strict=True):
        for part in (title, text, *halves(text)):
            known[part] = int(name[-1])

    def labelling(texts: Sequence[str]) -> np.ndarray:
        return np.eye(3, dtype=np.float32)[[known[text] for text in texts]]

    plain = [SampledText(*article) for article in ARTICLES]
    labelled = [text._replace(labels=frozenset({label_of[text.text]})) for text in plain]
    blindly = choose_shares(Sample(plain[:40], plain[40:]), labelling, TFIDF)
    knowingly = choose_shares(Sample(labelled[:40], labelled[40:]), labelling, TFIDF)
    assert knowingly.weight <= blindly.weight
    assert knowingly.curve[0].mean == pytest.approx((2 * blindly.curve[0].mean + 1) / 3, abs=2e-4)


def test_too_few_queries_leave_the_default() -> None:
    assert shares_of(ARTICLES[:19], ARTICLES[19:], seeing) == Shares(DEFAULT_WEIGHT, 0)
    short = [("", text[:79]) for _, text in ARTICLES]
    assert shares_of(short, [], seeing) == Shares(DEFAULT_WEIGHT, 0)


@pytest.mark.parametrize("text", ["abc def", "word " * 50, "没有空格的中文文本" * 20, "a" * 100])
def test_halves_hold_the_whole_text(text: str) -> None:
    left, right = halves(text)
    assert (left + right).replace(" ", "") == text.replace(" ", "")
    assert abs(len(left) - len(right)) <= 80
