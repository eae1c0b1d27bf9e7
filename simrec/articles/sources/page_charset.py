"""Bytes of a text or a page as text: by their mark, as UTF-8, or as the page says."""

import codecs
import re

from resiliparse.parse.encoding import map_encoding_to_html5

MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
DECLARED = re.compile(
    rb"""(?:<meta\s[^>]*?charset|<\?xml\s[^>]*?encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.I
)
# Of the characters that are no ASCII, in UTF-8 with a few bad bytes. Read as UTF-8, Latin-1 and
# Cyrillic bytes give 100% broken characters, those of East Asian encodings 78% to 90%.
MOST_BROKEN = 0.25
DECLARED_WITHIN = 8_192  # bytes; browsers look at 1,024, some pages have scripts above
# A larger encoding that holds the one that a page names.
LARGER = {
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "iso8859-11": "cp874",
}


def is_damaged_utf8(content: bytes) -> bool:
    """Tell whether bytes are UTF-8 but for a few, and not another encoding."""
    text = content.decode("utf-8", "replace")
    others = sum(1 for character in text if character > "\x7f")
    return text.count("\ufffd") <= MOST_BROKEN * others


def decode_text(content: bytes) -> str:
    """Return the text of bytes that begin with a mark, or are UTF-8.

    UnicodeDecodeError where they are not.
    """
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding).lstrip("\ufeff")
    return content.decode()


def decode_page(content: bytes) -> str:
    """Return the text of an HTML page: as UTF-8 where it is that, else as the page says.

    UnicodeDecodeError where it is neither.
    """
    try:
        return decode_text(content)
    except UnicodeDecodeError:
        declared = DECLARED.search(content[:DECLARED_WITHIN])
        if not declared:
            raise
        label = declared[1].decode("ascii", "replace")
        encoding = map_encoding_to_html5(label, fallback_utf8=False)
        if encoding is None or encoding.startswith("utf-"):
            raise  # its ASCII can be read, so that it is not UTF-16 whatever it says
    return content.decode(LARGER.get(encoding, encoding))
