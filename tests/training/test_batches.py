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
        pairs = [draw_pair(source, config, rng) for _ in range(100)]
        return [(set(left.tolist()), set(right.tolist())) for left, right in pairs]

    title = set(source.title.tolist())
    assert all(title in pair for pair in drawn(title_share=1))
    for left, right in drawn(halves_share=1):
        assert (max(left) < 50) != (max(right) < 50)
    for left, right in drawn(sections_share=1):
        sections = [np.digitize(sorted(side), [20, 60]) for side in (left, right)]
        assert all(np.ptp(section) == 0 for section in sections), "a passage is of one section"
        assert sections[0][0] != sections[1][0]
    for left, right in drawn():
        gap = max(min(right) - max(left), min(left) - max(right))
        assert 0 < gap < 5, "side by side"


def test_batches_are_full_repeatable_and_fresh_each_epoch() -> None:
    articles = []
    for number in range(1, 200):
        body = np.arange(number * 100, number * 100 + 20 + number % 50)
        articles.append(TokenizedArticle(NO_TOKENS, body))
    source = PairBatches(article_rows(articles, TrainingConfig()), 32, seed=0)
    first, again, other = (epoch(source, number) for number in (1, 1, 2))
    assert equal(first, again)
    assert not equal(first, other)
    assert source.steps() == len(first) == 6
    articles_met = [text[0] // 100 for queries, _ in first for text in queries]
    assert len(articles_met) == len(set(articles_met)) == 192


def epoch(source: PairBatches, number: int) -> list[list[np.ndarray]]:
    return [batch.texts for batch in source.epoch(number, no_encoder)]


def equal(batches: list[list[np.ndarray]], others: list[list[np.ndarray]]) -> bool:
    texts = [text for batch in batches for text in batch]
    other_texts = [text for batch in others for text in batch]
    pairs = zip(texts, other_texts, strict=True)
    return all(np.array_equal(text, other) for text, other in pairs)


def no_encoder(_: object) -> np.ndarray:
    raise AssertionError("nothing has to be encoded")


def test_grades_stay_with_their_pairs() -> None:
    rows = [(ids(number), ids(number, number)) for number in range(1, 41)]
    grades = [number / 40 for number in range(1, 41)]
    source = PairBatches(lambda _: rows, 8, seed=0, grades=grades)
    grade_of = {}
    for batch in source.epoch(1, no_encoder):
        for text, grade in zip(batch.texts[0], batch.targets, strict=True):
            grade_of[text[0]] = grade
    assert grade_of == {number: pytest.approx(number / 40) for number in range(1, 41)}


def test_distillation_texts_stay_with_the_teachers_vectors_on_the_axes() -> None:
    tokens = [[number] * (number % 7 + 1) for number in range(1, 31)]
    vectors = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float16)
    axes = np.eye(4, 3, dtype=np.float32)
    rows = np.array([row for row in range(30) if row != 7])
    data = ProjectedTargets(RaggedTokens(tokens), vectors, axes)
    source = DistillationBatches(data, rows, 4, seed=0)
    target_of = {}
    for batch in source.epoch(1, no_encoder):
        for text, target in zip(batch.texts[0], batch.targets, strict=True):
            target_of[text[0]] = target
    assert len(target_of) == 28, "seven full batches of the 29 rows"
    assert 8 not in target_of
    for number, target in target_of.items():
        expected = vectors[number - 1, :3].astype(np.float32)
        assert target == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def test_groups_give_two_different_members() -> None:
    groups = [(ids(number), ids(number + 1), ids(number + 2)) for number in range(1, 90, 3)]
    pairs = set()
    for seed in range(50):
        for group, (left, right) in enumerate(group_rows(groups)(random.Random(seed))):
            first = 3 * group + 1
            assert {left[0], right[0]} < {first, first + 1, first + 2}
            pairs.add((left[0], right[0]))
    assert len(pairs) == 30 * 6, "every ordered pair of every group comes up"


def test_hard_negatives_are_the_nearest_that_are_not_too_near() -> None:
    vectors = np.random.default_rng(0).normal(size=(400, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [(ids(2 * row), ids(2 * row + 1)) for row in range(200)]
    mined = with_hard_negatives(rows, lambda texts: np.stack([vectors[text[0]] for text in texts]))
    for row, (query, positive, negative) in enumerate(mined):
        scores = vectors[1::2] @ vectors[query[0]]
        allowed = [
            other for other in range(200) if other != row and scores[other] <= 0.95 * scores[row]
        ]
        expected = max(allowed, key=lambda other: scores[other]) if allowed else (row + 1) % 200
        assert positive[0] == 2 * row + 1
        assert negative[0] == 2 * expected + 1


def test_buckets_hold_rows_of_like_length_once() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    batches = list(bucketed(lengths, 10, seed=1))
    rows = np.concatenate(batches)
    assert sorted(rows) == list(range(1000))
    spans = [np.ptp(lengths[batch]) for batch in batches]
    assert np.mean(spans) < 10, "shuffled batches would span about 90"


def test_padding_is_zero_on_the_right() -> None:
    assert pad([ids(1, 2, 3), ids(4)]).tolist() == [
        [1, 2, 3, 0, 0, 0, 0, 0],
        [4, 0, 0, 0, 0, 0, 0, 0],
    ]
