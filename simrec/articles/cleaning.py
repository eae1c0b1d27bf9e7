"""Cleaning: texts, titles and names take one form, or an error says why they cannot."""

import re
import unicodedata

from simrec.articles.html_text import check_characters, unescape

# To be raised with a change here, in bodies.py or html_text.py: every row is then cleaned again.
VERSION = 4
# Control characters, and those that only say where a word may or may not be broken. U+001C to
# U+001F separate fields and records, so that they are blanks.
UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x9f\xad\u2060\ufeff\ufffe]+")
LINE_BREAK = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
BLANKS = re.compile(r" [^\S\n]+|[^\S\n ][^\S\n]*")  # a single space is left as it is: most are
BLANK_LINES = re.compile(r" ?\n ?(?:\n ?)+")
MOST_MARKS = 30  # upon a letter, in any language
# The blocks that hold combining marks, with letters between them.
MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u1dff\u20d0-\u20ff\u2cef-\u2dff\u302a-\u302f\u3099\u309a"
    f"\ua66f-\uabed\ufb1e\ufe20-\ufe2f\U000101fd-\U0001e94a]{{{MOST_MARKS + 1},}}"
)
JOINER = "\u034f"
LONGEST_WITH_TAGS = 20_000  # characters of a title; more is none, and takes long to search
TITLE_BREAK = re.compile(r"</?(?:br|div|h[1-6]|p)(?:\s[^<>]*)?/?>", re.IGNORECASE)
TITLE_CDATA = re.compile(r"\s*<!\[CDATA\[(.*?)\]\]>\s*", re.DOTALL)
TITLE_TAG = re.compile(
    r"""<!--.*?-->
    | <(script|style|svg)(?:\s[^<>]*)?>.*?</\1\s*>
    | </?(?:a|b|big|bdi|cite|code|del|em|font|i|img|ins|kbd|mark|q|s|small|span|strike|strong
        |sub|sup|tt|u|var|wbr)(?:\s[^<>]*)?/?>""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def clean_text(text: str) -> str:
    """Return text in NFC without control characters, with single spaces and at most one blank line.

    Raises ValueError for half a surrogate pair: bytes that were no UTF-8.
    """
    check_characters(text)
    text = UNSEEN.sub("", LINE_BREAK.sub("\n", text))
    if not text.isascii():
        text = MARKS.sub(_separate_marks, text)
    text = BLANKS.sub(" ", unicodedata.normalize("NFC", text))
    if "\n" in text:
        text = BLANK_LINES.sub("\n\n", text)
    return text.strip()


def _separate_marks(marks: re.Match[str]) -> str:
    """Return signs with a joiner in every longer run of combining marks (UAX #15, Stream-Safe).

    The marks of one letter are sorted, which takes the square of their number.
    """
    separated = []
    run = 0
    for sign in marks[0]:
        run = run + 1 if unicodedata.combining(sign) else 0
        if run > MOST_MARKS:
            separated.append(JOINER)
            run = 1
        separated.append(sign)
    return "".join(separated)


def clean_line(text: str) -> str:
    """Return text on one line, exactly as it is otherwise: a URL, an id, a language."""
    if not (text.isascii() and text.isprintable()):  # of these only blanks are to be cleaned
        text = clean_text(text)
    return " ".join(text.split())


def clean_name(text: str) -> str:
    """Return the name of an account, a category or a tag on one line, its `&amp;` resolved."""
    return clean_line(text if "://" in text else unescape(text))


def clean_title(text: str) -> str:
    """Return a title on one line, without the mark-up that content systems leave in titles.

    Other elements are words: "The <video> element".
    """
    if "<" in text and len(text) <= LONGEST_WITH_TAGS:
        wrapped = TITLE_CDATA.fullmatch(text)
        text = wrapped[1] if wrapped else text
        text = TITLE_TAG.sub("", TITLE_BREAK.sub(" ", text))
    return clean_line(unescape(text))
