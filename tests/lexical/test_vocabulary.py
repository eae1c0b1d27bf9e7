"""The vocabulary: words by their ids, counted in one pass, learned and stored."""

import zlib
from pathlib import Path

import pytest

from simrec import files
from simrec.errors import ReleaseError
from simrec.lexical.vocabulary import KnownPhrase, TermCounter, TermVocabulary
from simrec.lexical.words import term_id


def test_words_of_more_than_one_text_are_counted() -> None:
    counter = TermCounter()
    for distinct_words in ({"cat", "dog"}, {"cat", "horse"}, {"cat", "horse"}):
        counter.add(distinct_words)
    vocabulary = counter.vocabulary()
    assert len(vocabulary) == 2
    assert vocabulary.get(term_id("cat")) == "cat"
    assert vocabulary.get(term_id("dog")) == ""
    assert term_id("horse") in vocabulary


def test_the_rarest_words_are_dropped_and_the_frequent_ones_stay() -> None:
    counter = TermCounter(max_words=100)
    for number in range(2_000):
        counter.add({"frequent", f"once{number}"})
    vocabulary = counter.vocabulary()
    assert len(vocabulary) == 1
    assert vocabulary.get(term_id("frequent")) == "frequent"


def test_of_two_words_with_one_id_the_first_in_the_alphabet_is_shown() -> None:
    by_id: dict[int, str] = {}
    for number in range(20_000):
        word = f"word{number}"
        other = by_id.setdefault(zlib.crc32(word.encode()) & 0xFFFFFF, word)
        if other != word:
            break
    assert term_id(word) == term_id(other)
    for order in ([word, other], [other, word]):
        assert TermVocabulary(order).get(term_id(word)) == min(word, other)


def test_words_are_learned_until_none_is_missing() -> None:
    vocabulary = TermVocabulary([])
    missing = {term_id("tariff"), term_id("wheat")}
    vocabulary.learn("The tariff on wool", missing)
    assert vocabulary.get(term_id("tariff")) == "tariff"
    assert vocabulary.get(term_id("wool")) == "", "it is not missing"
    assert missing == {term_id("wheat")}


def test_a_saved_one_is_the_same_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.words"
    assert len(TermVocabulary.open(path)) == 0
    TermVocabulary(["wool", "tariff"]).save(path)
    opened = TermVocabulary.open(path)
    assert [opened.get(term_id(word)) for word in ("tariff", "wool")] == ["tariff", "wool"]
    path.write_bytes(path.read_bytes().replace(b"wool", b"w00l"))
    with pytest.raises(ReleaseError, match="damaged"):
        TermVocabulary.open(path)


def test_words_are_shown_as_they_are_written_most_and_the_most_frequent_comes_first() -> None:
    counter = TermCounter()
    for text in ("Wool from Obama", "wool of NASA", "OBAMA and wool", "Obama at Nasa", "NASA"):
        counter.add_text(text)
    assert counter.most_written() == ["NASA", "Obama", "wool"]


def test_weights_and_phrases_are_saved(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.words"
    phrase = KnownPhrase("New York", ["new", "york"], ["york"], 0.7)
    TermVocabulary(["York", "wool"], {"wool": 0.25}, [phrase]).save(path)
    opened = TermVocabulary.open(path)
    assert opened.phrases == [phrase]
    assert [opened.weight(word) for word in ("wool", "York", "12", "of", "UK")] == [
        0.25,
        0.4,
        0,
        0,
        0.4,
    ]
    assert TermVocabulary.is_current(path)
    files.write_json(path, files.seal({"words": ["wool"]}))
    assert not TermVocabulary.is_current(path), "an older file is made anew"
