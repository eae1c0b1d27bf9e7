"""Words as vectors, against a recount with dictionaries."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simrec.errors import ReleaseError
from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TERMS_PER_TEXT, TfIdf
from simrec.lexical.words import words
from tests.conftest import speeches

TEXTS = [speech["text"] for speech in speeches()]


def oracle(left: str, right: str, texts: list[str]) -> float:
    """The cosine of all words, counted anew, none of them cut off and none hashed."""
    having = Counter(word for text in texts for word in set(words(text)))

    def weigh(text: str) -> dict[str, float]:
        counts = Counter(words(text))
        return {
            word: (1 + math.log(n)) * math.sqrt(math.log(len(texts) / having.get(word, 1)))
            for word, n in counts.items()
        }

    a, b = weigh(left), weigh(right)
    norm = math.sqrt(sum(w * w for w in a.values()) * sum(w * w for w in b.values()))
    return sum(weight * b.get(word, 0) for word, weight in a.items()) / norm


def test_cosines_are_those_of_a_recount() -> None:
    short = [text for text in TEXTS if len(set(words(text))) < TERMS_PER_TEXT]
    lexical = TfIdf.fit(TEXTS)
    terms = lexical.encode(short)
    compare = TermVectors(terms)
    for own in range(0, len(short), 40):
        expected = [oracle(short[own], text, TEXTS) for text in short[:30]]
        # Two words may share a number among so many, and weights are kept to four places.
        assert compare.cosines(terms[[own]], np.arange(30)[None])[0] == pytest.approx(
            expected, abs=0.02
        )
    assert compare.cosines(terms[[3]], np.array([[3]]))[0, 0] == pytest.approx(1, abs=1e-6)


def test_a_text_without_words_is_asked_about_by_meaning_alone() -> None:
    lexical = TfIdf.fit(["the cat", "the dog"])
    some = lexical.encode(["the", "cat", "dog"])
    near = np.array([0.9, 0.5, 0.1], np.float32)
    scores = TermVectors(some).hybrid_scores(
        np.stack([near, near]), some[:2], np.array([[0, 1, 2]] * 2), 0.5
    )
    assert scores[0].tolist() == near.tolist()
    assert scores[1] == pytest.approx([0.45, 0.75, 0.05])


def test_the_weightiest_words_of_a_long_text_are_kept() -> None:
    lexical = TfIdf.fit(TEXTS)
    long, one = " ".join(TEXTS[:40]), TEXTS[0]
    (terms,) = lexical.encode([long])
    assert (terms > 0).all()
    assert np.array_equal(np.sort(terms & 0xFF)[::-1], terms & 0xFF)
    assert TermVectors(lexical.encode([one])).cosines(terms[None], np.array([[0]]))[0, 0] > 0


def test_a_word_that_all_texts_have_weighs_nothing() -> None:
    lexical = TfIdf.fit(["the cat", "the dog", "the horse"])
    cat, dog, nothing = lexical.encode(["the cat", "the dog", "the"])
    assert TermVectors(np.stack([cat, dog, nothing])).cosines(cat[None], np.arange(3)[None])[
        0
    ] == pytest.approx([1, 0, 0], abs=1e-3)


def test_scripts_without_spaces_are_cut_into_characters_and_pairs() -> None:
    assert list(words("大模型 GPT-4o 모델 が")) == [
        "大",
        "模",
        "型",
        "大模",
        "模型",
        "gpt",
        "4o",
        "모델",
        "が",
    ]


@pytest.mark.parametrize("text", ["", "!", "\U0001f600", "a", "\0", "x" * 5_000_000])
def test_texts_without_words_are_no_error(text: str) -> None:
    lexical = TfIdf.fit([*TEXTS[:20], text])
    terms = lexical.encode([text, TEXTS[0]])
    assert TermVectors(terms).cosines(terms[:1], np.array([[1]]))[0, 0] == 0
    assert TfIdf.fit([]).encode([text]).shape == (1, TERMS_PER_TEXT)


def test_a_saved_one_is_the_same_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    lexical = TfIdf.fit(TEXTS, weight=0.4)
    lexical.save(tmp_path / "words.npz")
    opened = TfIdf.open(tmp_path / "words.npz")
    assert (opened.weight, opened.n_texts, opened.id) == (0.4, len(TEXTS), lexical.id)
    assert np.array_equal(opened.encode(TEXTS[:9]), lexical.encode(TEXTS[:9]))
    content = bytearray((tmp_path / "words.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "words.npz").write_bytes(content)
    with pytest.raises(ReleaseError, match="words.npz: damaged"):
        TfIdf.open(tmp_path / "words.npz")
