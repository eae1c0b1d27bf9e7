"""Mapping: the records of a source become Articles, by the configured field names."""

import hashlib
import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simrec.articles import cleaning, values
from simrec.articles.article import Article
from simrec.articles.bodies import body_text
from simrec.articles.cleaning import clean_title
from simrec.articles.dates import parse_date
from simrec.articles.language import detect_language
from simrec.articles.local_ids import AUTO, prefixed
from simrec.articles.publication import unpublished_status
from simrec.articles.sources.source import Record
from simrec.config import Config, Fields, IngestConfig, LimitsConfig, SourceConfig

LONGEST_ID = 512  # characters
# Made once, since `json.dumps` makes an encoder for every row.
CANONICAL = json.JSONEncoder(default=str, sort_keys=True).encode
BREAKING = ("Cc", "Cs", "Zl", "Zp")  # would break lists of ids, one a line
CLEANERS: dict[str, Callable[[Any], Any]] = {
    "account": values.name,
    "url": values.line,
    "lang": values.line,
    "category": values.name,
    "tags": values.tags,
    "image": values.address,
}
LAST_YEAR = 9999
EARLIEST_YEAR = 1000  # archives hold texts that are older than newspapers
NULL = "\\N"  # of MySQL and PostgreSQL; a title may be "Null"
SHOWN_NAMES = 20


@dataclass(frozen=True)
class Mapping:
    """How the records of one source are read: field names, kind of body, limits.

    `now` is the clock, "" without one; it is no part of the rules.
    """

    fields: Fields
    body: str
    limits: IngestConfig
    prefix: str = AUTO
    now: str = field(default="", compare=False, repr=False)
    bounds: LimitsConfig = LimitsConfig()

    @classmethod
    def of(cls, source: SourceConfig, config: Config, now: str) -> "Mapping":
        """Return how a source is read by a configuration at a time."""
        fields = source.fields or config.fields
        return cls(fields, source.body, config.ingest, source.prefix, now, config.limits)

    @cached_property
    def _rules(self) -> str:
        # Stored hashes are made of this text: another text makes every row be parsed again.
        limits = f"{self.limits.max_title_chars}{self.limits.max_text_chars}"
        limits += f"{self.limits.include_unpublished}{self.limits.status}"
        limits += f"{self.limits.detect_language}"
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
        return article_id if self.prefix == AUTO else prefixed(article_id, self.prefix)

    @cached_property
    def _public(self) -> frozenset[str]:
        return frozenset(status.lower() for status in self.limits.status)

    @cached_property
    def _publication_fields(self) -> list[str]:
        # A field that holds something else, as a text that is called "status", says nothing of it.
        names = [self.fields.status, self.fields.draft, self.fields.published]
        others = {getattr(self.fields, name) for name in ("id", "title", "text", *CLEANERS)}
        return ["" if name in others else name for name in names]

    def unpublished_status(self, record: Record) -> str:
        """Return why a record is not published, such as "draft", or "" if it is to be taken."""
        if self.limits.include_unpublished:
            return ""
        names = self._publication_fields
        if not any(name in record or "." in name for name in names):
            return ""  # as most records
        status, draft, published = (_get(record, name) for name in names)
        return unpublished_status(status, draft, published, self._public)

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
        optional = self._optional_values(record, problems)
        if self.limits.detect_language and not optional.get("lang"):
            optional["lang"] = detect_language(title, text)
        date = self._date(record, problems)
        return Article(article_id, title, text, published_at=date, **optional), problems

    def _optional_values(self, record: Record, problems: list[str]) -> dict[str, Any]:
        """Return the optional values of a record; one that cannot be read becomes a problem."""
        optional: dict[str, Any] = {}
        for name, clean in CLEANERS.items():
            value = _get(record, getattr(self.fields, name))
            if values.is_missing(value):
                continue
            try:
                cleaned = clean(value)
                _check_value(name, cleaned, self.bounds)
                optional[name] = cleaned
            except ValueError as problem:
                problems.append(f"{name}: {problem}")
        return optional

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

    def _date(self, record: Record, problems: list[str]) -> str | None:
        """Return when a record was published, None and a problem for a date nobody can read."""
        value = _get(record, self.fields.published_at)
        if values.is_missing(value):
            return None
        latest_year = int(self.now[:4]) + 1 if self.now else LAST_YEAR
        try:
            return parse_date(value, latest_year, self.fields.date_format, EARLIEST_YEAR)
        except ValueError as problem:
            problems.append(f"published_at: {problem}")
            return None


def _check_value(name: str, value: Any, bounds: LimitsConfig) -> None:
    """Raise ValueError for a value that is too long; accounts are keys, as ids are."""
    texts: tuple[str, ...] = (value or "",)
    if name == "tags":
        texts = value
        if len(value) > bounds.values:
            raise ValueError(f"{len(value):,} tags; at most limits.values = {bounds.values:,}")
    most = LONGEST_ID if name == "account" else bounds.value_chars
    longest = max(map(len, texts), default=0)
    if longest > most:
        raise ValueError(f"{longest:,} characters; at most {most:,} are kept")


def _get(record: Record, name: str) -> Any:
    """Return the value of a field.

    A dot in its name reaches into nested objects ("author.name"), a number into a list
    ("authors.0.name"); another name in a list is asked of each of its objects ("tags.name").
    """
    if name in record or "." not in name:
        return record.get(name)
    value: Any = record
    for part in name.split("."):
        value = _step(value, part)
    return value


def _step(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if not isinstance(value, list):
        return None
    if not part.isdecimal():
        return [each.get(part) for each in value if isinstance(each, dict)]
    index = int(part)
    return value[index] if index < len(value) else None


def _text(record: Record, name: str, what: str) -> str:
    value = _get(record, name)
    if isinstance(value, str):
        return "" if value == NULL else value
    try:
        return "" if values.is_missing(value) else values.plain_text(value)
    except ValueError as problem:
        raise ValueError(f"{what}: {problem}") from None


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
