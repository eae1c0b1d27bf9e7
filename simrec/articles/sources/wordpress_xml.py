"""WordPress eXtended RSS (WXR), what Tools > Export writes: items become records."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from simrec.articles.shortcodes import without_shortcodes
from simrec.articles.sources.marked_up import as_html, plain_title, says_something
from simrec.articles.sources.source import Record
from simrec.articles.sources.xml_tree import text_of

ARTICLE_KINDS = ("post", "page")
NO_DATE = re.compile(r"0000|-0001|\S+ \d+ \w+ -")  # of what was never published


def wordpress_records(children: Iterator[Element]) -> Iterator[Record]:
    """Yield a record for each item of a channel, whatever its status and kind.

    The account is the author's display name; comments are no records.
    """
    site: dict[str, str] = {}
    authors: dict[str, str] = {}
    for child in children:
        if child.tag == "item":
            yield _record(child, site, authors)
        elif child.tag == "wp:author":
            login = text_of(child, "wp:author_login")
            authors[login] = text_of(child, "wp:author_display_name") or login
        elif child.text:
            site[child.tag] = child.text.strip()


def article_status(status: str, kind: str, password: str) -> str:
    """Return the status of a post; that of what is no post and no page is its kind."""
    if kind not in (*ARTICLE_KINDS, ""):
        return kind.replace("nav_menu_item", "menu item")
    if password:
        return "password"
    return "scheduled" if status == "future" else status


def _record(item: Element, site: dict[str, str], authors: dict[str, str]) -> Record:
    login = text_of(item, "dc:creator")
    author = authors.get(login) or login or None
    categories, tags = _terms(item)
    kind = text_of(item, "wp:post_type")
    link = text_of(item, "link")
    return {
        "id": _id(item, site, link),
        "title": plain_title(text_of(item, "title")),
        "text": _body(item),
        "account": author or site.get("title"),
        "author": author,
        "site": site.get("title"),
        "published_at": _date(item),
        "url": link if link.startswith(("http://", "https://")) else None,
        "slug": text_of(item, "wp:post_name") or None,
        "lang": site.get("language"),
        "category": categories[0] if categories else None,
        "tags": list(dict.fromkeys(categories + tags)),
        "status": article_status(
            text_of(item, "wp:status"), kind, text_of(item, "wp:post_password")
        ),
        "kind": kind,
    }


def _id(item: Element, site: dict[str, str], link: str) -> str:
    """Return the guid of an item, or what WordPress would have made it of."""
    home = site.get("wp:base_blog_url") or site.get("link", "")
    return text_of(item, "guid") or link or f"{home}/?p={text_of(item, 'wp:post_id')}"


def _body(item: Element) -> str:
    body = without_shortcodes(text_of(item, "content:encoded"))
    if not says_something(body):
        body = text_of(item, "excerpt:encoded") or text_of(item, "description") or body
    return as_html(body)


def _date(item: Element) -> str | None:
    """Return the time of publication: that in GMT before the feed's and the site's own."""
    gmt = text_of(item, "wp:post_date_gmt")
    if gmt and not NO_DATE.match(gmt):
        return f"{gmt.replace(' ', 'T')}Z"
    for name in ("pubDate", "wp:post_date"):
        date = text_of(item, name)
        if date and not NO_DATE.match(date):
            return date
    return None


def _terms(item: Element) -> tuple[list[str], list[str]]:
    """Return the names of an item's categories and of its tags."""
    names: dict[str, list[str]] = {"category": [], "post_tag": []}
    for term in item.findall("category"):
        domain = term.get("domain", "category").replace("tag", "post_tag", 1)
        domain = "post_tag" if domain.endswith("post_tag") else domain
        if domain in names and term.text and term.text.strip():
            names[domain].append(term.text.strip())
    return names["category"], names["post_tag"]
