"""Mapping: the records of a source become Articles, by the configured field names."""

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from simrec.articles import cleaning
from simrec.articles.article import Article
from simrec.articles.cleaning import body_text, clean_date, clean_line, clean_title
from simrec.articles.sources.readers import Record
from simrec.config import Config, Fields, IngestConfig, SourceConfig

LONGEST_ID = 512
CANONICAL = json.JSONEncoder(
    default=str, sort_keys=True
).encode  # made once: `dumps` makes one for every row
BREAKING = ("Cc", "Cs", "Zl", "Zp")  # would break lists of ids, one a line


@dataclass(frozen=True)
class Mapping:
    """How the records of one source are read: field names, kind of body, limits."""

    fields: Fields
    body: str
    limits: IngestConfig

    @classmethod
    def of(cls, source: SourceConfig, config: Config) -> "Mapping":
        """Return how a source is read by a configuration."""
        return cls(source.fields or config.fields, source.body, config.ingest)

    @cached_property
    def _rules(self) -> str:
        return f"{cleaning.VERSION}{self.fields}{self.body}{self.limits.max_title_chars}{self.limits.max_text_chars}"

    def source_key(self, record: Record) -> bytes:
        """Return 16 bytes that stand for the record and these rules: equal keys give equal articles."""
        content = CANONICAL([self._rules, record])
        return hashlib.blake2b(content.encode(), digest_size=16).digest()

    def article_id(self, record: Record) -> str:
        """Return the id of a record; ValueError where there is none that can be used."""
        name = self.fields.id
        identity = _text(record, name, "id")
        if not identity.strip():
            raise ValueError(f"no id in '{name}'; the fields are {_names(record)}")
        if len(identity) > LONGEST_ID:
            raise ValueError(f"id of {len(identity):,} characters; at most {LONGEST_ID} are kept")
        if not identity.isprintable() and any(
            unicodedata.category(character) in BREAKING for character in identity
        ):
            raise ValueError(f"id {identity!r} holds a line break or a control character")
        return identity

    def article(self, record: Record) -> tuple[Article, list[str]]:
        """Return the record as a cleaned Article, and what optional values it had to be kept without.

        Raises ValueError that says what is wrong with its id, title or text.
        """
        fields, identity = self.fields, self.article_id(record)
        title = clean_title(_text(record, fields.title, "title"))
        _check_length("title", title, self.limits.max_title_chars)
        raw = _text(record, fields.text, "text")
        _check_length("text", raw, self.limits.max_text_chars)
        text = _without_title(body_text(raw, self.body), title)
        if not (title or text):
            raise ValueError(
                f"no text in '{fields.text}' nor '{fields.title}'; the fields are {_names(record)}"
            )
        optional, problems = _optional(record, fields)
        return Article(identity, title, text, **optional), problems


def _optional(record: Record, fields: Fields) -> tuple[dict[str, Any], list[str]]:
    """Read the optional values; one that cannot be read costs the article that value, not its place."""
    values: dict[str, Any] = {}
    problems = []
    for what in ("account", "published_at", "url", "lang", "category", "tags"):
        value = _get(record, getattr(fields, what))
        try:
            if value is not None and value != "":
                values[what] = OPTIONAL.get(what, _label)(value)
        except ValueError as problem:
            problems.append(f"{what}: {problem}")
    return values, problems


def _get(record: Record, name: str) -> Any:
    if name in record or "." not in name:
        return record.get(name)
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _text(record: Record, name: str, what: str) -> str:
    value = _get(record, name)
    try:
        return "" if value is None else _plain(value)
    except ValueError as problem:
        raise ValueError(f"{what}: {problem}") from None


def _plain(value: Any) -> str:
    if isinstance(value, str | int | float | Decimal | UUID) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"a {type(value).__name__} where text was expected")


def _label(value: Any) -> str | None:
    return clean_line(_plain(value)) or None


def _tags(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _json_list(value) if value.startswith("[") else value.split(",")
    if not isinstance(value, list | tuple):
        raise ValueError(f"a {type(value).__name__} where a list was expected")
    return tuple(filter(None, (clean_line(str(tag)) for tag in value)))


OPTIONAL = {"published_at": clean_date, "tags": _tags}


def _json_list(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.split(",")


def _without_title(text: str, title: str) -> str:
    """Cut off a first line that repeats the title, as feeds have it: the same words would count twice."""
    return text[len(title) :].lstrip(" \n") if title and text.startswith(title + "\n") else text


def _check_length(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise ValueError(
            f"{what} of {len(text):,} characters, more than ingest.max_{what}_chars = {most:,}"
        )


def _names(record: Record) -> str:
    return ", ".join(sorted(map(str, record))[:20]) or "none"
