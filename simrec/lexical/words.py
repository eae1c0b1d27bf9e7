"""Cut a text into words, and give each word an id."""

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache

TERM_IDS = 1 << 24  # ids are below this (feature hashing, Weinberger et al. 2009)
MAX_CHARS = 20_000  # of a text that are read
# The first alternative holds scripts that do not part words by spaces; Korean does.
WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+|[^\W_]{2,}")
FIRST_WITHOUT_SPACES = "\u0e00"
HANGUL = ("\uac00", "\ud7ff")


def words(text: str) -> Iterator[str]:
    """Yield the words of a text in lower case.

    Of scripts without spaces these are the characters and the pairs of neighbouring characters.
    """
    for run in WORD.findall(text[:MAX_CHARS].lower()):
        is_korean = HANGUL[0] <= run[0] <= HANGUL[1]
        if run[0] < FIRST_WITHOUT_SPACES or is_korean:
            yield run
        else:
            yield from run
            yield from (run[start : start + 2] for start in range(len(run) - 1))


@lru_cache(maxsize=1 << 18)
def term_id(word: str) -> int:
    """Return the id of a word, its hash below TERM_IDS; two words may share one."""
    return zlib.crc32(word.encode()) & (TERM_IDS - 1)
