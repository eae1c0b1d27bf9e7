"""Feeds: the entries of RSS and Atom files, under the names that fields have by default."""

import io
import re
from collections.abc import Iterator
from typing import Any

import feedparser

from simrec.articles.sources.file_source import FileSource
from simrec.articles.sources.source import DamagedSourceError, Record, Row, Split

# A feed that is not well-formed is read, as browsers do it; one without its end tag is damaged.
CLOSED = re.compile(
    rb"</\s*(?:[\w.-]+:)?(?:rss|feed|rdf)\s*>[^<]*(?:<!--.*-->\s*)?$", re.IGNORECASE | re.DOTALL
)
TAIL = 4_096  # bytes that are searched for the end of the feed


class FeedSource(FileSource):
    """An RSS or Atom file; its entries are numbered from 1 on."""

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        content = bytearray()
        damage = None
        try:
            for line in self.lines(split):
                content += line
        except DamagedSourceError as error:
            damage = error
        records, problem = _parse(bytes(content))
        for number, record in enumerate(records, start=1):
            yield Row(self.name, number, record)
        if damage:
            raise damage
        if problem:
            raise DamagedSourceError(len(records) + 1, problem)


def _parse(content: bytes) -> tuple[list[Record], str]:
    """Return the entries of a feed in its order, and what is wrong with it where it is damaged.

    Nothing outside the file is ever opened, and one that declares entities is refused, since a few
    lines of them can grow to gigabytes.
    """
    if b"<!ENTITY" in content.replace(b"\0", b""):  # in UTF-16 too
        return [], "it declares XML entities, which feeds have no use for; nothing of it was read"
    # A stream, since bytes that happen to be a path would be opened. Bodies are cleaned by simrec.
    stream = io.BytesIO(content)
    parsed = feedparser.parse(stream, sanitize_html=False, resolve_relative_uris=False)
    error = str(parsed.get("bozo_exception", "it is XML of another kind, or empty"))
    reason = error.rpartition(": ")[2]
    if not parsed.get("version"):
        return [], f"not RSS or Atom ({reason})"
    records = [_record(entry, parsed.feed) for entry in parsed.entries]
    if parsed.bozo and not CLOSED.search(content[-TAIL:]):
        return records[:-1], f"the feed is cut short here ({reason})"
    return records, ""


def _record(entry: Any, feed: Any) -> Record:
    body = _body(entry)
    link = entry.get("link", "")  # an Atom id, where there is none
    terms = [tag.term for tag in entry.get("tags", ()) if tag.get("term")]
    return {
        "id": entry.get("id") or link,
        "title": entry.get("title", ""),
        "text": _marked_up(body) if body else "",
        "account": feed.get("title"),
        "author": entry.get("author"),
        "published_at": entry.get("published") or entry.get("updated"),
        "url": link if link.startswith("http") else None,
        "lang": (body or {}).get("language") or feed.get("language"),
        "category": terms[0] if terms else None,
        "tags": terms,
    }


def _body(entry: Any) -> Any:
    """Return the longest content of an entry, or its summary where it has no content."""
    contents = entry.get("content", ())
    if contents:
        return max(contents, key=lambda content: len(content.value))
    return entry.get("summary_detail")


def _marked_up(body: Any) -> str:
    """Return a body so that cleaning sees that it is HTML, also where it starts with a word."""
    return str(body.value) if body.type == "text/plain" else f"<div>{body.value}</div>"
