"""JSON Feed, versions 1 and 1.1: its items become records as the entries of RSS and Atom do."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from simrec.articles.local_ids import feed_prefix, hashed_id
from simrec.articles.sources.export_source import JsonExport, id_at, list_at, objects_at, text_at
from simrec.articles.sources.marked_up import as_html, plain_as_html, says_something
from simrec.articles.sources.source import Record
from simrec.files import JsonObject


class JsonfeedSource(JsonExport):
    """A JSON Feed; the account of an item is the feed, as in RSS and Atom."""

    claims_ids = True

    expected = "a version of jsonfeed.org, and items"

    @staticmethod
    def recognises(document: Any) -> bool:
        return "jsonfeed.org/version/" in text_at(document, "version")

    @staticmethod
    def prefix(document: Any) -> str:
        return feed_prefix(_home(document), text_at(document, "title"))

    @staticmethod
    def records(document: Any) -> Iterator[Record]:
        for item in objects_at(document, "items"):
            yield _record(item, document)


def _record(item: JsonObject, feed: JsonObject) -> Record:
    home = _home(feed)
    title = text_at(feed, "title")
    link = text_at(item, "url") or text_at(item, "external_url")
    url = urljoin(home, link) if link else ""
    authors = _authors(item) or _authors(feed)
    tags = [str(tag) for tag in list_at(item, "tags") if isinstance(tag, str | int)]
    text = _body(item)
    item_title = text_at(item, "title")
    published_at = item.get("date_published") or item.get("date_modified")
    without_id = hashed_id(f"{home} {title}", item_title, str(published_at or ""), text)
    return {
        "id": id_at(item, "id") or url or without_id,
        "title": item_title,
        "text": text,
        "account": title or None,
        "author": authors[0] if authors else None,
        "authors": authors,
        "published_at": published_at,
        "url": url if url.startswith(("http://", "https://")) else None,
        "lang": text_at(item, "language") or text_at(feed, "language") or None,
        "category": tags[0] if tags else None,
        "tags": tags,
        "image": text_at(item, "image") or text_at(item, "banner_image") or None,
    }


def _home(feed: JsonObject) -> str:
    return text_at(feed, "home_page_url") or text_at(feed, "feed_url")


def _authors(holder: JsonObject) -> list[str]:
    """Return the names of authors: a list in version 1.1, one in version 1."""
    names = [text_at(author, "name") for author in objects_at(holder, "authors")]
    names.append(text_at(holder, "author", "name"))
    return list(dict.fromkeys(filter(None, names)))


def _body(item: JsonObject) -> str:
    body = text_at(item, "content_html")
    if says_something(body):
        return as_html(body)
    return plain_as_html(text_at(item, "content_text") or text_at(item, "summary"))
