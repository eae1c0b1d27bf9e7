"""Reasons: the words that two articles share and few others have."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from simrec.encoder.vocabulary import Vocabulary
from simrec.recommend.joint import Joint

WORDS = 3  # of a pair are shown
BLOCK = 512


@dataclass(frozen=True)
class Reasons:
    """The words of every place of the lists: places of `words`, int32 [rows, most, WORDS] from 1, heaviest first.

    0 where there are no more.
    """

    words: list[str]
    places: np.ndarray


def reasons(
    joint: Joint, listed: np.ndarray, vocabulary: Vocabulary, texts: Callable[[list[int]], Iterator[str]]
) -> Reasons:
    """Return the shared words of all pairs (row, one of its list), listed being int [rows, most], -1 for nobody.

    A word that the vocabulary does not know yet is learned from the texts of rows that share it.
    """
    if joint.terms is None or joint.stored is None:
        return Reasons([], np.zeros((*listed.shape, WORDS), np.int32))
    numbers = np.zeros((*listed.shape, WORDS), np.uint32)
    for start in range(0, len(listed), BLOCK):
        rows = listed[start : start + BLOCK]
        numbers[start : start + BLOCK] = joint.terms.shared(
            joint.stored[start : start + BLOCK], np.maximum(rows, 0), WORDS
        )
    numbers[listed < 0] = 0
    known = np.unique(numbers[numbers > 0])
    _learn(vocabulary, numbers, {one for one in known.tolist() if one not in vocabulary}, texts)
    names = [vocabulary.get(one) for one in known.tolist()]
    named = np.array([name != "" for name in names], bool)
    places = np.zeros(numbers.shape, np.int32)
    places[numbers > 0] = np.where(named, named.cumsum(), 0)[np.searchsorted(known, numbers[numbers > 0])]
    return Reasons([name for name in names if name], places)


def _learn(
    vocabulary: Vocabulary, numbers: np.ndarray, unknown: set[int], texts: Callable[[list[int]], Iterator[str]]
) -> None:
    """Read texts that have unknown words until all are known."""
    wanted = np.isin(numbers, np.array(sorted(unknown), np.uint32)).any(axis=(1, 2)) if unknown else np.zeros(0, bool)
    for text in texts(np.flatnonzero(wanted).tolist()):
        vocabulary.learn(text, unknown)
        if not unknown:
            break
