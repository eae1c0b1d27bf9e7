"""Mapping: the records of a source become Articles, by the configured field names."""

import hashlib
import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from simrec.articles import cleaning
from simrec.articles.article import Article
from simrec.articles.bodies import body_text
from simrec.articles.cleaning import clean_date, clean_line, clean_name, clean_title
from simrec.articles.sources.source import Record
from simrec.config import Config, Fields, IngestConfig, SourceConfig

LONGEST_ID = 512  # characters
# Made once, since `json.dumps` makes an encoder for every row.
CANONICAL = json.JSONEncoder(default=str, sort_keys=True).encode
BREAKING = ("Cc", "Cs", "Zl", "Zp")  # would break lists of ids, one a line
OPTIONAL_FIELDS = ("account", "published_at", "url", "lang", "category", "tags")
SHOWN_NAMES = 20


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
        # Stored hashes are made of this text: another text makes every row be parsed again.
        limits = f"{self.limits.max_title_chars}{self.limits.max_text_chars}"
        return f"{cleaning.VERSION}{self.fields}{self.body}{limits}"

    def source_key(self, record: Record) -> bytes:
        """Return 16 bytes that stand for the record and these rules.

        Equal keys give equal articles. Raises ValueError for a record that JSON cannot hold.
        """
        try:
            content = CANONICAL([self._rules, record])
        except TypeError as error:
            raise ValueError(f"the names of its fields are of several types ({error})") from None
        return hashlib.blake2b(content.encode(), digest_size=16).digest()

    def article_id(self, record: Record) -> str:
        """Return the id of a record; ValueError where there is none that can be used."""
        name = self.fields.id
        article_id = _text(record, name, "id")
        if not article_id.strip():
            raise ValueError(f"no id in '{name}'; the fields are {_names(record)}")
        if len(article_id) > LONGEST_ID:
            raise ValueError(f"id of {len(article_id):,} characters; at most {LONGEST_ID} are kept")
        if not article_id.isprintable():
            for character in article_id:
                if unicodedata.category(character) in BREAKING:
                    raise ValueError(f"id {article_id!r} holds a line break or a control character")
        return article_id

    def article(self, record: Record, body: str = "") -> tuple[Article, list[str]]:
        """Return the record as a cleaned Article, and a problem for each value it is kept without.

        `body` is the kind of its text where the source knows it. Raises ValueError for a bad
        id or text, or a title that is too long.
        """
        article_id = self.article_id(record)
        problems: list[str] = []
        title = self._title(record, problems)
        raw = _text(record, self.fields.text, "text")
        _check_length("text", raw, self.limits.max_text_chars)
        text = _without_title(body_text(raw, body or self.body), title)
        if not (title or text):
            problem = problems or [f"no text in '{self.fields.text}' nor '{self.fields.title}'"]
            raise ValueError(f"{problem[0]}; the fields are {_names(record)}")
        values = _optional_values(record, self.fields, problems)
        return Article(article_id, title, text, **values), problems

    def _title(self, record: Record, problems: list[str]) -> str:
        """Return the title of a record, "" and a problem for a value that is no text."""
        try:
            raw = _text(record, self.fields.title, "title")
        except ValueError as problem:
            problems.append(str(problem))
            return ""
        title = clean_title(raw)
        _check_length("title", title, self.limits.max_title_chars)
        return title


def _optional_values(record: Record, fields: Fields, problems: list[str]) -> dict[str, Any]:
    """Return the optional values of a record; one that cannot be read becomes a problem."""
    values: dict[str, Any] = {}
    for name in OPTIONAL_FIELDS:
        value = _get(record, getattr(fields, name))
        if value is None or value == "":
            continue
        clean: Callable[[Any], Any] = CLEANERS.get(name, _label)
        try:
            values[name] = clean(value)
        except ValueError as problem:
            problems.append(f"{name}: {problem}")
    return values


def _get(record: Record, name: str) -> Any:
    """Return the value of a field; a dot in its name reaches into nested objects."""
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


def _name(value: Any) -> str | None:
    return clean_name(_plain(value)) or None


def _tags(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _json_list(value) if value.startswith("[") else value.split(",")
    if not isinstance(value, list | tuple):
        raise ValueError(f"a {type(value).__name__} where a list was expected")
    tags = [clean_name(str(tag)) for tag in value]
    return tuple(tag for tag in tags if tag)


def _json_list(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.split(",")


CLEANERS: dict[str, Callable[[Any], Any]] = {
    "account": _name,
    "category": _name,
    "published_at": clean_date,
    "tags": _tags,
}


def _without_title(text: str, title: str) -> str:
    """Cut off a first line that repeats the title, as in feeds: its words would count twice."""
    if title and text.startswith(f"{title}\n"):
        return text[len(title) :].lstrip(" \n")
    return text


def _check_length(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise ValueError(
            f"{what} of {len(text):,} characters, more than ingest.max_{what}_chars = {most:,}"
        )


def _names(record: Record) -> str:
    names = sorted(str(name) for name in record)
    return ", ".join(names[:SHOWN_NAMES]) or "none"
