"""Term vectors, against a recount with dictionaries."""

import functools
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simrec.errors import ReleaseError
from simrec.lexical.term_vectors import KEY_TERMS, TABLE_TEXTS, TermVectors, unpack
from simrec.lexical.tfidf import TERMS_PER_TEXT, TfIdf
from simrec.lexical.words import words
from tests.conftest import speeches

TEXTS = [speech["text"] for speech in speeches()]


def oracle(left: str, right: str, texts: list[str]) -> float:
    """The cosine of all words, counted anew, none of them cut off and none hashed."""
    having = documents_having(tuple(texts))

    def weigh(text: str) -> dict[str, float]:
        counts = Counter(words(text))
        return {
            word: (1 + math.log(n)) * math.sqrt(math.log(len(texts) / having.get(word, 1)))
            for word, n in counts.items()
        }

    a, b = weigh(left), weigh(right)
    norm = math.sqrt(sum(w * w for w in a.values()) * sum(w * w for w in b.values()))
    return sum(weight * b.get(word, 0) for word, weight in a.items()) / norm


@functools.cache
def documents_having(texts: tuple[str, ...]) -> Counter[str]:
    return Counter(word for text in texts for word in set(words(text)))


def test_cosines_are_those_of_a_recount() -> None:
    short = [text for text in TEXTS if len(set(words(text))) < TERMS_PER_TEXT]
    terms = TfIdf.fit(TEXTS).encode(short)
    vectors = TermVectors(terms)
    for query in range(0, len(short), 40):
        cosines = vectors.cosines(terms[[query]], np.arange(30)[None])[0]
        expected = [oracle(short[query], text, TEXTS) for text in short[:30]]
        # Two words may share an id among so many, and weights are kept to 8 bits.
        assert cosines == pytest.approx(expected, abs=0.02)
    assert vectors.cosines(terms[[3]], np.array([[3]]))[0, 0] == pytest.approx(1, abs=1e-6)


def test_a_text_without_words_is_scored_by_the_encoder_alone() -> None:
    tfidf = TfIdf.fit(["the cat", "the dog"])
    terms = tfidf.encode(["the", "cat", "dog"])
    near = np.array([0.9, 0.5, 0.1], np.float32)
    scores = TermVectors(terms).hybrid_scores(
        np.stack([near, near]), terms[:2], np.array([[0, 1, 2]] * 2), 0.5
    )
    assert scores[0].tolist() == near.tolist()
    assert scores[1] == pytest.approx([0.45, 0.75, 0.05])


def test_the_weightiest_words_of_a_long_text_are_kept() -> None:
    tfidf = TfIdf.fit(TEXTS)
    long, one = " ".join(TEXTS[:40]), TEXTS[0]
    (terms,) = tfidf.encode([long])
    assert (terms > 0).all()
    assert np.array_equal(np.sort(terms & 0xFF)[::-1], terms & 0xFF)
    assert TermVectors(tfidf.encode([one])).cosines(terms[None], np.array([[0]]))[0, 0] > 0


def test_a_word_that_all_texts_have_weighs_nothing() -> None:
    tfidf = TfIdf.fit(["the cat", "the dog", "the horse"])
    cat, dog, nothing = tfidf.encode(["the cat", "the dog", "the"])
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
    tfidf = TfIdf.fit([*TEXTS[:20], text])
    terms = tfidf.encode([text, TEXTS[0]])
    assert TermVectors(terms).cosines(terms[:1], np.array([[1]]))[0, 0] == 0
    assert TfIdf.fit([]).encode([text]).shape == (1, TERMS_PER_TEXT)


def test_a_saved_one_is_the_same_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    tfidf = TfIdf.fit(TEXTS, weight=0.4)
    tfidf.save(tmp_path / "words.npz")
    opened = TfIdf.open(tmp_path / "words.npz")
    assert (opened.weight, opened.n_texts, opened.id) == (0.4, len(TEXTS), tfidf.id)
    assert np.array_equal(opened.encode(TEXTS[:9]), tfidf.encode(TEXTS[:9]))
    content = bytearray((tmp_path / "words.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "words.npz").write_bytes(content)
    with pytest.raises(ReleaseError, match="words.npz: damaged"):
        TfIdf.open(tmp_path / "words.npz")


def test_the_terms_shared_most_are_those_of_a_recount() -> None:
    texts = [text[:400] for text in TEXTS[:60]]
    tfidf = TfIdf.fit(texts)
    terms = tfidf.encode(texts)
    rows = np.arange(len(texts))[None]
    top = TermVectors(terms).top_shared_terms(terms[[7]], rows, 3)[0]
    query_ids, query_weights = unpack(terms[7])
    weight_of = dict(zip(query_ids.tolist(), query_weights.tolist(), strict=True))
    for row, top_ids in enumerate(top.tolist()):
        ids, weights = unpack(terms[row, :KEY_TERMS])
        products = {
            term: weight * weight_of.get(term, 0)
            for term, weight in zip(ids.tolist(), weights.tolist(), strict=True)
        }
        shared = sorted((product for product in products.values() if product), reverse=True)
        found = [products[term] for term in top_ids if term]
        assert found == shared[:3], "an id of 0 stands where no more are shared"


def test_few_texts_are_compared_without_a_table_of_terms_and_with_the_same_bits() -> None:
    texts = [text[:400] for text in TEXTS] * (1 + TABLE_TEXTS // len(TEXTS))
    packed = TfIdf.fit(texts).encode(texts)
    packed[5] = 0
    queries = packed[:20]
    rows = np.random.default_rng(0).integers(0, TABLE_TEXTS - 1, (20, 30))
    many, few = TermVectors(packed), TermVectors(packed[: TABLE_TEXTS - 1])
    assert np.array_equal(many.cosines(queries, rows), few.cosines(queries, rows))
    assert np.array_equal(
        many.top_shared_terms(queries, rows, 3), few.top_shared_terms(queries, rows, 3)
    )
