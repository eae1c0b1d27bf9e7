"""Feeds: what RSS and Atom files say of their entries, under the names that fields have by default."""

import io
import re
from typing import Any

import feedparser

# A feed that is not well-formed is read all the same, as browsers do; one that was cut short is damaged.
CLOSED = re.compile(
    rb"</\s*(?:[\w.-]+:)?(?:rss|feed|rdf)\s*>[^<]*(?:<!--.*-->\s*)?$", re.IGNORECASE | re.DOTALL
)
TAIL = 4_096  # bytes that are searched for the end of the feed


def parse(content: bytes) -> tuple[list[dict[str, Any]], str]:
    """Return the entries of a feed in its order, and what is wrong with it where it is damaged.

    Nothing outside the file is ever opened, and one that declares entities is refused, since a few
    lines of them can grow to gigabytes.
    """
    if b"<!ENTITY" in content.replace(b"\0", b""):  # in UTF-16 too
        return [], "it declares XML entities, which feeds have no use for; nothing of it was read"
    # A stream, since bytes that happen to be a path would be opened. Bodies are cleaned by simrec.
    found = feedparser.parse(io.BytesIO(content), sanitize_html=False, resolve_relative_uris=False)
    why = str(found.get("bozo_exception", "it is XML of another kind, or empty")).rpartition(": ")[
        2
    ]
    if not found.get("version"):
        return [], f"not RSS or Atom ({why})"
    records = [_record(entry, found.feed) for entry in found.entries]
    if found.bozo and not CLOSED.search(content[-TAIL:]):
        return records[:-1], f"the feed is cut short here ({why})"
    return records, ""


def _record(entry: Any, feed: Any) -> dict[str, Any]:
    body = max(
        entry.get("content", ()),
        key=lambda part: len(part.value),
        default=entry.get("summary_detail"),
    )
    link = entry.get("link", "")  # an Atom id, where there is none
    terms = [tag.term for tag in entry.get("tags", ()) if tag.get("term")]
    return {
        "id": entry.get("id") or link,
        "title": entry.get("title", ""),
        "text": _marked(body) if body else "",
        "account": feed.get("title"),
        "author": entry.get("author"),
        "published_at": entry.get("published") or entry.get("updated"),
        "url": link if link.startswith("http") else None,
        "lang": (body or {}).get("language") or feed.get("language"),
        "category": terms[0] if terms else None,
        "tags": terms,
    }


def _marked(body: Any) -> str:
    """Return a body so that cleaning sees what it is: of HTML, feeds often hold a piece that starts with a word."""
    return str(body.value) if body.type == "text/plain" else f"<div>{body.value}</div>"
