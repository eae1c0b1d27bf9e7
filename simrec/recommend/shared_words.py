"""Shared words: of each pair in the lists, the words and phrases that tell what both are about."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import row_blocks
from simrec.lexical.shown_terms import LOOKED_AT, ShownTerms
from simrec.lexical.vocabulary import TermVocabulary, is_mute
from simrec.lexical.words import TERM_IDS
from simrec.recommend.hybrid import ScorerFiles
from simrec.tasks.rows import Parts, map_rows
from simrec.tasks.stages import Stages

WORDS = 3  # of a pair are shown
BLOCK_ROWS = 512

TextsOf = Callable[[list[int]], Iterator[str]]
Items = NDArray[np.uint32]


@dataclass(frozen=True)
class SharedWords:
    """The shared words of every place of the lists, the most telling first.

    items are those of `ShownTerms` that are shared anywhere, ascending; word_numbers the number of
    each in `words`, from 1, 0 for one that is not shown. parts hold items [rows, places, WORDS];
    there are none where the lexical share in the score is 0.
    """

    words: list[str]
    items: Items
    word_numbers: NDArray[np.int32]
    places: int
    parts: Parts | None

    def of(self, start: int, stop: int) -> NDArray[np.int32]:
        """Return numbers of `words` from 1, [stop - start, places, WORDS], 0 for no more."""
        numbers = np.zeros((stop - start, self.places, WORDS), np.int32)
        if self.parts is not None:
            items = self.parts.between("items", start, stop)
            is_item = items > 0
            positions = np.searchsorted(self.items, items[is_item])
            numbers[is_item] = self.word_numbers[positions]
        return numbers


def find_shared_words(
    files: ScorerFiles,
    lists: NDArray[np.int32],
    texts_of: TextsOf,
    stages: Stages,
) -> SharedWords:
    """Return the shared words of all pairs of a row and one of its list.

    lists are rows [rows, places], -1 for none. Words that the vocabulary of the release does not
    know yet are looked up in the texts of rows that share them; texts_of yields the texts of rows.
    """
    places = lists.shape[1]
    if not files.weight:
        nothing = np.empty(0, np.uint32)
        return SharedWords([], nothing, nothing.astype(np.int32), places, None)
    parts = map_rows(stages, "shared-words", find_shared_items, len(lists), lists, files)
    vocabulary = TermVocabulary.open(files.release.vocabulary)
    items = _distinct(parts)
    _learn(vocabulary, items, parts, texts_of)
    words = []
    word_numbers = np.zeros(len(items), np.int32)
    for position, item in enumerate(items.tolist()):
        word = vocabulary.name(item)
        if word and (item >= TERM_IDS or not is_mute(word)):
            words.append(word)
            word_numbers[position] = len(words)
    return SharedWords(words, items, word_numbers, places, parts)


def _distinct(parts: Parts) -> Items:
    """Return all items that are shared anywhere, ascending."""
    distinct = [np.unique(items) for items in parts.blocks("items")]
    items = np.unique(np.concatenate(distinct))
    return items[items > 0]


def find_shared_items(
    rows: slice,
    lists: NDArray[np.int32],
    files: ScorerFiles,
) -> dict[str, Items]:
    """Return what rows share with their lists, [rows, places, WORDS]; see `ShownTerms`.

    An item is 0 where no more is shared that tells something.
    """
    shown_terms = ShownTerms.of(TermVocabulary.open(files.release.vocabulary))
    texts = files.texts()
    blocks = []
    for block in row_blocks(rows.stop, BLOCK_ROWS, rows.start):
        listed = lists[block]
        seeds = np.arange(block.start, block.stop)
        shared = texts.shared_terms(seeds, np.maximum(listed, 0), LOOKED_AT, shown_terms.weigh)
        shared[listed < 0] = 0
        items = shown_terms.choose(shared.reshape(-1, LOOKED_AT), WORDS)
        blocks.append(items.reshape(*listed.shape, WORDS))
    return {"items": np.concatenate(blocks)}


def _learn(
    vocabulary: TermVocabulary,
    items: Items,
    parts: Parts,
    texts_of: TextsOf,
) -> None:
    """Look up the words of items that the vocabulary does not know.

    Each is read from the text of the first row that shares it, so that what a word is called
    depends on the release alone, and not on what was read on other nights.
    """
    missing = np.array([item for item in items.tolist() if _is_unknown(item, vocabulary)])
    for rows in parts:
        if not len(missing):
            return
        part = parts.open("items", rows.start)
        place = np.flatnonzero(np.isin(part, missing))
        shared, first = np.unique(part.ravel()[place], return_index=True)
        row_of_item = rows.start + place[first] // part[0].size
        for row in np.unique(row_of_item).tolist():
            of_row = set(shared[row_of_item == row].tolist())
            for text in texts_of([row]):
                vocabulary.learn(text, of_row)
        missing = np.setdiff1d(missing, shared)


def _is_unknown(item: int, vocabulary: TermVocabulary) -> bool:
    return item < TERM_IDS and item not in vocabulary
