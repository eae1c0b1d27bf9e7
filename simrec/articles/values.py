"""Values: what sources write into fields becomes text, names, tags and dates."""

import ast
import csv
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from simrec.articles.cleaning import clean_line, clean_name

# How exports write that there is no value.
NULLS = {"", "NULL", "null", "None", "nan", "NaN", "NaT", "<NA>", "\\N", "N/A", "n/a", "#N/A"}
EXACT_BELOW = 2**53  # a float from here on may stand for several whole numbers
WHOLE = re.compile(r"-?\d+\.0")
NAME_KEYS = ("name", "display_name", "label", "title", "term")
ADDRESS_KEYS = ("url", "src", "href", "contentUrl", "image", "path")
PHP_ARRAY = re.compile(r"a:\d+:\{")
LONGEST_LIST = 100_000  # characters of a list that is written as text
LONGEST_ADDRESS = 2_000  # characters


def is_missing(value: Any) -> bool:
    """Tell whether a value says that there is none, in any export's way."""
    if isinstance(value, str):
        return value.strip() in NULLS
    return value is None or (isinstance(value, float | Decimal) and math.isnan(value))


def plain_text(value: Any) -> str:
    """Return a text or number as text, 7.0 as "7"; ValueError for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, int | UUID) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"a {type(value).__name__} where text was expected")


def _number(value: float | Decimal) -> str:
    if not math.isfinite(value) or value != int(value):
        return str(value)
    if isinstance(value, float) and abs(value) >= EXACT_BELOW:
        raise ValueError(f"the number {value} has lost its last digits; write it as text")
    return str(int(value))


def line(value: Any) -> str | None:
    """Return a value on one line exactly as it is given, None for an empty one."""
    return clean_line(plain_text(value)) or None


def name(value: Any) -> str | None:
    """Return a name on one line; of several, or of an object, its name or the first one's."""
    if isinstance(value, str):
        written = _written_list(value.strip())
        value = value if written is None else written
    if isinstance(value, list | tuple):
        value = next((each for each in value if not is_missing(each)), "")
    if isinstance(value, dict):
        value = _name_of(value) if value else ""
    text = plain_text(value)
    if WHOLE.fullmatch(text):
        text = text[:-2]  # a whole number in a column with gaps, as pandas writes it
    return clean_name(text) or None


def address(value: Any) -> str | None:
    """Return where a picture is: of an object its address, of a list that of the first.

    What is no address, such as a number or the picture itself, is no picture that can be shown.
    """
    if isinstance(value, list | tuple):
        value = next((each for each in value if not is_missing(each)), None)
    if isinstance(value, dict):
        value = next((value[key] for key in ADDRESS_KEYS if not is_missing(value.get(key))), None)
    if not isinstance(value, str) or is_missing(value):
        return None
    text = value.strip()
    is_address = text.isprintable() and len(text) <= LONGEST_ADDRESS
    return text if is_address and not text.startswith("data:") else None


def tags(value: Any) -> tuple[str, ...]:
    """Return the names of tags: of a list of texts or objects, or of a list written as text."""
    names = [clean_name(tag) for tag in _tag_names(value)]
    return tuple(tag for tag in names if tag)


def _tag_names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        value = _list_of_text(value.strip())
    if isinstance(value, dict):
        value = [value] if value else []
    if not isinstance(value, list | tuple):
        raise ValueError(f"a {type(value).__name__} where a list was expected")
    for tag in value:
        if isinstance(tag, list | tuple):
            yield from _tag_names(tag)
        elif isinstance(tag, dict):
            yield plain_text(_name_of(tag))
        elif isinstance(tag, bool):
            yield str(tag).lower()
        elif not is_missing(tag):
            yield plain_text(tag)


def _name_of(value: dict[str, Any]) -> Any:
    for key in NAME_KEYS:
        if not is_missing(value.get(key)):
            return value[key]
    if any(key in value for key in NAME_KEYS):
        return ""  # it is null
    raise ValueError(f"an object without a name (its keys are {', '.join(map(str, value))})")


def _list_of_text(text: str) -> Any:
    """Return the list that a text holds: JSON, Python's or PostgreSQL's, or with commas."""
    if PHP_ARRAY.match(text):
        raise ValueError("a list in PHP's own form; export it as JSON or with commas")
    written = _written_list(text)
    if written is not None:
        return written
    if text.startswith("{") and text.endswith("}"):
        return _postgres_array(text[1:-1])
    separator = next((sign for sign in ",;|" if sign in text), ",")
    return text.split(separator)


def _written_list(text: str) -> Any:
    """Return a list or an object that JSON or Python wrote as text, None where there is none."""
    if text[:1] not in ("[", "{", "(") or len(text) > LONGEST_LIST:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list | tuple | dict):
            return value
    return None


def _postgres_array(text: str) -> list[str]:
    reader = csv.reader([text], escapechar="\\", skipinitialspace=True)
    try:
        return next(reader, [])
    except csv.Error as error:
        raise ValueError(f"not a list ({error})") from None
