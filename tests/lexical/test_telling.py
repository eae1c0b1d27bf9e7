"""Which words tell something: those whose texts are more alike than by chance."""

import numpy as np
import pytest
from scipy import sparse

from simrec.lexical.telling import (
    language_groups,
    least_likeness,
    likeness,
    telling_weights,
)
from simrec.lexical.vocabulary import UNJUDGED_WEIGHT

RNG = np.random.default_rng(7)


def test_likeness_is_the_mean_cosine_of_all_pairs_that_have_a_word() -> None:
    vectors = RNG.normal(size=(40, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    has_word = RNG.random((40, 5)) < [0.2, 0.5, 1.0, 0.2, 0.9]
    alike = likeness(sparse.csc_matrix(has_word.astype(np.float32)), vectors)
    groups = language_groups(sparse.csc_matrix(has_word.astype(np.float32)))
    assert set(groups) == {1}, "all texts have the third word"
    centred = vectors - vectors.mean(axis=0)
    mean_square = (centred**2).sum(axis=1).mean()
    for word in range(5):
        texts = np.flatnonzero(has_word[:, word])
        products = [centred[a] @ centred[b] for a in texts for b in texts if a != b]
        expected = np.mean(products) / mean_square * len(texts) / (len(texts) + 2)
        assert alike[word] == pytest.approx(expected, abs=1e-5)


def test_function_words_of_each_language_tell_nothing_and_subjects_do() -> None:
    """Two languages of two subjects each; texts of one language are alike, for they are so."""
    subject = np.arange(200) % 2
    language = np.arange(200) // 100
    vectors = RNG.normal(scale=0.1, size=(200, 8)).astype(np.float32)
    vectors[np.arange(200), subject] += 1
    vectors[np.arange(200), 2 + language] += 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    half = RNG.random(200) < 0.5
    columns = {
        "the": language == 0,
        "of": (language == 0) & half,
        "der": language == 1,
        "und": (language == 1) & half,
        "wool": (language == 0) & (subject == 1) & half,
        "Zoll": (language == 1) & (subject == 0) & half,
        "once": np.arange(200) == 3,
    }
    incidence = sparse.csc_matrix(np.stack(list(columns.values()), axis=1).astype(np.float32))
    texts = np.diff(incidence.indptr).astype(np.int64)
    least = least_likeness(texts, 2 * texts, 200)
    weights = telling_weights(likeness(incidence, vectors), least, texts)
    said = dict(zip(columns, weights.tolist(), strict=True))
    assert {said[word] for word in ("the", "of", "der", "und")} == {0}
    assert min(said["wool"], said["Zoll"]) > 0.5
    assert said["once"] == UNJUDGED_WEIGHT


def test_an_even_word_has_to_gather_more_than_one_that_comes_in_bursts() -> None:
    texts = np.array([100, 100, 1])
    even = int(-np.log(0.9) * 1_000)
    least = least_likeness(texts, np.array([even, 400, 1]), 1_000)
    assert least.tolist() == pytest.approx([0.05 + 2 * 0.09, 0.05 + 2 * 0.03, 0.05], abs=2e-3)
