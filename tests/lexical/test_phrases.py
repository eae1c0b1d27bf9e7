"""Phrases: words that stand side by side far more often than by chance."""

import math
import re

import numpy as np
import pytest

from simrec.lexical.phrases import Pairs, find_phrases, pairs_by_chance, written
from simrec.lexical.word_sample import WordSample
from tests.conftest import speeches


def phrases_of(texts: list[str]) -> list[str]:
    sample = WordSample.of(texts)
    return [written(phrase, sample.words) for phrase in find_phrases(sample)[0]]


def test_npmi_is_that_of_a_count_by_hand() -> None:
    sample = WordSample.of(["red wool, red wool, red ship", "old wool"])
    pairs = Pairs.of(sample.tokens, np.array([True] * len(sample.words) + [False]))
    by_words = {}
    for left, right, npmi in zip(pairs.left, pairs.right, pairs.npmi, strict=True):
        by_words[sample.words[left], sample.words[right]] = npmi
    expected = math.log((2 / 8) / ((3 / 8) * (3 / 8))) / -math.log(2 / 8)
    assert by_words["red", "wool"] == pytest.approx(expected)
    assert set(by_words) == {("red", "wool"), ("red", "ship"), ("old", "wool")}, "no comma within"


def test_phrases_of_the_speeches_are_written_as_there_and_stop_at_signs() -> None:
    texts = [speech["text"] for speech in speeches()]
    found = phrases_of(texts)
    assert {"United States", "public lands", "health care", "Federal Government"} <= set(found)
    assert "our fellow citizens" in found, "phrases grow"
    assert not {"of the", "in the", "to the"}.intersection(found)
    for phrase in found:
        side_by_side = r"[-\s]+".join(phrase.split())
        pattern = re.compile(rf"\b{side_by_side}\b", re.IGNORECASE)
        assert sum(pattern.search(text) is not None for text in texts) >= 5, phrase


def test_characters_join_to_words_and_not_across_them() -> None:
    texts = ["数据库很快", "数据库不大", "这个数据库", "数据库里有", "用数据库吧", "一个数据库"]
    texts += [f"{word}不{word}很{word}有" for word in "快大里吧这个用一"]
    assert "数据库" in phrases_of(texts)
    by_chance = set(pairs_by_chance(WordSample.of(texts)))
    assert "数据" not in by_chance
    assert "快不" in by_chance
