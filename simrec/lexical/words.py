"""Cut a text into words, and give each word an id."""

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache

from simrec.lexical.characters import MARKS, WITHOUT_SPACES, fold, is_plain

TERM_IDS = 1 << 24  # ids are below this (feature hashing, Weinberger et al. 2009)
MAX_CHARS = 20_000  # of a text that are read
_LETTER = rf"[^\W_{WITHOUT_SPACES}]"
# A run of a script without spaces, or a word of at least two letters, each with its marks.
WORD = re.compile(
    rf"([{WITHOUT_SPACES}]+)|({_LETTER}[{MARKS}]*{_LETTER}+(?:[{MARKS}]+{_LETTER}*)*)"
)
PLAIN_WORD = re.compile(r"[^\W_]{2,}")
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


@lru_cache(maxsize=1 << 18)
def term_id(word: str) -> int:
    """Return the id of a word, its hash below TERM_IDS; two words may share one."""
    return zlib.crc32(word.encode()) & (TERM_IDS - 1)
