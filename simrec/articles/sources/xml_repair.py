"""XML as it is found in the wild, repaired so that a strict parser reads it."""

import codecs
import html
import re
from html.entities import html5
from typing import NamedTuple

from resiliparse.parse.encoding import detect_encoding

from simrec.articles.sources.page_charset import is_damaged_utf8
from simrec.source_formats import is_text_encoding

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}
# What is written under a name, where that is more than the name says, as browsers have it.
SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
DECLARED_ENCODING = re.compile(
    rb"""\A[^<]{0,1000}<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.:-]+)"""
)

# What stands before the root: warnings of a web server, declarations and comments; the DOCTYPE.
PROLOG = re.compile(r"[^<]*(?:(?:<\?.*?\?>|<!--.*?-->|</?(?:b|br)\s*/?>)[^<]*)*", re.DOTALL)
DOCTYPE = re.compile(
    r"""<!DOCTYPE(?:[^\["'>]|"[^"]*"|'[^']*')*(?:\[(?P<subset>.*?)\]\s*)?>\s*""",
    re.DOTALL | re.IGNORECASE,
)
ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)")
TOKEN = re.compile(
    r"""(?P<verbatim><!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z))
    | (?P<tag></?(?:[\w.-]+:)?(?:item|entry|rss|feed|rdf)(?=[\s>/]))
    | (?P<place>\ssrsName\s*=\s*(?:"[^"<]*"|'[^'<]*'))
    | (?P<reference>&(?:(?:\#[0-9]{1,10}|\#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});)?)""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
# An emoji as Java and .NET write it: the halves of its surrogate pair as two references.
SURROGATE_PAIR = re.compile(
    r"&(?:amp;)?#(xd[89ab][0-9a-f]{2}|5[56]\d{3});&(?:amp;)?#(xd[c-f][0-9a-f]{2}|5[67]\d{3});",
    re.IGNORECASE,
)
BLANK_CONTROLS = re.compile("[\x0b\x0c\x1c-\x1f]")
INVALID = re.compile("[\0-\x08\x0e-\x1b\ud800-\udfff\ufffe\uffff]")
MARKUP_REFERENCES = {sign: f"&#{ord(sign)};" for sign in "<>&\"'"}


class RepairedXml(NamedTuple):
    """XML from its root element on, without a DOCTYPE and with only the references of XML.

    `closed` tells whether the root element has its end tag, `open_entry` whether the last item or
    entry has none. `remark` is what was guessed or lost when it was decoded.
    """

    text: str
    root: str
    closed: bool
    open_entry: bool
    remark: str = ""


class DecodedXml(NamedTuple):
    """XML as text, and what was guessed or lost of it, in a sentence."""

    text: str
    remark: str = ""


def repair_xml(content: bytes) -> RepairedXml:
    """Decode XML and mend what a strict parser stops at; what follows the root is cut off.

    Raises ValueError for a DOCTYPE with entities, since a few lines of them can grow to gigabytes.
    """
    decoded = decode_xml(content)
    text = _without_invalid_characters(decoded.text)
    text = text[_root_start(text) :]
    root = ROOT.match(text)
    if root is None:
        return RepairedXml("", "", False, False)
    return _repair_elements(text, root[1].lower())._replace(remark=decoded.remark)


def decode_xml(content: bytes) -> DecodedXml:
    """Decode XML by its byte order mark, as UTF-8, as it declares, or by its bytes."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return _replaced(content, encoding)
    declared = _declared_encoding(content)
    if content.isascii():
        return _replaced(content, declared or "ascii")  # ISO-2022-JP is ASCII by its bytes
    for encoding in ("utf-8", declared):
        try:
            return DecodedXml(content.decode(encoding or "utf-8"))
        except UnicodeDecodeError:
            continue
    if is_damaged_utf8(content):
        return _replaced(content, "utf-8")
    if declared not in ("", "utf-8"):
        return _replaced(content, declared)
    guess = detect_encoding(content) or "cp1252"
    remark = f"not UTF-8, and no other encoding is declared; read as {guess}, which is a guess"
    return DecodedXml(content.decode(guess, "replace"), remark)


def _replaced(content: bytes, encoding: str) -> DecodedXml:
    """Decode bytes, and say how many characters were none."""
    text = content.decode(encoding, "replace").lstrip("\ufeff")
    written = content.decode(encoding, "ignore").count("\ufffd")
    lost = text.count("\ufffd") - written
    if lost <= 0:
        return DecodedXml(text)
    return DecodedXml(text, f"not valid {encoding.upper()}; {lost:,} characters of it are lost")


def _declared_encoding(content: bytes) -> str:
    """Return the codec of the encoding that a declaration names, "" where Python has none."""
    declared = DECLARED_ENCODING.match(content)
    if not declared:
        return ""
    name = declared[1].decode("ascii", "replace")
    if not is_text_encoding(name) or not _reads_markup(name):
        return ""
    name = codecs.lookup(name).name
    if name.startswith(("utf-16", "utf-32")):
        return "utf-8"  # or the declaration could not have been read
    return SUPERSETS.get(name, name)


def _reads_markup(name: str) -> bool:
    """Tell whether a codec reads mark-up and replaces errors; those of host names do not."""
    try:
        return b"<a>-b\xff".decode(name, "replace").startswith("<a>-b")
    except (ValueError, LookupError):
        return False


def _without_invalid_characters(text: str) -> str:
    text = SURROGATE_PAIR.sub(_joined_pair, text)
    return INVALID.sub("", BLANK_CONTROLS.sub(" ", text))


def _joined_pair(pair: re.Match[str]) -> str:
    high, low = (int(half.lower().replace("x", "0x"), 0) for half in pair.groups())
    if 0xD800 <= high < 0xDC00 <= low < 0xE000:
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    return pair[0]


def _root_start(text: str) -> int:
    prolog = PROLOG.match(text)
    start = prolog.end() if prolog else 0
    if text[start : start + 9].upper() != "<!DOCTYPE":
        return start
    doctype = DOCTYPE.match(text, start)
    declarations = doctype["subset"] if doctype else text
    if "<!ENTITY" in (declarations or ""):
        raise ValueError("it declares XML entities, which feeds have no use for")
    return doctype.end() if doctype else start


def _repair_elements(text: str, root: str) -> RepairedXml:
    """Rewrite references, drop places that are no numbers, and cut behind the root's end tag."""
    pieces = []
    copied = 0
    open_entry = False
    closed = False
    for token in TOKEN.finditer(text):
        if token["tag"]:
            name = token["tag"].strip("</").lower()
            ends = token["tag"].startswith("</")
            if ends and name == root:
                closed = True
                break
            if name.rpartition(":")[2] in ("item", "entry"):
                open_entry = not ends
        elif not token["verbatim"]:
            pieces.append(text[copied : token.start()])
            pieces.append(_reference(token["reference"]) if token["reference"] else "")
            copied = token.end()
    if closed:
        end = text.find(">", token.start()) + 1
        return RepairedXml("".join(pieces) + text[copied : end or None], root, True, False)
    return RepairedXml("".join(pieces) + text[copied:], root, False, open_entry)


def _reference(reference: str) -> str:
    """Return a character reference as its character; a sign of mark-up as a reference of XML."""
    if reference.startswith("&#"):
        character = _without_invalid_characters(html.unescape(reference))
    elif reference[1:] in html5 and reference.endswith(";"):
        character = html5[reference[1:]]
    else:
        return f"&amp;{reference[1:]}"  # no reference at all, as in ?a=b&lang=c
    return MARKUP_REFERENCES.get(character, character)
