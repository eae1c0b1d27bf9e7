"""Entries of feeds become records, under the names that fields have by default."""

import re
from typing import Any
from urllib.parse import urljoin

from simrec.articles.html_text import fragment_text, is_html
from simrec.articles.local_ids import feed_prefix, hashed_id
from simrec.articles.sources.marked_up import as_html, plain_as_html, says_something
from simrec.articles.sources.source import Record
from simrec.articles.sources.wordpress_xml import article_status
from simrec.articles.values import is_missing

AUTHOR_IN_BRACKETS = re.compile(r"\S+@\S+\s+\((.+)\)\s*\Z", re.DOTALL)
TEXT_TYPES = ("text/", "application/xhtml", "html", "xhtml")


def entry_record(entry: Any, feed: Any, is_atom: bool) -> Record:
    """Return an entry as a record; its links are resolved and its title is plain text."""
    body = _body(entry)
    base = _home(feed)
    url = _url(entry, base)
    title = _title(entry, is_atom)
    text = _marked_up(body, is_atom) if body else ""
    published_at = entry.get("published") or entry.get("updated") or entry.get("created")
    terms = [tag.term for tag in entry.get("tags", ()) if tag.get("term")]
    record = {
        "id": _id(entry, url, base)
        or hashed_id(entry_prefix(feed), title, published_at or "", text),
        "title": title,
        "text": text,
        "account": feed.get("title"),
        "author": _author(entry),
        "published_at": published_at,
        "url": url,
        "lang": _language(entry, body, feed),
        "category": terms[0] if terms else None,
        "tags": terms,
        "image": _image(entry),
    }
    status = _status(entry)
    return record | {"status": status} if status else record


def _status(entry: Any) -> str:
    """Return the status of an entry of a system's own backup, "" for what a feed shows to all."""
    if entry.get("app_draft", "").strip().lower() == "yes":
        return "draft"
    kind = entry.get("wp_post_type", "")
    return article_status(entry.get("wp_status", ""), kind, entry.get("wp_post_password", ""))


def entry_prefix(feed: Any) -> str:
    """Return what stands before the ids of a feed that are no URLs."""
    return feed_prefix(_home(feed), str(feed.get("title", "")))


def _home(feed: Any) -> str:
    """Return the page that a feed's links are relative to, "" where it names none."""
    hrefs = [feed.get("link", "")]
    hrefs += [link.get("href", "") for link in feed.get("links", ())]
    hrefs.append(feed.get("id", ""))
    for href in hrefs:
        if href.startswith(("http://", "https://")):
            return str(href)
    return ""


def _id(entry: Any, url: str | None, home: str) -> str:
    """Return the id of an entry, else its link; "" where that is the feed's page, or N/A."""
    entry_id = entry.get("id")
    if not entry_id or is_missing(entry_id):
        link = url or str(entry.get("link", ""))
        return "" if is_missing(link) or link.rstrip("/") == home.rstrip("/") else link
    if str(entry_id).startswith("/") and entry.get("guidislink") and url:
        return url
    return str(entry_id)


def _url(entry: Any, home: str) -> str | None:
    """Return the address of an entry; a guid that is no link is none, whatever it claims."""
    link = entry.get("feedburner_origlink") or entry.get("link", "")
    if not entry.get("links") and not link.startswith(("http", "/")):
        return None
    url = urljoin(home, link.strip()) if link else ""
    return url if url.startswith(("http://", "https://")) else None


def _title(entry: Any, is_atom: bool) -> str:
    """Return the title as plain text: Atom says whether it is HTML, in RSS its look decides."""
    title = str(entry.get("title", ""))
    detail = entry.get("title_detail") or {}
    as_html = detail.get("type", "text/plain") != "text/plain" or (not is_atom and is_html(title))
    return " ".join(fragment_text(title).split()) if as_html else title


def _image(entry: Any) -> str | None:
    """Return the address of an entry's picture: a thumbnail, or what is said to be an image."""
    media = [*entry.get("media_thumbnail", ()), *entry.get("media_content", ())]
    for each in [*media, *entry.get("enclosures", ())]:
        address = str(each.get("url") or each.get("href") or "")
        is_image = each in entry.get("media_thumbnail", ()) or "image" in (
            each.get("medium", ""),
            each.get("type", "").partition("/")[0],
        )
        if is_image and address.startswith(("http://", "https://")):
            return address
    return None


def _author(entry: Any) -> str | None:
    """Return the name of the author, of several the first; `ada@x.example (Ada)` is Ada."""
    authors = entry.get("authors", ())
    if len(authors) > 1 and authors[0].get("name"):
        return str(authors[0].name)
    author = entry.get("author")
    named = AUTHOR_IN_BRACKETS.match(author or "")
    return named[1] if named else author


def _language(entry: Any, body: Any, feed: Any) -> str | None:
    for where in (entry, body or {}, entry.get("title_detail") or {}, feed):
        if where.get("language"):
            return str(where["language"])
    return None


def _body(entry: Any) -> Any:
    """Return the longest content of an entry, or its summary where no content says anything."""
    contents = [content for content in entry.get("content", ()) if _is_text(content)]
    for body in sorted(contents, key=lambda content: len(content.value), reverse=True):
        if _says_something(body):
            return body
    return entry.get("summary_detail") or (contents[0] if contents else None)


def _is_text(content: Any) -> bool:
    return str(content.get("type") or "text/plain").startswith(TEXT_TYPES)


def _says_something(body: Any) -> bool:
    return bool(body.value.strip()) if body.type == "text/plain" else says_something(body.value)


def _marked_up(body: Any, is_atom: bool) -> str:
    """Return a body so that cleaning sees what it is; in RSS text without tags may be HTML too."""
    if body.type != "text/plain":
        return as_html(body.value)
    return plain_as_html(body.value) if is_atom else str(body.value)
