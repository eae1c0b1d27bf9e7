"""Ghost: the JSON of Settings > Export, and what its Content API answers."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from simrec.articles.sources.export_source import (
    JsonExport,
    at,
    id_at,
    object_at,
    objects_at,
    text_at,
)
from simrec.articles.sources.ghost_editor import editor_html
from simrec.articles.sources.marked_up import as_html, plain_as_html, says_something
from simrec.articles.sources.source import Record
from simrec.files import JsonObject

INTERNAL = "#"  # begins the name of a tag that readers do not see

Names = dict[str, list[str]]  # of authors or tags, in order, by the id of their post


class GhostSource(JsonExport):
    """An export of Ghost; the account is the first author of a post."""

    expected = "db[0].data.posts of Ghost, or posts of its Content API"

    @staticmethod
    def recognises(document: Any) -> bool:
        data = _data(document)
        known = {"comment_id", "mobiledoc", "lexical"} & object_at(data, "posts", 0).keys()
        return isinstance(at(data, "posts"), list) and ("posts_tags" in data or bool(known))

    @staticmethod
    def records(document: Any) -> Iterator[Record]:
        data = _data(document)
        authors = _linked_names(data, "posts_authors", "users", "author_id")
        tags = _linked_names(data, "posts_tags", "tags", "tag_id")
        users = {id_at(user, "id"): text_at(user, "name") for user in objects_at(data, "users")}
        settings = {
            text_at(setting, "key"): text_at(setting, "value")
            for setting in objects_at(data, "settings")
        }
        for post in objects_at(data, "posts"):
            post_id = id_at(post, "id")
            names = authors.get(post_id) or [users.get(id_at(post, "author_id"), "")]
            names = [text_at(author, "name") for author in objects_at(post, "authors")] or names
            terms = [text_at(tag, "name") for tag in objects_at(post, "tags")]
            yield _record(post, list(filter(None, names)), terms or tags[post_id], settings)


def _data(document: Any) -> Any:
    """Return what an export holds, whatever its version wraps it in."""
    for path in (("db", 0, "data"), ("db", "data"), ("data",)):
        if object_at(document, *path):
            return object_at(document, *path)
    return document


def _record(
    post: JsonObject, authors: list[str], tags: list[str], settings: dict[str, str]
) -> Record:
    public = [tag for tag in tags if tag and not tag.startswith(INTERNAL)]
    is_page = text_at(post, "type") == "page" or post.get("page") in (1, True)
    language = text_at(post, "locale") or settings.get("locale") or settings.get("lang")
    return {
        "id": id_at(post, "id"),
        "title": text_at(post, "title"),
        "text": _body(post),
        "account": authors[0] if authors else settings.get("title"),
        "author": authors[0] if authors else None,
        "authors": authors,
        "site": settings.get("title"),
        "published_at": post.get("published_at"),
        "url": _url(post),
        "slug": text_at(post, "slug") or None,
        "lang": language or None,
        "category": public[0] if public else None,
        "tags": public,
        "image": text_at(post, "feature_image") or None,
        "status": text_at(post, "status") or None,
        "kind": "page" if is_page else "post",
    }


def _url(post: JsonObject) -> str | None:
    """Return the address of a post; an export has none, but for texts from elsewhere."""
    for name in ("url", "canonical_url"):
        url = text_at(post, name)
        if url.startswith(("http://", "https://")):
            return url
    return None


def _body(post: JsonObject) -> str:
    body = text_at(post, "html")
    if says_something(body):
        return as_html(body)
    plain = text_at(post, "plaintext")
    edited = "" if plain.strip() else editor_html(post)
    return as_html(edited) or plain_as_html(plain or text_at(post, "custom_excerpt"))


def _linked_names(data: Any, links: str, named: str, key: str) -> Names:
    """Return the names that posts are linked with in a table of links, in its order."""
    names = {id_at(each, "id"): text_at(each, "name") for each in objects_at(data, named)}
    by_post: Names = defaultdict(list)
    for link in sorted(objects_at(data, links), key=_sort_order):
        name = names.get(id_at(link, key))
        if name:
            by_post[id_at(link, "post_id")].append(name)
    return by_post


def _sort_order(link: JsonObject) -> int:
    order = link.get("sort_order")
    return order if isinstance(order, int) else 0
