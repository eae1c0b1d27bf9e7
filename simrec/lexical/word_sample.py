"""A sample of texts as numbers of words, from which is learned what is worth showing."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec.lexical.words import lower, runs

SAMPLED_TEXTS = 10_000
SAMPLED_CHARS = 2_000  # of a text
BREAK = -1  # stands between words that do not stand side by side
CASES = LOWER, TITLE, UPPER = 0, 1, 2  # how a word is written

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class WordSample:
    """The words of some texts.

    tokens are numbers of `words` in the order of the texts, BREAK between runs; texts are the text
    of each token, cases how each is written.
    """

    words: list[str]
    tokens: Numbers
    texts: Numbers
    cases: Numbers
    n_texts: int

    @classmethod
    def of(cls, texts: Iterable[str]) -> "WordSample":
        """Cut texts into words; of each only the first SAMPLED_CHARS count."""
        numbers: dict[str, int] = {}
        tokens: list[int] = []
        cases: list[int] = []
        ends: list[int] = []
        for text in texts:
            for run in runs(text[:SAMPLED_CHARS]):
                for word in run:
                    tokens.append(numbers.setdefault(lower(word), len(numbers)))
                    cases.append(case_of(word))
                tokens.append(BREAK)
                cases.append(LOWER)
            ends.append(len(tokens))
        lengths = np.diff(ends, prepend=0)
        text_of_token = np.repeat(np.arange(len(ends)), lengths)
        return cls(
            list(numbers),
            np.array(tokens, np.int64),
            text_of_token,
            np.array(cases, np.int64),
            len(ends),
        )

    def occurrences(self) -> Numbers:
        """Return how often each word occurs, [words]."""
        is_word = self.tokens != BREAK
        counts: Numbers = np.bincount(self.tokens[is_word], minlength=len(self.words))
        return counts

    def incidence(self) -> sparse.csc_matrix:
        """Return which texts have which words, 1 or 0, [texts, words]."""
        is_word = self.tokens != BREAK
        return incidence(self.texts[is_word], self.tokens[is_word], (self.n_texts, len(self.words)))


def incidence(texts: Numbers, columns: Numbers, shape: tuple[int, int]) -> sparse.csc_matrix:
    """Return a matrix that is 1 where a text has a column, however often."""
    distinct = ascending(columns * shape[0] + texts)
    entries = (np.ones(len(distinct), np.float32), (distinct % shape[0], distinct // shape[0]))
    return sparse.csc_matrix(entries, shape)


def ascending(numbers: Numbers) -> Numbers:
    """Return distinct numbers in order; `numpy.unique` hashes, which takes ten times as long."""
    in_order = np.sort(numbers)
    is_first = np.ones(len(in_order), bool)
    is_first[1:] = in_order[1:] != in_order[:-1]
    return in_order[is_first]


def case_of(word: str) -> int:
    """Tell how a word is written."""
    if word.islower():
        return LOWER
    if word.isupper():
        return UPPER
    return TITLE if word[:1].isupper() else LOWER


def with_case(word: str, case: int) -> str:
    """Write a word as `case_of` told."""
    if case == UPPER:
        return word.upper()
    return word[:1].upper() + word[1:] if case == TITLE else word
