"""Shown terms: what of the shared terms of two texts is shown."""

import numpy as np
import pytest

from simrec.lexical.shown_terms import ShownTerms
from simrec.lexical.term_vectors import pack, unpack
from simrec.lexical.vocabulary import KnownPhrase, TermVocabulary
from simrec.lexical.words import term_id

WORDS = [
    "the", "tariff", "Tariffs", "York", "New", "wool", "Zuckerberg", "Mark", "1911", "US", "us", "Iran", "Iraq",
]  # fmt: skip
WEIGHTS = {"the": 0.0, "tariff": 0.8, "tariffs": 0.9, "new": 0.0, "wool": 0.5, "mark": 0.0}
PHRASES = [
    KnownPhrase("New York", ["new", "york"], [], 0.7),
    KnownPhrase("Mark Zuckerberg", ["mark", "zuckerberg"], ["zuckerberg"], 0.9),
]
VOCABULARY = TermVocabulary(WORDS, WEIGHTS, PHRASES)
SHOWN = ShownTerms.of(VOCABULARY)


@pytest.mark.parametrize(
    ("shared", "shown"),
    [
        (["wool", "the"], ["wool"]),
        (["tariffs", "wool", "tariff"], ["tariff", "wool"]),
        (["tariffs", "wool"], ["Tariffs", "wool"]),
        (["york", "wool", "new"], ["New York", "wool"]),
        (["york", "wool"], ["York", "wool"]),
        (["new", "wool"], ["wool"]),
        (["zuckerberg"], ["Mark Zuckerberg"]),
        (["mark"], []),
        (["1911", "wool"], ["wool"]),
        (["iran", "iraq"], ["Iran", "Iraq"]),
        (["unknown", "wool"], ["?", "wool"]),
        (["york", "new", "zuckerberg", "mark", "wool", "iran"], ["New York", "Mark Zuckerberg", "wool"]),
        ([], []),
    ],
    ids=lambda words: " ".join(words) or "none",
)  # fmt: skip
def test_one_form_of_a_word_and_phrases_before_single_words(
    shared: list[str], shown: list[str]
) -> None:
    ids = np.zeros((1, 8), np.uint32)
    ids[0, : len(shared)] = [term_id(word) for word in shared]
    items = SHOWN.choose(ids, 3)[0].tolist()
    names = [VOCABULARY.name(item) or "?" for item in items if item]
    assert names == shown


def test_what_tells_nothing_weighs_nothing_but_in_a_phrase() -> None:
    names = ["the", "tariff", "new", "unknown"]
    packed = pack(np.array([term_id(name) for name in names]), np.full(4, 1.0))
    ids, weights = unpack(SHOWN.weigh(np.append(packed, np.uint32(0))[None]))
    assert weights[0].tolist() == [0, 204, 5, 102, 0]
    assert ids[0, 0] == 0 and ids[0, 3] == term_id("unknown")
