"""JSON documents that are read as a whole, unless their values would fill the memory."""

import json
from typing import Any

MOST_VALUES = 5_000_000  # of 64 bytes and more each, in a document of as many signs


def load_document(text: str | bytes) -> Any:
    """Return the value of a JSON document; ValueError where it is none or has too many values."""
    if has_too_many_values(text):
        raise ValueError(f"more than {MOST_VALUES:,} values; write its records as JSONL")
    return json.loads(text)


def has_too_many_values(text: str | bytes) -> bool:
    """Tell whether a document may have more values than fit into memory, by its signs."""
    if len(text) < MOST_VALUES:
        return False
    if isinstance(text, bytes):
        return sum(text.count(sign) for sign in (b",", b"[", b"{")) > MOST_VALUES
    return sum(text.count(sign) for sign in ",[{") > MOST_VALUES
