"""Fits the vocabulary: of the words of a corpus, which tell something, and which are phrases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec.lexical.phrases import Phrase, find_phrases, pairs_by_chance, written
from simrec.lexical.telling import (
    COMMON_ALIKE,
    COMMON_SHARE,
    least_likeness,
    likeness,
    telling_weights,
)
from simrec.lexical.vocabulary import KnownPhrase, TermVocabulary
from simrec.lexical.word_sample import LOWER, WordSample

SIDE_BY_SIDE = 0.8  # share of the texts with all its words in which a phrase stands
STANDS_FOR = 0.8  # share of the texts with a word that have the phrase, which the word stands for


def fit_vocabulary(
    written_words: Sequence[str], texts: Iterable[str], vectors: NDArray[np.float32]
) -> TermVocabulary:
    """Return the vocabulary of words as they are written, judged by a sample of texts.

    vectors are those of the sampled texts [texts, dim], of length one.
    """
    sample = WordSample.of(texts)
    phrases, of_phrases = find_phrases(sample)
    judged = Judged.of(sample, of_phrases, vectors)
    n_words = len(sample.words)
    weights = dict(zip(sample.words, judged.weights[:n_words].tolist(), strict=True))
    weights.update(dict.fromkeys(pairs_by_chance(sample), 0.0))
    known = [
        _known_phrase(sample, phrase, judged, n_words + number)
        for number, phrase in enumerate(phrases)
        if judged.is_worth_showing(phrase, n_words + number)
    ]
    return TermVocabulary(written_words, weights, known)


@dataclass(frozen=True)
class Judged:
    """The words of a sample, then its phrases: the texts that have them, and what they tell.

    incidence is 1 where a text has a word, [texts, words and phrases].
    """

    incidence: sparse.csc_matrix
    weights: NDArray[np.float64]
    are_common: NDArray[np.bool_]

    @classmethod
    def of(
        cls, sample: WordSample, of_phrases: sparse.csc_matrix, vectors: NDArray[np.float32]
    ) -> Self:
        """Judge words and phrases by the vectors of their texts."""
        incidence = sparse.hstack([sample.incidence(), of_phrases], "csc")
        alike = likeness(incidence, vectors)
        texts = np.diff(incidence.indptr).astype(np.int64)
        # Phrases count as coming in bursts.
        occurrences = np.append(sample.occurrences(), 3 * texts[len(sample.words) :])
        least = least_likeness(texts, occurrences, sample.n_texts)
        weights = telling_weights(alike, least, texts)
        is_frequent = texts > COMMON_SHARE * sample.n_texts
        return cls(incidence, weights, is_frequent & (alike < COMMON_ALIKE * least))

    def texts(self, number: int) -> NDArray[np.int32]:
        """Return the texts that have a word or phrase, ascending."""
        begin, end = self.incidence.indptr[number : number + 2]
        texts: NDArray[np.int32] = np.sort(self.incidence.indices[begin:end])
        return texts

    def is_worth_showing(self, phrase: Phrase, number: int) -> bool:
        """Tell whether a phrase tells something, and stands where texts have all its words."""
        is_name = LOWER not in phrase.cases
        if not is_name and self.are_common[list(phrase.words)].any():
            return False
        with_all = self.texts(phrase.words[0])
        for word in phrase.words[1:]:
            with_all = np.intersect1d(with_all, self.texts(word), assume_unique=True)
        is_side_by_side = len(self.texts(number)) >= SIDE_BY_SIDE * len(with_all)
        return is_side_by_side and bool(self.weights[number])


def _known_phrase(sample: WordSample, phrase: Phrase, judged: Judged, number: int) -> KnownPhrase:
    words = [sample.words[word] for word in phrase.words]
    n_texts = len(judged.texts(number))
    stand_for_it = []
    for word, name in zip(phrase.words, words, strict=True):
        if n_texts >= STANDS_FOR * len(judged.texts(word)):
            stand_for_it.append(name)
    weight = float(judged.weights[number])
    return KnownPhrase(written(phrase, sample.words), words, stand_for_it, weight)
