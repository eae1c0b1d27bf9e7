"""JSON-LD: what a page's script in the words of schema.org says of the article on it."""

import json
from collections.abc import Iterator
from typing import Any

from simrec.articles.sources.export_source import at, list_at, text_at
from simrec.articles.sources.source import Record
from simrec.files import JsonObject

SCRIPT = 'script[type="application/ld+json"]'
POSTINGS = ("BlogPosting", "LiveBlogPosting", "Report")
DEEPEST = 8  # objects in objects


def json_ld_article(tree: Any) -> Record:
    """Return what a page says of its article: headline, author, publisher, date, address.

    {} where it has no such script, or one that cannot be read.
    """
    for script in tree.document.query_selector_all(SCRIPT)[:]:
        try:
            document = json.loads(script.text, strict=False)
        except (ValueError, RecursionError):
            continue
        for item in _objects(document):
            if any(_is_article(kind) for kind in list_at(item, "@type")):
                return _record(item)
    return {}


def _objects(document: Any, depth: int = 0) -> Iterator[JsonObject]:
    """Yield an object and all that it holds, outer ones first."""
    if depth > DEEPEST:
        return
    if isinstance(document, dict):
        yield document
        document = list(document.values())
    if isinstance(document, list):
        for value in document:
            yield from _objects(value, depth + 1)


def _is_article(kind: Any) -> bool:
    return isinstance(kind, str) and (kind.endswith("Article") or kind in POSTINGS)


def _record(item: JsonObject) -> Record:
    authors = [_name(author) for author in list_at(item, "author")]
    addresses = (text_at(item, "url"), _name(item.get("mainEntityOfPage"), "@id"))
    links = [address for address in addresses if address.startswith(("http://", "https://"))]
    return {
        "title": text_at(item, "headline") or text_at(item, "name"),
        "author": next(filter(None, authors), ""),
        "publisher": _name(at(item, "publisher")),
        "published_at": text_at(item, "datePublished") or text_at(item, "dateCreated"),
        "url": next(iter(links), None),
        "lang": text_at(item, "inLanguage"),
        "tags": item.get("keywords"),
    }


def _name(value: Any, key: str = "name") -> str:
    """Return a text, or that in an object under a key."""
    return value if isinstance(value, str) else text_at(value, key)
