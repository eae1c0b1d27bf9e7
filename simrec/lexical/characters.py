"""Characters as words see them: which belong to words, which do not count, which are the same."""

import re
import unicodedata

# Scripts that do not part words by spaces, as ranges of a character class: Thai, Lao, Burmese,
# Khmer, Tai scripts, Balinese, Javanese, kana, Han. Punctuation of Burmese and Khmer is not in it.
WITHOUT_SPACES = (
    r"\u0e00-\u0eff\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17d7\u17dc-\u17f9\u1950-\u19ff"
    r"\u1a20-\u1aad\u1b00-\u1b59\ua980-\ua9c0\ua9cf-\ua9d9\ua9e0-\ua9fe\uaa60-\uaa7f"
    r"\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
)
# Nobody sees these in a word.
INVISIBLE = (
    range(0x00AD, 0x00AE),  # soft hyphen
    range(0x034F, 0x0350),  # grapheme joiner
    range(0x0640, 0x0641),  # tatweel, which makes an Arabic word longer
    range(0x061C, 0x061D),  # Arabic letter mark
    range(0x115F, 0x1161),  # fillers of Korean
    range(0x17B4, 0x17B6),  # inherent vowels of Khmer
    range(0x180B, 0x1810),  # selectors of Mongolian variants
    range(0x200B, 0x2010),  # zero-width space, joiners, marks of direction
    range(0x202A, 0x202F),  # embeddings of direction
    range(0x2060, 0x2070),  # word joiner, invisible operators
    range(0xFE00, 0xFE10),  # selectors of variants
    range(0xFEFF, 0xFF00),  # zero-width no-break space, the byte order mark
    range(0xE0100, 0xE01F0),  # selectors of Han variants
)
# Compatibility forms of letters and digits that are folded: ligatures, full and half width,
# mathematical letters, Arabic by position. Others say something: 1½ is not 11/2, Nike™ no NikeTM.
SAME_LETTERS = {
    "<compat>", "<wide>", "<narrow>", "<font>", "<initial>", "<medial>", "<final>", "<isolated>",
}  # fmt: skip
LETTERS = {"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl"}
COMPATIBILITY_BLOCKS = (
    range(0x100, 0xE00),
    range(0x1D00, 0x2200),
    range(0xFB00, 0xFFEF),
    range(0x1D400, 0x1D800),
    range(0x1EE00, 0x1EF00),
)
VOICING = {"\uff9e": "\u3099", "\uff9f": "\u309a"}  # of half width, joins the kana before it
MARKED_BLOCKS = (
    range(0x300, 0x1D00),
    range(0x1DC0, 0x2100),
    range(0x2C00, 0x3100),
    range(0xA600, 0xAC00),
    range(0xFB1E, 0xFB1F),
    range(0xFE20, 0xFE30),
    range(0x10000, 0x12000),
    range(0x16A00, 0x17000),
    range(0x1E000, 0x1F000),
)


def _marks() -> str:
    """Return the combining marks of all scripts, as ranges of a character class."""
    ranges: list[list[int]] = []
    for block in MARKED_BLOCKS:
        for code in block:
            if unicodedata.category(chr(code)) not in ("Mn", "Mc"):
                continue
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def _folding() -> dict[str, str]:
    """Return what becomes of each character that is folded; "" of those that do not count."""
    folding = dict(VOICING)
    for block in INVISIBLE:
        folding.update(dict.fromkeys(map(chr, block), ""))
    for block in COMPATIBILITY_BLOCKS:
        for character in map(chr, block):
            tag = unicodedata.decomposition(character).partition(" ")[0]
            if tag in SAME_LETTERS and unicodedata.category(character) in LETTERS:
                same = unicodedata.normalize("NFKC", character)
                folding[character] = "".join(folding.get(letter, letter) for letter in same)
    return folding


MARKS = _marks()
_FOLDING = _folding()
# Two patterns, since a class is slow that has characters of several planes.
_FOLDED = re.compile(f"[{''.join(c for c in _FOLDING if len(c.encode()) < 4)}]")
_BEYOND_FIRST_PLANE = re.compile("[\U00010000-\U0010ffff]")
# Most texts have none of these, and take a quarter of the time.
_BEYOND_PLAIN = re.compile(
    r"[^\x00-\xac\xae-\u012f\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0180-\u01c3"
    r"\u01cd-\u01f0\u01f4-\u024f\u0391-\u03a9\u03ac-\u03ce\u0400-\u0482\u048a-\u052f"
    r"\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2122\u2190-\u21ff\u2500-\u27bf]"
)


def is_plain(text: str) -> bool:
    """Tell whether a text has only letters of Europe and signs: nothing to fold, no marks."""
    return text.isascii() or not _BEYOND_PLAIN.search(text)


def fold(text: str) -> str:
    """Return a text as words see it: lower case, NFC, compatibility forms of letters folded.

    Characters that nobody sees are gone: soft hyphens, zero-width characters and the like.
    """
    if is_plain(text):
        return text.lower()
    text = _fold_letters(text)
    # The lower case of the Turkish capital I with a dot has a dot of its own.
    lower = text.lower().replace("i\u0307", "i")
    return unicodedata.normalize("NFC", lower)


def fold_letters(text: str) -> str:
    """Return a text as `fold` does, with capitals as they are written."""
    if is_plain(text):
        return text
    return unicodedata.normalize("NFC", _fold_letters(text))


def _fold_letters(text: str) -> str:
    text = _FOLDED.sub(_fold_character, text)
    return _BEYOND_FIRST_PLANE.sub(_fold_character, text)


def _fold_character(match: re.Match[str]) -> str:
    return _FOLDING.get(match[0], match[0])
