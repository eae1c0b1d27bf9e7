"""Saved HTML pages: their text, and what they say of their title, account, date and link."""

import re
from datetime import UTC, datetime
from typing import Any

from simrec.articles.html_text import page_text, parse_page
from simrec.articles.sources.page_json_ld import json_ld_article
from simrec.articles.sources.source import Record

# Where pages say what our fields hold, best first: a `meta` by its name, or an element.
TITLE_META = ("og:title", "twitter:title")
AUTHOR_META = ("author", "article:author", "og:article:author")
IMAGE_META = ("og:image", "og:image:url", "twitter:image")
SITE_META = ("og:site_name",)
DATE_META = (
    "article:published_time",
    "og:published_time",
    "datepublished",
    "date",
    "pubdate",
    "publishdate",
    "dc.date",
    "dcterms.created",
)
DATE_ELEMENTS = "time.dt-published, time[itemprop=datePublished], time[pubdate]"
# In the scripts of a page that WeChat's editor made: seconds since 1970, and names.
CREATED = re.compile(r"""\b(?:ct|oriCreateTime)\s*=\s*["'](\d{10})["']""")
NICKNAME = re.compile(r"""\bnick_?name\s*=\s*(?:htmlDecode\()?["']([^"'<>\\]+)["']""")
MESSAGE_TITLE = re.compile(r"""\bmsg_title\s*=\s*["']([^"'<>\\]+)["']""")
MESSAGE_LINK = re.compile(r"""\bmsg_link\s*=\s*["'](https?:[^"'<>]+)["']""")
# In China's time, which has one zone, where the seconds are not there.
CREATED_IN_CHINA = re.compile(
    r"""\bcreateTime\s*=\s*["'](\d{4}-\d{2}-\d{2} \d{2}:\d{2}(?::\d{2})?)["']"""
)
ESCAPED_AMPERSAND = re.compile(r"(?:\\x26|&)(?:amp;)?")
# What stands between the title of an article and the name of its site.
SITE_NAME = re.compile(r"\s+(?:[|–—·»«-]|::)\s")


def html_record(page: str) -> Record:
    """Return a page as a record: its `meta` elements by name, and our fields where it tells them.

    Fields of ours that a `meta` names itself are left as they are.
    """
    tree = parse_page(page)
    record = _meta(tree)
    known = _known(tree, record)
    if _element(tree, "#js_content"):
        known |= {name: value for name, value in _wechat(tree, page, record).items() if value}
    for name, value in known.items():
        if value and not record.get(name):
            record[name] = value
    record["title"] = known["title"] or ""
    record["text"] = page_text(tree)
    return record


def _meta(tree: Any) -> Record:
    record: Record = {}
    for meta in tree.head.query_selector_all("meta")[:] if tree.head else ():
        name = meta.getattr("name") or meta.getattr("property") or meta.getattr("itemprop")
        if name:
            record.setdefault(name, meta.getattr("content"))
    return record


def _known(tree: Any, meta: Record) -> Record:
    named = {str(name).lower(): value for name, value in meta.items()}
    article = json_ld_article(tree)
    account = _words(tree, ".p-author") or _no_address(_first(named, AUTHOR_META))
    account = account or article.get("author") or _first(named, SITE_META)
    dated = _element(tree, DATE_ELEMENTS)
    return {
        "title": _title(tree, named) or article.get("title") or "",
        "account": account or article.get("publisher"),
        "published_at": (dated and dated.getattr("datetime"))
        or _first(named, DATE_META)
        or article.get("published_at"),
        "url": _address(tree, named) or article.get("url"),
        "lang": _attribute(tree, "html", "lang") or article.get("lang"),
        "tags": _first(named, ("news_keywords", "keywords")) or article.get("tags"),
        "image": _first(named, IMAGE_META),
    }


def _title(tree: Any, named: Record) -> str:
    """Return the title of a page, without the name of its site where a heading lacks that too."""
    title = " ".join((_words(tree, ".p-name") or tree.title or "").split())
    headings = [_first(named, TITLE_META) or "", _words(tree, "h1")]
    for heading in headings:
        heading = " ".join(heading.split())
        if heading and title.startswith(heading) and SITE_NAME.match(title, len(heading)):
            return heading
    return title or next(filter(None, headings), "")


def _wechat(tree: Any, page: str, meta: Record) -> Record:
    """Return what a saved article of WeChat says; a script fills its `title` only later."""
    created = CREATED.search(page)
    name = NICKNAME.search(page)
    title = MESSAGE_TITLE.search(page)
    link = MESSAGE_LINK.search(page)
    in_china = CREATED_IN_CHINA.search(page)
    moment = datetime.fromtimestamp(int(created[1]), UTC) if created else None
    return {
        "title": meta.get("og:title") or _words(tree, "#activity-name") or (title or "  ")[1],
        "account": _words(tree, "#js_name") or (name and name[1]) or meta.get("author"),
        "published_at": moment or (in_china and f"{in_china[1]} +0800"),
        "url": link and ESCAPED_AMPERSAND.sub("&", link[1]),
    }


def _address(tree: Any, named: Record) -> str | None:
    addresses = (
        _attribute(tree, ".p-canonical", "href"),
        _attribute(tree, "link[rel=canonical]", "href"),
        named.get("og:url"),
    )
    for address in addresses:
        if address and address.startswith(("http://", "https://")):
            return address
    return None


def _element(tree: Any, selector: str) -> Any:
    return tree.document.query_selector(selector)


def _words(tree: Any, selector: str) -> str:
    element = _element(tree, selector)
    return " ".join(element.text.split()) if element else ""


def _attribute(tree: Any, selector: str, name: str) -> str | None:
    element = _element(tree, selector)
    return element.getattr(name) if element else None


def _first(named: Record, names: tuple[str, ...]) -> str | None:
    for name in names:
        if named.get(name):
            return str(named[name])
    return None


def _no_address(name: str | None) -> str | None:
    """Return a name; an address, as of a page at Facebook, is none."""
    return None if name and "://" in name else name
