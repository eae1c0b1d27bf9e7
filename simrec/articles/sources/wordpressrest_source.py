"""WordPress: what its REST interface answers in JSON."""

from collections.abc import Iterator
from typing import Any

from simrec.articles.shortcodes import without_shortcodes
from simrec.articles.sources.export_source import (
    JsonExport,
    at,
    id_at,
    list_at,
    objects_at,
    text_at,
)
from simrec.articles.sources.marked_up import as_html, plain_title, says_something
from simrec.articles.sources.source import Record
from simrec.articles.sources.wordpress_xml import article_status
from simrec.files import JsonObject


class WordpressrestSource(JsonExport):
    """A list of posts or pages of /wp-json/wp/v2, best with `_embed` for names."""

    expected = "a list of posts with title.rendered and content.rendered"

    @staticmethod
    def recognises(document: Any) -> bool:
        first = at(document, 0) or document
        return (
            at(first, "content", "rendered") is not None
            and at(first, "title", "rendered") is not None
        )

    @staticmethod
    def records(document: Any) -> Iterator[Record]:
        for post in objects_at(document):
            yield _rest_record(post)


def _rest_record(post: JsonObject) -> Record:
    categories = _terms(post, "category")
    tags = _terms(post, "post_tag")
    link = text_at(post, "link")
    author = text_at(post, "_embedded", "author", 0, "name")
    author = author or text_at(post, "yoast_head_json", "author")
    kind = text_at(post, "type")
    picture = text_at(post, "_embedded", "wp:featuredmedia", 0, "source_url")
    hidden = at(post, "content", "protected") is True
    gmt = text_at(post, "date_gmt")
    return {
        "id": text_at(post, "guid", "rendered") or link or id_at(post, "id"),
        "title": plain_title(text_at(post, "title", "rendered")),
        "text": _rest_body(post),
        "account": author or None,
        "author": author or None,
        "published_at": f"{gmt}Z" if gmt else text_at(post, "date") or None,
        "url": link or None,
        "slug": text_at(post, "slug") or None,
        "lang": text_at(post, "lang") or None,
        "category": categories[0] if categories else None,
        "tags": list(dict.fromkeys(categories + tags)),
        "image": picture or text_at(post, "jetpack_featured_media_url") or None,
        "status": article_status(text_at(post, "status"), kind, "yes" if hidden else "") or None,
        "kind": kind or None,
    }


def _rest_body(post: JsonObject) -> str:
    body = without_shortcodes(text_at(post, "content", "rendered"))
    return as_html(body if says_something(body) else text_at(post, "excerpt", "rendered"))


def _terms(post: JsonObject, taxonomy: str) -> list[str]:
    names = []
    for terms in list_at(post, "_embedded", "wp:term"):
        for term in list_at(terms):
            if text_at(term, "taxonomy") == taxonomy and text_at(term, "name"):
                names.append(plain_title(text_at(term, "name")))
    return names
