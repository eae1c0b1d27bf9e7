"""The vocabulary: which word stands behind a number, to be shown."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from simrec import files
from simrec.errors import ReleaseError
from simrec.lexical.tfidf import term_id, words

MOST_WORDS = 2_000_000  # that are counted at once


class TermCounter:
    """Counts words while texts go by; of more than MOST_WORDS the rarest are let go (Manku & Motwani 2002)."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._let_go = 0

    def see(self, found: set[str]) -> None:
        """Count the words of a text once each."""
        self._counts.update(found)
        if len(self._counts) > MOST_WORDS:
            self._let_go += 1
            self._counts = Counter(
                {word: n for word, n in self._counts.items() if n > self._let_go}
            )

    def vocabulary(self) -> "TermVocabulary":
        """Return the words that more than one text has: others are shared by nobody."""
        return TermVocabulary(word for word, count in self._counts.items() if count > 1)


class TermVocabulary:
    """Words by their numbers; of several with one number, the first in order of the alphabet."""

    def __init__(self, known: Iterable[str]) -> None:
        self._words = {term_id(word): word for word in sorted(known, reverse=True)}

    @classmethod
    def open(cls, path: Path) -> "TermVocabulary":
        """Open a saved one; an empty one where there is no file, ReleaseError if it is damaged."""
        try:
            return cls(files.unseal(path.read_bytes())["words"] if path.exists() else ())
        except (ValueError, KeyError) as error:
            raise ReleaseError(
                f"{path}: damaged ({error}); remove it and its .npz, simrec embed makes them anew"
            ) from error

    def save(self, path: Path) -> None:
        """Write the words, in order."""
        files.write_json(path, files.seal({"words": sorted(self._words.values())}))

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, one: int) -> bool:
        return one in self._words

    def get(self, one: int) -> str:
        """Return the word of a number, empty if it is unknown."""
        return self._words.get(one, "")

    def learn(self, text: str, wanted: set[int]) -> None:
        """Learn the words of a text whose numbers are wanted, and want these no more."""
        for word in sorted(set(words(text))):
            if term_id(word) in wanted:
                self._words[term_id(word)] = word
                wanted.discard(term_id(word))
