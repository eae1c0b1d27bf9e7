"""The vocabulary: the word behind each term id, to show it to a person."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from simrec import files
from simrec.errors import ReleaseError
from simrec.lexical.words import term_id, words

MAX_WORDS = 2_000_000  # that are counted at once


class TermCounter:
    """Counts the texts that have each word, in one pass.

    Beyond `max_words` words, the rarest are dropped (lossy counting, Manku & Motwani 2002).
    """

    def __init__(self, max_words: int = MAX_WORDS) -> None:
        self._max_words = max_words
        self._counts: Counter[str] = Counter()
        self._times_pruned = 0

    def add(self, distinct_words: set[str]) -> None:
        """Count the words of one text once each."""
        self._counts.update(distinct_words)
        if len(self._counts) > self._max_words:
            self._times_pruned += 1
            for word, count in list(self._counts.items()):
                if count <= self._times_pruned:
                    del self._counts[word]

    def vocabulary(self) -> "TermVocabulary":
        """Return the words that more than one text has; no pair of texts shares the others."""
        return TermVocabulary(word for word, count in self._counts.items() if count > 1)


class TermVocabulary:
    """Words by their term ids; of words with one id, the first in alphabetical order."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._words = {term_id(word): word for word in sorted(vocabulary, reverse=True)}

    @classmethod
    def open(cls, path: Path) -> "TermVocabulary":
        """Open a saved one; empty where there is no file, ReleaseError if it is damaged."""
        if not path.exists():
            return cls(())
        try:
            return cls(files.unseal(path.read_bytes())["words"])
        except (ValueError, KeyError) as error:
            raise ReleaseError(
                f"{path}: damaged ({error}); remove it and its .npz, simrec embed makes them anew"
            ) from error

    def save(self, path: Path) -> None:
        """Write the words in alphabetical order."""
        words_in_order = sorted(self._words.values())
        files.write_json(path, files.seal({"words": words_in_order}))

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, term: int) -> bool:
        return term in self._words

    def get(self, term: int) -> str:
        """Return the word of a term id, empty if it is unknown."""
        return self._words.get(term, "")

    def learn(self, text: str, missing: set[int]) -> None:
        """Add the words of a text whose ids are missing, and remove these ids from `missing`."""
        for word in sorted(set(words(text))):
            term = term_id(word)
            if term in missing:
                self._words[term] = word
                missing.discard(term)
