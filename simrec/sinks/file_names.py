"""File names of ids: no two ids share one, on any file system, and none leaves its folder."""

import hashlib
import re

from simrec.files import TEMPORARY

LONGEST_NAME = 200  # bytes; file systems take 255, and a temporary name is longer
KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.")
# Windows takes these for devices, whatever follows a dot.
DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)")
HASHED_CHARS = 100


def file_name(name: str, suffix: str) -> str:
    """Return the name of the file of an id.

    Small letters, digits, `-`, and inside a name `_` and `.`, stay; every other byte of the id's
    UTF-8 becomes `~` and two hexadecimal digits, so that a URL need not escape it. A name of more
    than LONGEST_NAME bytes is its beginning, `~~` and the SHA-256 of the id.
    """
    content = name.encode()
    is_escaped_first = name[:1] in ("_", ".") or DEVICE.match(name)
    first = _escaped(content[0]) if content and is_escaped_first else ""
    encoded = first + "".join(map(_kept_or_escaped, content[bool(first) :]))
    if len(encoded) + len(suffix) > LONGEST_NAME:
        digest = hashlib.sha256(content).hexdigest()
        encoded = f"{encoded[:HASHED_CHARS]}~~{digest}"
    return f"{encoded}{suffix}"


def _kept_or_escaped(byte: int) -> str:
    return chr(byte) if byte in KEPT else _escaped(byte)


def _escaped(byte: int) -> str:
    return f"~{byte:02x}"


def is_leftover(name: str) -> bool:
    """Tell whether a file is what a killed run left half written."""
    return name.startswith(".") and name.endswith(TEMPORARY)
