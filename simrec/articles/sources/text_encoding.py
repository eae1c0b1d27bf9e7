"""Which encoding a file of text has: the one that is named, that of its mark, UTF-8, or a guess."""

import codecs
import re
from collections.abc import Iterable, Iterator

from resiliparse.parse.encoding import detect_encoding

from simrec.articles.sources.page_charset import LARGER, MARKS
from simrec.articles.sources.source import DamagedSourceError

AUTO = "auto"
UTF_8 = "utf-8-sig"
SAMPLE = 1 << 16  # bytes
UTF_8_LINES = 100  # lines that are no UTF-8 for each that is, before the file counts as another
FEW_BYTES = 3  # that are not ASCII, from which no encoding can be guessed
CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]")
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def marked_encoding(head: bytes) -> str:
    """Return the encoding that the first bytes of a file tell, "" where they tell none."""
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding
    even = head[0:64:2]
    odd = head[1:64:2]
    if odd and not any(odd) and all(even[: len(odd)]):
        return "utf-16-le"
    if odd and not any(even) and all(odd):
        return "utf-16-be"
    return ""


def guess_encoding(lines: Iterable[bytes]) -> str:
    """Return the encoding of lines without a mark; where it is not UTF-8, it is a guess.

    A file of UTF-8 may have some damaged lines: only if nearly no line with other letters than
    those of ASCII is UTF-8, another encoding is guessed. A guess that gives control characters is
    none.
    """
    valid = 0
    invalid = 0
    sample = bytearray()
    for line in lines:
        if line.isascii():
            continue
        try:
            line.decode()
            valid += 1
        except UnicodeDecodeError:
            invalid += 1
            if len(sample) < SAMPLE:
                sample += line
    foreign = sum(byte > 127 for byte in sample)
    if invalid <= valid * UTF_8_LINES or foreign < FEW_BYTES:
        return UTF_8
    for guess in (detect_encoding(bytes(sample)) or UTF_8, "cp1252"):
        encoding = LARGER.get(guess, guess)
        if _fits(bytes(sample), encoding):
            return encoding
    return UTF_8


def guess_remark(encoding: str) -> str:
    """Return the sentence that says that an encoding was guessed, "" for UTF-8."""
    if encoding == UTF_8:
        return ""
    return f"not UTF-8; read as {encoding}, which is a guess: set encoding in the source if not"


def _fits(sample: bytes, encoding: str) -> bool:
    try:
        return not CONTROL.search(sample.decode(encoding))
    except (UnicodeDecodeError, LookupError):
        return False


def decoded_lines(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    r"""Yield the lines of a text with their ends, which are \n, \r\n or \r.

    Bytes that do not belong to the encoding become lone surrogates, which cleaning refuses row by
    row. Raises DamagedSourceError where nothing can be read any further.
    """
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    number = 1
    rest = ""
    try:
        for chunk in chunks:
            lines = LINE.findall(rest + decoder.decode(chunk))
            rest = "" if not lines or lines[-1].endswith("\n") else lines.pop()
            yield from lines
            number += len(lines)
        yield from LINE.findall(rest + decoder.decode(b"", final=True))
    except DamagedSourceError:
        yield rest  # of a line that is not whole, too, some may be read
        raise
    except UnicodeDecodeError as error:
        problem = f"not valid {encoding.upper()} from here on"
        raise DamagedSourceError(number, problem) from error


def not_valid(error: UnicodeDecodeError) -> str:
    """Return the problem of a line that is not of its encoding."""
    encoding = error.encoding.upper().removesuffix("-SIG")
    where = f"not valid {encoding} (byte {error.start + 1})"
    return f"{where}; set encoding in the source if it is another"
