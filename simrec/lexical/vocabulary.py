"""The vocabulary: the word behind each term id, and what is worth showing to a person."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from simrec import files
from simrec.errors import ReleaseError
from simrec.lexical.characters import is_plain
from simrec.lexical.words import TERM_IDS, lower, term_id, without_spaces, words, written_words

MAX_WORDS = 2_000_000  # that are counted at once
SHORT = 2  # letters: a shorter word tells something only if it is written in capitals (US, AI)
UNJUDGED_WEIGHT = 0.4  # of a word too rare to be judged
PHRASE_WORDS = 4  # of a phrase at most
FORMAT = 2  # of the file; 1 had no weights and no phrases


class KnownPhrase(NamedTuple):
    """A phrase as it is shown, its words, and those that stand for it where they stand alone.

    "Zuckerberg" stands for "Mark Zuckerberg" if nearly all texts with the one have the other.
    """

    text: str
    words: list[str]
    stand_for_it: list[str]
    weight: float


class TermCounter:
    """Counts the texts that have each word, as it is written, in one pass.

    Beyond `max_words` words, the rarest are dropped (lossy counting, Manku & Motwani 2002).
    """

    def __init__(self, max_words: int = MAX_WORDS) -> None:
        self._max_words = max_words
        self._counts: Counter[str] = Counter()
        self._times_pruned = 0

    def add_text(self, text: str) -> None:
        """Count the words of one text once each, with their capitals."""
        distinct = set(written_words(text))
        if not is_plain(text):
            distinct.update(word for word in words(text) if without_spaces(word))
        self.add(distinct)

    def add(self, distinct_words: set[str]) -> None:
        """Count the words of one text once each."""
        self._counts.update(distinct_words)
        if len(self._counts) > self._max_words:
            self._times_pruned += 1
            for word, count in list(self._counts.items()):
                if count <= self._times_pruned:
                    del self._counts[word]

    def most_written(self) -> list[str]:
        """Return words as they are written most, the most frequent first, ties in order.

        Those that one text alone has are left out, since no pair of texts shares them.
        """
        counts: Counter[str] = Counter()
        forms: dict[str, tuple[int, str]] = {}
        for form, count in self._counts.items():
            word = lower(form)
            counts[word] += count
            # Of forms that are as frequent, that in lower case, which sorts last.
            forms[word] = max(forms.get(word, (0, "")), (count, form))
        frequent = [(-count, word) for word, count in counts.items() if count > 1]
        return [forms[word][1] for _, word in sorted(frequent)]

    def vocabulary(self) -> "TermVocabulary":
        """Return the words that more than one text has, of which nothing else is known."""
        return TermVocabulary(self.most_written())


@dataclass
class TermVocabulary:
    """Words as they are written, the most frequent first; of those with one id, the first in order.

    weights say what a word tells, 0 to 1, of words in lower case; 0 is not shown alone, and a word
    that is not there could not be judged.
    """

    written: Iterable[str]
    weights: Mapping[str, float] = field(default_factory=dict)
    phrases: list[KnownPhrase] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.written = list(self.written)
        in_order = sorted(self.written, key=lower, reverse=True)
        self._words = {term_id(lower(word)): word for word in in_order}

    @classmethod
    def open(cls, path: Path) -> "TermVocabulary":
        """Open a saved one; empty where there is no file, ReleaseError if it is damaged."""
        if not path.exists():
            return cls(())
        try:
            content = files.unseal(path.read_bytes())
            phrases = [KnownPhrase(*phrase) for phrase in content.get("phrases", ())]
            return cls(content["words"], content.get("weights", {}), phrases)
        except (ValueError, KeyError, TypeError) as error:
            raise ReleaseError(
                f"{path}: damaged ({error}); remove it and its .npz, simrec embed makes them anew"
            ) from error

    @staticmethod
    def is_current(path: Path) -> bool:
        """Return whether a file of this format exists; ReleaseError if it is damaged."""
        if not path.exists():
            return False
        try:
            return files.unseal(path.read_bytes()).get("format") == FORMAT
        except ValueError:
            return False

    def save(self, path: Path) -> None:
        """Write one file, whole or not at all."""
        content = {
            "format": FORMAT,
            "words": self.written,
            "weights": dict(sorted(self.weights.items())),
            "phrases": self.phrases,
        }
        files.write_json(path, files.seal(content))

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, term: int) -> bool:
        return term in self._words

    def get(self, term: int) -> str:
        """Return the word of a term id as it is written most, empty if it is unknown."""
        return self._words.get(term, "")

    def name(self, item: int) -> str:
        """Return the phrase or word of a shown item; empty if it is unknown."""
        return self.phrases[item - TERM_IDS].text if item >= TERM_IDS else self.get(item)

    def weight(self, form: str) -> float:
        """Return what a written word tells, 0 if it is not to be shown alone."""
        if is_mute(form):
            return 0.0
        return self.weights.get(lower(form), UNJUDGED_WEIGHT)

    def learn(self, text: str, missing: set[int]) -> None:
        """Add the words of a text whose ids are missing, and remove these ids from `missing`."""
        found = words_by_id(text, missing)
        self._words.update(found)
        missing.difference_update(found)


def words_by_id(text: str, terms: Container[int]) -> dict[int, str]:
    """Return words of a text as they are written in it, by those of their ids that are asked for.

    Of words with one id, the first in order stands for it.
    """
    forms = {lower(form): form for form in sorted(set(written_words(text)))}
    found: dict[int, str] = {}
    for word in sorted(set(words(text))):
        term = term_id(word)
        if term in terms:
            found.setdefault(term, forms.get(word, word))
    return found


def is_mute(form: str) -> bool:
    """Tell whether a written word says nothing by itself: digits, one character, two small ones."""
    if form.isdigit() or without_spaces(form) == 1:
        return True
    has_cases = form.upper() != form.lower()
    return has_cases and len(form) <= SHORT and not form.isupper()
