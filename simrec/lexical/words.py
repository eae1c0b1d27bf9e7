"""Cut a text into words, and give each word an id."""

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from simrec.lexical.characters import MARKS, WITHOUT_SPACES, fold, fold_letters, is_plain

TERM_IDS = 1 << 24  # ids are below this (feature hashing, Weinberger et al. 2009)
MAX_CHARS = 20_000  # of a text that are read
_LETTER = rf"[^\W_{WITHOUT_SPACES}]"
# A run of a script without spaces, or a word of at least two letters, each with its marks.
WORD = re.compile(
    rf"([{WITHOUT_SPACES}]+)|({_LETTER}[{MARKS}]*{_LETTER}+(?:[{MARKS}]+{_LETTER}*)*)"
)
PLAIN_WORD = re.compile(r"[^\W_]{2,}")
# What parts a phrase from the next: signs but hyphens, the end of a line, the English genitive.
PHRASE_END = re.compile(r"[^\w\s\-\u2010\u2011'\u2019" + MARKS + r"]+|\n+|['\u2019]s\b|['\u2019]")
UNSPACED = re.compile(f"[{WITHOUT_SPACES}]")
MARKED = re.compile(rf".[{MARKS}]*")


def words(text: str) -> Iterator[str]:
    """Yield the words of a text in lower case.

    Of scripts without spaces these are the characters, each with its marks, and the pairs of
    neighbouring characters.
    """
    text = fold(text[:MAX_CHARS])
    if is_plain(text):
        yield from PLAIN_WORD.findall(text)
        return
    for run, word in WORD.findall(text):
        if word:
            yield word
        else:
            characters = MARKED.findall(run)
            yield from characters
            for start in range(len(characters) - 1):
                yield characters[start] + characters[start + 1]


def written_words(text: str) -> list[str]:
    """Return the words of a text as they are written, of scripts that part words by spaces."""
    text = fold_letters(text[:MAX_CHARS])
    if is_plain(text):
        return PLAIN_WORD.findall(text)
    return [word for _, word in WORD.findall(text) if word]


def runs(text: str) -> Iterator[list[str]]:
    """Yield words as they are written that stand side by side, with no sign between them.

    Of scripts without spaces these are the characters of a run, and then its pairs.
    """
    for passage in PHRASE_END.split(fold_letters(text)):
        if is_plain(passage):
            yield PLAIN_WORD.findall(passage)
            continue
        together: list[str] = []
        for run, word in WORD.findall(passage):
            if word:
                together.append(word)
                continue
            yield together
            together = []
            characters = MARKED.findall(run)
            yield characters
            yield [left + right for left, right in pairwise(characters)]
        yield together


def lower(word: str) -> str:
    """Return a written word as words are compared."""
    return word.lower() if word.isascii() else fold(word)


def without_spaces(word: str) -> int:
    """Return how many characters a word of a script without spaces has, 0 of other words."""
    return len(MARKED.findall(word)) if UNSPACED.match(word) else 0


@lru_cache(maxsize=1 << 18)
def term_id(word: str) -> int:
    """Return the id of a word, its hash below TERM_IDS; two words may share one."""
    return zlib.crc32(word.encode()) & (TERM_IDS - 1)
