"""Pairs, batches and hard negatives, against what can be counted by hand."""

import random

import numpy as np
import pytest

from simrec.config import TrainingConfig
from simrec.training.batches import (
    DistillationBatches,
    PairBatches,
    ProjectedTargets,
    RaggedTokens,
    article_rows,
    bucketed,
    group_rows,
    pad,
    with_hard_negatives,
)
from simrec.training.pairs import NO_TOKENS, TokenizedArticle, draw_pair


def ids(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def article(length: int, title: bool = True, sections: tuple[int, ...] = (0,)) -> TokenizedArticle:
    return TokenizedArticle(
        np.arange(1000, 1005) if title else NO_TOKENS, np.arange(length), sections
    )


@pytest.mark.parametrize("length", [8, 9, 40, 200])
@pytest.mark.parametrize("shares", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0), (0.3, 0.2, 0.2)])
def test_pairs_come_from_one_article_and_never_overlap(
    length: int, shares: tuple[float, ...]
) -> None:
    title, halves, sections = shares
    config = TrainingConfig(
        passage_tokens=16, title_share=title, halves_share=halves, sections_share=sections
    )
    rng = random.Random(0)
    source = article(length, sections=(0, length // 2))
    for _ in range(200):
        left, right = draw_pair(source, config, rng)
        assert 0 < len(left) <= 16
        assert 0 < len(right) <= 16
        assert not set(left) & set(right)
        assert set(left) | set(right) <= set(source.title) | set(source.body)


def test_every_kind_of_pair_is_what_it_says() -> None:
    rng = random.Random(0)
    source = article(100, sections=(0, 20, 60))

    def drawn(**shares: float) -> list[tuple[set[int], set[int]]]:
        none = {"title_share": 0, "halves_share": 0, "sections_share": 0}
        config = TrainingConfig(passage_tokens=10, **{**none, **shares})
        return [tuple(map(set, draw_pair(source, config, rng))) for _ in range(100)]

    assert all(set(source.title) in pair for pair in drawn(title_share=1))
    assert all(
        sorted((max(a) < 50, max(b) < 50)) == [False, True] for a, b in drawn(halves_share=1)
    )
    section = lambda numbers: {0 if n < 20 else 1 if n < 60 else 2 for n in numbers}  # noqa: E731
    pairs = drawn(sections_share=1)
    assert all(
        len(section(a)) == len(section(b)) == 1 and section(a) != section(b) for a, b in pairs
    )
    assert all(0 < min(b) - max(a) < 5 or 0 < min(a) - max(b) < 5 for a, b in drawn()), (
        "side by side"
    )


def test_batches_are_full_repeatable_and_fresh_each_epoch() -> None:
    articles = [
        TokenizedArticle(NO_TOKENS, np.arange(n * 100, n * 100 + 20 + n % 50))
        for n in range(1, 200)
    ]
    source = PairBatches(article_rows(articles, TrainingConfig()), 32, seed=0)
    first, again, other = (
        [batch.texts for batch in source.epoch(n, no_encoder)] for n in (1, 1, 2)
    )
    assert all(
        np.array_equal(a, b)
        for x, y in zip(first, again, strict=True)
        for a, b in zip(x, y, strict=True)
    )
    assert not all(
        a.shape == b.shape and (a == b).all()
        for x, y in zip(first, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )
    assert source.steps() == len(first) == 6
    owners = [left[0] // 100 for batch in first for left in batch[0]]
    assert len(owners) == len(set(owners)) == 192


def no_encoder(_: object) -> np.ndarray:
    raise AssertionError("nothing has to be encoded")


def test_grades_stay_with_their_pairs() -> None:
    rows = [(ids(n), ids(n, n)) for n in range(1, 41)]
    source = PairBatches(lambda _: rows, 8, seed=0, grades=[n / 40 for n in range(1, 41)])
    met = [
        (left[0], grade)
        for batch in source.epoch(1, no_encoder)
        for left, grade in zip(batch.texts[0], batch.targets, strict=True)
    ]
    assert sorted(met) == [(n, pytest.approx(n / 40)) for n in range(1, 41)]


def test_distillation_texts_stay_with_the_teachers_vectors_on_the_axes() -> None:
    rows = [[n] * (n % 7 + 1) for n in range(1, 31)]
    vectors = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float16)
    axes = np.eye(4, 3, dtype=np.float32)
    kept = np.array([n for n in range(30) if n != 7])
    source = DistillationBatches(
        ProjectedTargets(RaggedTokens(rows), vectors, axes), kept, 4, seed=0
    )
    met = {}
    for batch in source.epoch(1, no_encoder):
        met.update(
            {text[0]: wanted for text, wanted in zip(batch.texts[0], batch.targets, strict=True)}
        )
    assert len(met) == 28 and 8 not in met, "seven full batches of the 29 rows that are kept"
    for n, wanted in met.items():
        expected = vectors[n - 1, :3].astype(np.float32)
        assert wanted == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def test_groups_give_two_different_members() -> None:
    groups = [(ids(n), ids(n + 1), ids(n + 2)) for n in range(1, 90, 3)]
    met = set()
    for seed in range(50):
        for number, (a, b) in enumerate(group_rows(groups)(random.Random(seed))):
            assert {a[0], b[0]} < {3 * number + 1, 3 * number + 2, 3 * number + 3}
            met.add((a[0], b[0]))
    assert len(met) == 30 * 6, "every ordered pair of every group comes up"


def test_hard_negatives_are_the_nearest_that_are_not_too_near() -> None:
    random_vectors = np.random.default_rng(0).normal(size=(400, 8)).astype(np.float32)
    vectors = random_vectors / np.linalg.norm(random_vectors, axis=1, keepdims=True)
    rows = [(ids(2 * n), ids(2 * n + 1)) for n in range(200)]
    mined = with_hard_negatives(rows, lambda texts: np.stack([vectors[text[0]] for text in texts]))
    for n, (left, right, negative) in enumerate(mined):
        scores = vectors[1::2] @ vectors[left[0]]
        allowed = [m for m in range(200) if m != n and scores[m] <= 0.95 * scores[n]]
        expected = max(allowed, key=lambda m: scores[m]) if allowed else (n + 1) % 200
        assert (right[0], negative[0]) == (2 * n + 1, 2 * expected + 1)


def test_buckets_hold_rows_of_like_length_once() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    batches = list(bucketed(lengths, 10, seed=1))
    assert len({row for batch in batches for row in batch}) == sum(map(len, batches)) == 1000
    assert np.mean([np.ptp(lengths[batch]) for batch in batches]) < 10, (
        "shuffled batches would span about 90"
    )


def test_padding_is_zero_on_the_right() -> None:
    assert pad([ids(1, 2, 3), ids(4)]).tolist() == [
        [1, 2, 3, 0, 0, 0, 0, 0],
        [4, 0, 0, 0, 0, 0, 0, 0],
    ]
