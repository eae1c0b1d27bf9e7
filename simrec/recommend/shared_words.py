"""Shared words: of each pair in the lists, the words that both articles have and few others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import row_blocks
from simrec.lexical.vocabulary import TermVocabulary
from simrec.recommend.hybrid import ScorerFiles
from simrec.tasks.rows import Parts, map_rows
from simrec.tasks.stages import Stages

WORDS = 3  # of a pair are shown
BLOCK_ROWS = 512

TextsOf = Callable[[list[int]], Iterator[str]]


@dataclass(frozen=True)
class SharedWords:
    """The shared words of every place of the lists, heaviest first.

    term_ids are those of all shared words, ascending; word_numbers the number of each in `words`,
    from 1, 0 for one whose word is unknown. parts hold term ids [rows, places, WORDS]; there are
    none where the lexical share in the score is 0.
    """

    words: list[str]
    term_ids: NDArray[np.uint32]
    word_numbers: NDArray[np.int32]
    places: int
    parts: Parts | None

    def of(self, start: int, stop: int) -> NDArray[np.int32]:
        """Return numbers of `words` from 1, [stop - start, places, WORDS], 0 for no more."""
        numbers = np.zeros((stop - start, self.places, WORDS), np.int32)
        if self.parts is not None:
            term_ids = self.parts.between("term_ids", start, stop)
            is_term = term_ids > 0
            positions = np.searchsorted(self.term_ids, term_ids[is_term])
            numbers[is_term] = self.word_numbers[positions]
        return numbers


def find_shared_words(
    files: ScorerFiles,
    lists: NDArray[np.int32],
    vocabulary: TermVocabulary,
    texts_of: TextsOf,
    stages: Stages,
) -> SharedWords:
    """Return the shared words of all pairs of a row and one of its list.

    lists are rows [rows, places], -1 for none. The vocabulary learns words that it does not know
    yet from the texts of rows that share them; texts_of yields the texts of rows.
    """
    places = lists.shape[1]
    if not files.weight:
        nothing = np.empty(0, np.uint32)
        return SharedWords([], nothing, nothing.astype(np.int32), places, None)
    parts = map_rows(stages, "shared-words", find_shared_terms, len(lists), lists, files)
    term_ids = _distinct_terms(parts)
    missing = {term for term in term_ids.tolist() if term not in vocabulary}
    _learn(vocabulary, missing, parts, texts_of)
    words = []
    word_numbers = np.zeros(len(term_ids), np.int32)
    for position, term in enumerate(term_ids.tolist()):
        if term in vocabulary:
            words.append(vocabulary.get(term))
            word_numbers[position] = len(words)
    return SharedWords(words, term_ids, word_numbers, places, parts)


def _distinct_terms(parts: Parts) -> NDArray[np.uint32]:
    """Return the ids of all shared terms, ascending."""
    distinct = [np.unique(term_ids) for term_ids in parts.blocks("term_ids")]
    term_ids = np.unique(np.concatenate(distinct))
    return term_ids[term_ids > 0]


def find_shared_terms(
    rows: slice, lists: NDArray[np.int32], files: ScorerFiles
) -> dict[str, NDArray[np.uint32]]:
    """Return the ids of the terms that rows share with their lists, [rows, places, WORDS].

    An id is 0 where no more terms are shared.
    """
    term_ids = []
    for block in row_blocks(rows.stop, BLOCK_ROWS, rows.start):
        listed = lists[block]
        seeds = np.arange(block.start, block.stop)
        scorer = files.open()
        shared = scorer.shared_terms(seeds, np.maximum(listed, 0), WORDS)
        shared[listed < 0] = 0
        term_ids.append(shared)
    return {"term_ids": np.concatenate(term_ids)}


def _learn(vocabulary: TermVocabulary, missing: set[int], parts: Parts, texts_of: TextsOf) -> None:
    """Read texts of rows that share missing terms until the words of all are known."""
    for rows in parts:
        if not missing:
            return
        term_ids = parts.open("term_ids", rows.start)
        shares_missing = np.isin(term_ids, sorted(missing)).any(axis=(1, 2))
        sharing_rows = rows.start + np.flatnonzero(shares_missing)
        for text in texts_of(sharing_rows.tolist()):
            vocabulary.learn(text, missing)
            if not missing:
                return
