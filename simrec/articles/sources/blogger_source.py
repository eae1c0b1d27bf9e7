"""Blogger: the Atom file of Settings > Back up, of the old kind and of that since 2024."""

from collections.abc import Iterator
from urllib.parse import urljoin
from xml.etree.ElementTree import Element

from simrec.articles.sources.export_source import PUBLISHED, XmlExport
from simrec.articles.sources.marked_up import as_html, plain_title
from simrec.articles.sources.source import Record
from simrec.articles.sources.xml_tree import Child, text_of

KIND_SCHEME = "http://schemas.google.com/g/2005#kind"
STATUSES = {"live": PUBLISHED, "soft_trashed": "trash", "ghosted": "hidden"}
NO_RECORDS = ("comment", "template", "settings")


class BloggerSource(XmlExport):
    """An export of Blogger; comments, templates and settings are no records."""

    root = "feed"
    depth = 2  # feed, entry

    def records(self, children: Iterator[Child]) -> Iterator[Record]:
        title = ""
        home = ""
        for child in children:
            if child.tag == "title":
                title = (child.text or "").strip()
            elif child.tag == "link" and child.get("rel") == "alternate":
                home = child.get("href", "")
            elif child.tag == "entry" and _kind(child) not in NO_RECORDS:
                yield _record(child, title, home)


def _kind(entry: Element) -> str:
    """Return post, page, comment, template or settings."""
    for category in entry.findall("category"):
        if category.get("scheme") == KIND_SCHEME:
            return category.get("term", "").rpartition("#")[2]
    return text_of(entry, "blogger:type").lower() or "post"


def _record(entry: Element, title: str, home: str) -> Record:
    author = entry.find("author")
    name = text_of(author, "name") if author is not None else ""
    terms = [
        category.get("term", "")
        for category in entry.findall("category")
        if category.get("scheme") != KIND_SCHEME and category.get("term")
    ]
    return {
        "id": text_of(entry, "id"),
        "title": plain_title(text_of(entry, "title")),
        "text": as_html(text_of(entry, "content") or text_of(entry, "summary")),
        "account": name or title or None,
        "author": name or None,
        "site": title or None,
        "published_at": text_of(entry, "published") or text_of(entry, "blogger:created") or None,
        "url": _url(entry, home),
        "category": terms[0] if terms else None,
        "tags": terms,
        "status": _status(entry),
        "kind": _kind(entry),
    }


def _status(entry: Element) -> str:
    control = entry.find("app:control")
    if control is not None and text_of(control, "app:draft").lower() == "yes":
        return "draft"
    status = text_of(entry, "blogger:status").lower()
    return STATUSES.get(status, status) or PUBLISHED


def _url(entry: Element, home: str) -> str | None:
    """Return the page of an entry; exports since 2024 hold its path alone."""
    for link in entry.findall("link"):
        if link.get("rel") == "alternate" and link.get("href"):
            return link.get("href")
    path = text_of(entry, "blogger:filename")
    return urljoin(home, path) if home and path else None
