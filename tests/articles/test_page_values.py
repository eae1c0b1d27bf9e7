"""Random articles are written as pages and exports of sites, and come in as the same articles."""

import html
import json
import random
from collections.abc import Callable
from html.entities import codepoint2name
from pathlib import Path
from typing import Any

import pytest
import yaml

from simrec.articles.article import Article
from simrec.articles.cleaning import clean_title
from simrec.articles.mapping import Mapping
from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import read_all
from simrec.config import Fields, IngestConfig, SourceConfig
from tests.articles.test_feed_values import FILES, Values, as_paragraphs, made

MAPPING = Mapping(Fields(), "auto", IngestConfig(detect_language=False))
Writer = Callable[[Path, list[Values], random.Random], None]


def dated(rng: random.Random) -> str:
    return f"20{rng.randint(10, 25)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T10:00:00Z"


def with_markdown_escapes(text: str, rng: random.Random) -> str:
    """Return text as Markdown that shows it: signs that may mean something behind a backslash."""
    written = []
    for character in text:
        if character in "\\`*_{}[]<>#+-!|&~^=$":
            character = rng.choice([f"\\{character}", f"&#{ord(character)};"])
        elif character in ".,:;%/'\"" and rng.random() < 0.2:
            character = f"\\{character}"
        written.append(character)
    return "".join(written)


def _yaml(fields: Values, rng: random.Random) -> str:
    block = yaml.safe_dump(
        fields,
        allow_unicode=rng.random() < 0.7,
        default_style=rng.choice([None, "'", '"']),
        default_flow_style=rng.choice([None, False]),
        width=rng.choice([20, 80, 1_000]),
        sort_keys=rng.random() < 0.5,
    )
    return f"---\n{block}{rng.choice(['---', '...'])}\n"


def _toml(fields: Values, rng: random.Random) -> str:
    lines = []
    for name, value in fields.items():
        if isinstance(value, str) and "'" not in value and rng.random() < 0.5:
            lines.append(f"{name} = '{value}'")
        else:
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(["+++", *lines, "+++", ""])


def _json(fields: Values, rng: random.Random) -> str:
    block = json.dumps(fields, ensure_ascii=rng.random() < 0.5, indent=rng.choice([1, 2, 4]))
    return rng.choice([f"{block}\n", f"---json\n{block}\n---\n"])


def write_markdown(folder: Path, records: list[Values], rng: random.Random) -> None:
    for record in records:
        fields = {name: record[name] for name in ("title", "author", "date", "url", "tags")}
        front = rng.choice([_yaml, _toml, _json])(fields, rng)
        parts = [with_markdown_escapes(part, rng) for part in record["text"].split("\n\n")]
        text = front + rng.choice(["", "\n"]) + rng.choice(["\n\n", "\n\n\n"]).join(parts)
        encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16"])
        ends = rng.choice(["\n", "\r\n"])
        record["id"] = f"{record['number']}.md"
        (folder / record["id"]).write_bytes(text.replace("\n", ends).encode(encoding))


def with_references(text: str, rng: random.Random) -> str:
    """Return text as HTML, with references by name and number in some places."""
    written = []
    for character in text:
        code = ord(character)
        if character in '&<>"' or (code > 127 and rng.random() < 0.3):
            choices = [f"&#{code};", f"&#x{code:x};"]
            if code in codepoint2name:
                choices.append(f"&{codepoint2name[code]};")
            character = rng.choice(choices)
        written.append(character)
    return "".join(written)


def write_pages(folder: Path, records: list[Values], rng: random.Random) -> None:
    for record in records:
        encoding, charset = rng.choice(
            [("utf-8", "utf-8"), ("utf-8", ""), ("gb18030", "gbk"), ("utf-16", "utf-8")]
        )
        title = with_references(record["title"], rng)
        paragraphs = [with_references(part, rng) for part in record["text"].split("\n\n")]
        container = rng.choice(["article", "main", "div"])
        heading = rng.choice(["", f"<h1>{title}</h1>"])
        tags = with_references(", ".join(record["tags"]), rng)
        page = (
            f"<!DOCTYPE html><html><head><title>{title}</title>"
            f'<meta name="author" content="{with_references(record["author"], rng)}">'
            f'<link rel="canonical" href="{html.escape(record["url"])}">'
            f'<meta property="article:published_time" content="{record["date"]}">'
            f'<meta name="keywords" content="{tags}"></head><body><nav><a href="/">Home</a></nav>'
            f"<{container}>{heading}{''.join(f'<p>{part}</p>' for part in paragraphs)}</{container}>"
            "<script>var a = '<p>no text</p>';</script><footer>About us</footer></body></html>"
        )
        if charset:
            page = page.replace("<head>", f'<head><meta charset="{charset}">')
        record["id"] = f"{record['number']}.html"
        (folder / record["id"]).write_bytes(page.encode(encoding))


def _lexical(text: str) -> str:
    blocks = [{"type": "paragraph", "children": [{"text": part}]} for part in text.split("\n\n")]
    return json.dumps({"root": {"children": blocks}})


def _mobiledoc(text: str) -> str:
    sections = [[1, "p", [[0, [], 0, part]]] for part in text.split("\n\n")]
    return json.dumps({"version": "0.3.1", "atoms": [], "cards": [], "sections": sections})


def write_ghost(folder: Path, records: list[Values], rng: random.Random) -> None:
    data: dict[str, list[Values]] = {
        "posts": [], "users": [], "tags": [], "posts_authors": [], "posts_tags": [],
    }  # fmt: skip
    for record in records:
        number = record["number"]
        editor, written = rng.choice(
            [("html", as_paragraphs), ("lexical", _lexical), ("mobiledoc", _mobiledoc)]
        )
        post = {"id": record["id"], "title": record["title"], "html": None, "comment_id": number}
        post |= {"published_at": record["date"], "canonical_url": record["url"]}
        data["posts"].append({**post, editor: written(record["text"]), "status": "published"})
        data["users"].append({"id": number, "name": record["author"]})
        data["posts_authors"].append({"post_id": record["id"], "author_id": number})
        for order, tag in enumerate(record["tags"]):
            data["tags"].append({"id": f"{number}-{order}", "name": tag})
            link = {"post_id": record["id"], "tag_id": f"{number}-{order}", "sort_order": order}
            data["posts_tags"].insert(0, link)
    wrapped = rng.choice([[{"data": data}], {"data": data}])
    text = json.dumps({"db": wrapped}, ensure_ascii=rng.random() < 0.5)
    (folder / "ghost.json").write_text(text)


def write_drupal(folder: Path, records: list[Values], rng: random.Random) -> None:
    nodes = []
    included = []
    for record in records:
        number = record["number"]
        body = as_paragraphs(record["text"])
        terms = [f"{number}-{order}" for order in range(len(record["tags"]))]
        attributes = {
            "title": record["title"], "status": True, "created": record["date"],
            "body": {"value": "raw", "processed": body} if rng.random() < 0.5 else {"value": body},
            "path": {"alias": record["url"].removeprefix("https://paper.example")},
        }  # fmt: skip
        relationships = {
            "uid": {"data": {"type": "user--user", "id": f"u{number}"}},
            "field_tags": {"data": [{"type": "taxonomy_term--tags", "id": term} for term in terms]},
        }
        nodes.append({"type": "node--article", "id": record["id"], "attributes": attributes,
                      "relationships": relationships})  # fmt: skip
        author = {"display_name": record["author"]}
        included.append({"type": "user--user", "id": f"u{number}", "attributes": author})
        for term, tag in zip(terms, record["tags"], strict=True):
            included.append(
                {"type": "taxonomy_term--tags", "id": term, "attributes": {"name": tag}}
            )
    rng.shuffle(included)
    home = {"self": {"href": "https://paper.example/jsonapi/node/article"}}
    document = {"data": nodes, "included": included, "links": home}
    (folder / "drupal.json").write_text(json.dumps(document, ensure_ascii=rng.random() < 0.5))


WRITERS: dict[str, Writer] = {
    "markdown": write_markdown,
    "pages": write_pages,
    "ghost.json": write_ghost,
    "drupal.json": write_drupal,
}


def expected(record: Values) -> Article:
    tags = tuple(record["tags"])
    return Article(
        record["id"],
        clean_title(record["title"]),
        record["text"],
        account=record["author"],
        published_at=record["date"],
        url=record["url"],
        category=tags[0] if tags and record["has_category"] else None,
        tags=tags,
    )


@pytest.mark.parametrize("name", WRITERS)
def test_an_article_that_was_written_comes_in(tmp_path: Path, name: str) -> None:
    for seed in range(FILES):
        rng = random.Random(seed)
        folder = tmp_path / str(seed) / name.partition(".")[0]
        folder.mkdir(parents=True)
        records = [made(rng, number) for number in range(rng.randint(1, 4))]
        for number, record in enumerate(records):
            record |= {"number": number, "date": dated(rng), "has_category": "." in name}
        WRITERS[name](folder, records, rng)
        path = folder / name if "." in name else folder
        rows = list(read_all(open_sources(SourceConfig(path=str(path)), Fields())))
        assert [row.problem for row in rows if row.problem] == [], seed
        articles: list[Any] = [MAPPING.article(row.record, row.body) for row in rows]
        assert articles == [(expected(record), []) for record in records], seed
