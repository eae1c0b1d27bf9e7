"""Which export a file is, by what it holds."""

import json
import re
from functools import lru_cache
from pathlib import Path

from simrec.articles.sources.drupal_source import DrupalSource
from simrec.articles.sources.file_source import OPENERS
from simrec.articles.sources.ghost_source import GhostSource
from simrec.articles.sources.json_document import load_document
from simrec.articles.sources.jsonfeed_source import JsonfeedSource
from simrec.articles.sources.wordpressrest_source import WordpressrestSource

HEAD = 1 << 16  # bytes
LARGEST = 1 << 27  # bytes of a document; of a larger one only its beginning tells what it is
XML_EXPORTS = {
    "wordpress": re.compile(rb"<wp:wxr_version|=[\"']http://wordpress\.org/export/\d"),
    "blogger": re.compile(
        rb"schemas\.google\.com/blogger/2008/kind#|=[\"']http://schemas\.google\.com/blogger/2018"
    ),
}
JSON_EXPORTS = {
    "jsonfeed": JsonfeedSource,
    "ghost": GhostSource,
    "drupal": DrupalSource,
    "wordpressrest": WordpressrestSource,
}


def export_format(path: Path, suffix: str) -> str:
    """Return the format of a `.json` or `.xml` file by what it holds, "" where that is open."""
    if suffix not in (".json", ".xml"):
        return ""
    try:
        stat = path.stat()
        return _export_format(path, suffix, stat.st_mtime_ns, stat.st_size)
    except (OSError, EOFError, ValueError, RecursionError, MemoryError):
        return ""  # whoever reads the file says what is wrong with it


@lru_cache(maxsize=1_000)
def _export_format(path: Path, suffix: str, changed: int, size: int) -> str:
    with OPENERS.get(path.suffix.lower(), open)(path, "rb") as file:
        head = file.read(HEAD)
        if suffix == ".xml":
            return next((name for name, sign in XML_EXPORTS.items() if sign.search(head)), "")
        if _is_lines(head):
            return ""
        try:
            document = load_document(head + file.read(LARGEST))  # or UTF-16
        except ValueError:
            return "json" if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") else ""
    for name, source in JSON_EXPORTS.items():
        if source.recognises(document):
            return name
    return "json" if isinstance(document, dict | list) else ""


def _is_lines(head: bytes) -> bool:
    """Tell whether a file is JSONL: its first line is an object, and another line follows."""
    first, _, rest = head.strip().partition(b"\n")
    if not rest.strip():
        return False
    try:
        return isinstance(json.loads(first), dict)
    except ValueError:
        return False
