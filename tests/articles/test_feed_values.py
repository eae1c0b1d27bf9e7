"""Random records are written as feeds and exports in odd ways, and read back equal."""

import html
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simrec.articles.bodies import body_text
from simrec.articles.cleaning import clean_title
from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import Split, read_rows
from simrec.config import Fields, SourceConfig

FILES = 2_500 if os.environ.get("SIMREC_LONG") else 60
WORDS = [
    "tide", "Café", "潮汐", "R&D", "naïve", "5€", "“noon”", "Прилив", "😀", "l'été", "100%", "AT&T;",
    "&lang", "a=b&section=c", "§", "ß", "#1", "]]", "O’Neil", "क्या",
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "gb18030"]

Values = dict[str, Any]
Writer = Callable[[list[Values], random.Random], bytes]


def made(rng: random.Random, number: int) -> Values:
    def text(least: int, most: int) -> str:
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most)))

    return {
        "id": f"urn:example:{number}",
        "title": f"T{number} {text(1, 5)}",
        "text": "\n\n".join(f"P {text(3, 12)}" for _ in range(rng.randint(1, 3))),
        "author": f"Ada {rng.choice(['Pier', 'Quay', 'Łódź', 'O’Neil'])}",
        "url": f"https://paper.example/{number}?a={number}&section=2",
        "tags": sorted(rng.sample(["sea", "moon", "R&D", "潮汐"], rng.randint(0, 3))),
    }


def as_paragraphs(text: str) -> str:
    return "".join(f"<p>{html.escape(part, quote=False)}</p>" for part in text.split("\n\n"))


def escaped(text: str, rng: random.Random) -> str:
    """Return text as XML: as CDATA, with references by name or number, or as surrogate pairs."""
    if rng.random() < 0.4 and "]]" not in text:
        return f"<![CDATA[{text}]]>"
    return "".join(_character(character, rng) for character in text)


def _character(character: str, rng: random.Random) -> str:
    code = ord(character)
    if character in "&<>":
        return rng.choice([html.escape(character), f"&#{code};", f"&#x{code:X};"])
    if code > 0xFFFF and rng.random() < 0.5:
        high = 0xD800 + ((code - 0x10000) >> 10)
        low = 0xDC00 + ((code - 0x10000) & 0x3FF)
        return rng.choice([f"&#{high};&#{low};", f"&#x{high:x};&#x{low:X};"])
    if code > 127 and rng.random() < 0.3:
        return {"é": "&eacute;", "€": "&euro;", "ß": "&szlig;"}.get(character, f"&#{code};")
    return character


def encoded(xml: str, rng: random.Random) -> bytes:
    """Return a document in some encoding, declared, with a doctype or something behind its end."""
    encoding = rng.choice(ENCODINGS)
    name = {"utf-8-sig": "utf-8", "gb18030": rng.choice(["gb18030", "gb2312", "GBK"])}
    declared = name.get(encoding, encoding)
    doctype = rng.choice(["", "<!DOCTYPE rss SYSTEM 'http://x.example/rss-0.91.dtd'>"])
    behind = rng.choice(["", "\n", "<!-- cached -->", "<script src='a.js'></script>"])
    return f'<?xml version="1.0" encoding="{declared}"?>{doctype}{xml}{behind}'.encode(encoding)


def write_rss(records: list[Values], rng: random.Random) -> bytes:
    items = []
    for record in records:
        body = escaped(as_paragraphs(record["text"]), rng)
        where = rng.choice(["description", "content:encoded"])
        empty = "<content:encoded/>" if where == "description" else "<description/>"
        tags = "".join(f"<category>{escaped(tag, rng)}</category>" for tag in record["tags"])
        title = escaped(html.escape(record["title"], quote=False), rng)
        items.append(
            f"<item><guid>{record['id']}</guid><title>{title}</title>"
            f"<link>{escaped(record['url'], rng)}</link>{tags}{empty}<{where}>{body}</{where}>"
            f"<dc:creator>{escaped(record['author'], rng)}</dc:creator></item>"
        )
    spaces = (
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    )
    channel = "<title>Paper</title><link>https://paper.example/</link>"
    xml = f'<rss version="2.0" {spaces}><channel>{channel}{"".join(items)}</channel></rss>'
    return encoded(xml, rng)


def write_atom(records: list[Values], rng: random.Random) -> bytes:
    entries = []
    for record in records:
        kind = rng.choice(["text", "html"])
        body = record["text"] if kind == "text" else as_paragraphs(record["text"])
        tags = "".join(f'<category term="{html.escape(tag)}"/>' for tag in record["tags"])
        entries.append(
            f"<entry><id>{record['id']}</id><title>{escaped(record['title'], rng)}</title>"
            f'<link href="{html.escape(record["url"])}"/>{tags}'
            f"<author><name>{escaped(record['author'], rng)}</name></author>"
            f'<content type="{kind}">{escaped(body, rng)}</content></entry>'
        )
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>P</title>{"".join(entries)}</feed>'
    return encoded(feed, rng)


def write_wordpress(records: list[Values], rng: random.Random) -> bytes:
    items = []
    for record in records:
        body = rng.choice([as_paragraphs, html.escape])(record["text"])
        tags = "".join(
            f'<category domain="post_tag"><![CDATA[{tag}]]></category>' for tag in record["tags"]
        )
        items.append(
            f"<item><guid>{record['id']}</guid><title>{escaped(record['title'], rng)}</title>"
            f"<link>{html.escape(record['url'])}</link>{tags}<dc:creator>ada</dc:creator>"
            f"<content:encoded>{escaped(body, rng)}</content:encoded>"
            "<wp:status>publish</wp:status><wp:post_type>post</wp:post_type></item>"
        )
    author = "<wp:author><wp:author_login>ada</wp:author_login></wp:author>"
    xml = (
        '<rss xmlns:wp="http://wordpress.org/export/1.2/"><channel>'
        f"<wp:wxr_version>1.2</wp:wxr_version>{author}{''.join(items)}</channel></rss>"
    )
    for record in records:
        record["author"] = "ada"
    return encoded(xml, rng)


def write_json_feed(records: list[Values], rng: random.Random) -> bytes:
    items = []
    for record in records:
        body = rng.choice([("content_text", str), ("content_html", as_paragraphs)])
        items.append(
            {
                "id": record["id"], "title": record["title"], "url": record["url"],
                body[0]: body[1](record["text"]), "authors": [{"name": record["author"]}],
                "tags": record["tags"],
            }
        )  # fmt: skip
    document = {"version": "https://jsonfeed.org/version/1.1", "title": "P", "items": items}
    return json.dumps(document, ensure_ascii=rng.random() < 0.5, indent=1).encode()


WRITERS: dict[str, Writer] = {
    "rss.xml": write_rss,
    "atom.xml": write_atom,
    "wordpress.xml": write_wordpress,
    "feed.json": write_json_feed,
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_was_written_is_read_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for seed in range(FILES):
        rng = random.Random(seed)
        records = [made(rng, number) for number in range(rng.randint(1, 6))]
        path.write_bytes(WRITERS[name](records, rng))
        kind = {"wordpress.xml": "wordpress", "feed.json": "jsonfeed"}.get(name, "feed")
        (source,) = open_sources(SourceConfig(path=str(path), format=kind), Fields())
        rows = list(read_rows(source, Split(0)))
        assert [row.problem for row in rows if row.problem] == [], seed
        assert [_values(row.record) for row in rows] == records, seed


def _values(record: Values) -> Values:
    return {
        "id": record["id"],
        "title": clean_title(record["title"]),
        "text": body_text(record["text"], "auto"),
        "author": record["author"],
        "url": record["url"],
        "tags": sorted(record["tags"]),
    }
