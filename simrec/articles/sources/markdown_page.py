"""Markdown files: front matter and text, as site generators and note-taking programs write them."""

import re
from pathlib import PurePosixPath
from typing import Any

from simrec.articles.bodies import body_text
from simrec.articles.sources.front_matter import Problems, split_front_matter
from simrec.articles.sources.page_markup import (
    inline_tags,
    without_liquid,
    without_marks,
    without_note_signs,
    without_shortcodes,
    without_wiki_links,
)
from simrec.articles.sources.site import CONTENT, DATED_POST, NOTION_ID, Site
from simrec.articles.sources.source import Record
from simrec.config import Fields

# Under which names front matter holds what our fields hold by default, best first.
OTHER_NAMES = {
    "account": ("author", "authors", "creator"),
    "published_at": ("publishdate", "date", "published", "pubdate", "created"),
    "category": ("categories",),
    "tags": ("keywords",),
    "lang": ("language",),
    "url": ("canonical_url", "canonicalurl"),
    "image": ("cover", "featured_image", "thumbnail"),
}
NESTED = ("params", "taxonomies", "extra")  # where Hugo and its like keep more of them
LIQUID_SITES = ("jekyll", "eleventy")
BLANKS = re.compile(r"\s+")
PROPERTY = re.compile(r"([A-Za-z][\w -]{0,40}):[ \t]+(\S.*)")
SENTENCE_ENDS = (".", "!", "?", "。", "！", "？")
UNDERLINED = re.compile(r"([^\n]+)\n=+[ \t]*(?:\n|\Z)")
HEADING_NAME = re.compile(r"\s*\{:?\s*[#.][^{}\n]*\}\s*\Z")


def markdown_record(
    text: str, path: PurePosixPath, site: Site, fields: Fields
) -> tuple[Record, Problems]:
    """Return a Markdown file as a record, and what could not be read of its front matter.

    Its path is given below its folder. Raises ValueError where no front matter can be read.
    """
    front = split_front_matter(text, _text_fields(fields))
    record = {str(name): value for name, value in front.values.items()}
    body = front.body
    if not record:
        record, body = _split_metadata(body)
    if not record.get("title"):
        heading, body = _split_heading(body)
        if heading:
            record["title"] = heading
    if site.generator == "notion":
        properties, body = _split_properties(body)
        record = {**properties, **record}
    _add_name(record, path, site)
    if site.generator == "obsidian":
        _add_tags(record, inline_tags(body))
    _add_known(record, site)
    url = _url(record, path, site)
    if url:
        record["url"] = url
    has_layout = "layout" in record and site.generator != "hugo"
    record["text"] = body_text(_without_markup(body, site, has_layout), "markdown")
    return record, front.problems


def _text_fields(fields: Fields) -> set[str]:
    names = (fields.id, fields.title, fields.account, fields.url, fields.lang, fields.category)
    return {*names, "author", "slug", "permalink"}


def _split_heading(body: str) -> tuple[str, str]:
    body = body.lstrip()
    first, _, rest = body.partition("\n")
    underlined = UNDERLINED.match(body)
    if underlined:
        first = f"# {underlined[1]}"
        rest = body[underlined.end() :]
    if first.startswith("# "):
        heading = HEADING_NAME.sub("", without_wiki_links(first[2:]))
        return body_text(heading, "markdown"), rest
    return "", body


def _split_properties(body: str) -> tuple[Record, str]:
    """Return the lines `Name: value` that Notion writes below a title, and the text after them.

    A line that is a sentence may be the first of the text, and stays there as well.
    """
    properties, rest = _properties(body)
    sentences = [
        f"{name}: {value}\n\n"
        for name, value in properties.items()
        if value.endswith(SENTENCE_ENDS)
    ]
    return properties, "".join([*sentences, rest])


def _split_metadata(body: str) -> tuple[Record, str]:
    """Return the lines `Title: ...` that Pelican and MultiMarkdown begin with, and the rest."""
    properties, rest = _properties(body)
    named = {name.lower(): value for name, value in properties.items()}
    return (named, rest) if "title" in named else ({}, body)


def _properties(body: str) -> tuple[Record, str]:
    """Return the lines of a first block of which each is `Name: value`, and what follows it."""
    block, _, rest = body.strip().partition("\n\n")
    found = [PROPERTY.fullmatch(line.strip()) for line in block.splitlines()]
    if not found or None in found:
        return {}, body
    return {match[1]: match[2] for match in found if match}, rest


def _add_name(record: Record, path: PurePosixPath, site: Site) -> None:
    """Add what the name of a file says: its title, or the date and slug of a post."""
    notion = NOTION_ID.fullmatch(path.stem)
    dated = DATED_POST.fullmatch(path.stem)
    if site.generator == "notion" and notion:
        record["title"] = record.get("title") or notion[1]
    elif site.generator == "obsidian":
        record["title"] = record.get("title") or path.stem
    elif "_drafts" in path.parts:
        record.setdefault("status", "draft")
    elif "_posts" in path.parts and dated:
        record.setdefault("date", dated[1])
        record.setdefault("slug", dated[2])


def _add_tags(record: Record, tags: list[str]) -> None:
    if not tags:
        return
    named = record.get("tags") or []
    if isinstance(named, str):
        named = [tag.lstrip("#") for tag in re.split(r"[,\s]+", named)]
    if isinstance(named, list):
        record["tags"] = list(dict.fromkeys([*named, *tags]))


def _add_known(record: Record, site: Site) -> None:
    """Add what our fields hold by default from the names that other programs have for it."""
    lowered = _lowered(record)
    for name in NESTED:
        if isinstance(lowered.get(name), dict):
            lowered = {**_lowered(lowered[name]), **lowered}
    unpublished = (lowered.get("published"), lowered.get("permalink"))
    if lowered.get("draft") is True or False in unpublished:
        record.setdefault("status", "draft")
    if lowered.get("private") is True:
        record.setdefault("status", "private")
    for field, names in OTHER_NAMES.items():
        for name in (field, *names):
            value = _plain(field, lowered.get(name))
            if value and not record.get(field):
                record[field] = value
    tags = record.get("tags")
    if site.generator == "jekyll" and isinstance(tags, str) and "," not in tags:
        record["tags"] = tags.split()


def _lowered(record: Record) -> Record:
    return {str(name).lower(): value for name, value in record.items()}


def _plain(field: str, value: Any) -> Any:
    """Return a value as our field takes it: of several authors or categories, the first."""
    if field in {"account", "category"}:
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            value = value.get("name")
        return value if isinstance(value, str) else None
    return None if isinstance(value, bool) else value


def _url(record: Record, path: PurePosixPath, site: Site) -> str | None:
    """Return the link of a page, or its path on the site where the address is not known."""
    for name in ("url", "permalink"):
        link = record.get(name)
        if isinstance(link, str) and "{" not in link and (link.startswith("/") or "://" in link):
            return site.address(link) if link.startswith("/") else link
    return _hugo_url(record, path, site) if site.generator == "hugo" and site.by_path else None


def _hugo_url(record: Record, path: PurePosixPath, site: Site) -> str | None:
    """Return the address that a page of Hugo has by its path, None where it may be another one."""
    if "." in path.stem:
        return None  # page.en.md: whether its language is part of the address is not known
    folders = list(path.parts[:-1])
    if folders and folders[0] == CONTENT:
        folders = folders[1:]
    names = [*site.above, *folders]
    if path.stem not in {"index", "_index"}:
        names.append(path.stem)
    slug = record.get("slug")
    if slug and names and path.stem != "_index":
        names[-1] = str(slug)
    return site.address("".join(f"/{BLANKS.sub('-', name.lower())}" for name in names) + "/")


def _without_markup(body: str, site: Site, has_layout: bool) -> str:
    body = without_marks(without_wiki_links(without_shortcodes(body)))
    if has_layout or site.generator in LIQUID_SITES:
        body = without_liquid(body)
    if site.generator == "obsidian":
        body = without_note_signs(body)
    return body
