"""Drupal: what its JSON:API module answers for nodes."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from simrec.articles.sources.export_source import (
    PUBLISHED,
    JsonExport,
    at,
    id_at,
    object_at,
    objects_at,
    text_at,
)
from simrec.articles.sources.marked_up import as_html, says_something
from simrec.articles.sources.source import Record
from simrec.files import JsonObject

NODE = "node--"  # begins the type of content; the rest is media, comments, terms
TERM = "taxonomy_term--"
NO_LANGUAGE = ("und", "zxx")

Included = dict[tuple[str, str], JsonObject]  # attributes by type and id


class DrupalSource(JsonExport):
    """Nodes of JSON:API; `include=uid,field_tags` brings the names of authors and tags."""

    expected = "data of JSON:API with nodes"

    @staticmethod
    def recognises(document: Any) -> bool:
        return any(text_at(node, "type").startswith(NODE) for node in objects_at(document, "data"))

    @staticmethod
    def records(document: Any) -> Iterator[Record]:
        included: Included = {}
        for resource in objects_at(document, "included"):
            key = (text_at(resource, "type"), text_at(resource, "id"))
            included[key] = object_at(resource, "attributes")
        home = _href(at(document, "links", "self"))
        for node in objects_at(document, "data"):
            if text_at(node, "type").startswith(NODE):
                yield _record(node, included, home)


def _record(node: JsonObject, included: Included, home: str) -> Record:
    attributes = object_at(node, "attributes")
    author = included.get(("user--user", text_at(node, "relationships", "uid", "data", "id")), {})
    name = text_at(author, "display_name") or text_at(author, "name") or None
    terms = _terms(node, included)
    language = text_at(attributes, "langcode")
    return {
        "id": text_at(node, "id"),
        "title": text_at(attributes, "title"),
        "text": _body(attributes),
        "account": name,
        "author": name,
        "published_at": attributes.get("published_at") or attributes.get("created"),
        "url": _url(node, attributes, home),
        "lang": None if language in NO_LANGUAGE else language or None,
        "category": terms[0] if terms else None,
        "tags": terms,
        "status": PUBLISHED if attributes.get("status", True) in (True, 1, "1") else "draft",
        "kind": text_at(node, "type").removeprefix(NODE),
    }


def _body(attributes: JsonObject) -> str:
    """Return the body as it is shown, or the longest formatted text where no field is called so."""
    fields = [attributes.get("body")]
    fields += [value for name, value in attributes.items() if name.startswith("field_")]
    texts = [text_at(field, "processed") or text_at(field, "value") for field in fields]
    if says_something(texts[0]):
        return as_html(texts[0])
    return as_html(max(texts, key=len) or text_at(attributes, "body", "summary"))


def _url(node: JsonObject, attributes: JsonObject, home: str) -> str | None:
    base = home or _href(at(node, "links", "self"))
    path = text_at(attributes, "path", "alias")
    number = id_at(attributes, "drupal_internal__nid")
    if not path and number:
        path = f"/node/{number}"
    return urljoin(base, path) if base and path else None


def _href(link: Any) -> str:
    return link if isinstance(link, str) else text_at(link, "href")


def _terms(node: JsonObject, included: Included) -> list[str]:
    """Return the names of the taxonomy terms that a node refers to, as far as they are included."""
    names = []
    for relationship in object_at(node, "relationships").values():
        for term in objects_at(relationship, "data"):
            key = (text_at(term, "type"), text_at(term, "id"))
            if key[0].startswith(TERM) and text_at(included.get(key), "name"):
                names.append(text_at(included.get(key), "name"))
    return list(dict.fromkeys(names))
