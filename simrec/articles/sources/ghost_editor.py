"""What Ghost's editors keep of a post, as HTML: an imported post may never have been rendered."""

import html
import json
from collections.abc import Iterator
from typing import Any

from simrec.articles.bodies import render_markdown
from simrec.articles.sources.export_source import at, list_at, objects_at, text_at
from simrec.files import JsonObject

# Values of cards that readers see, in order; all are HTML.
SEEN = ("heading", "html", "calloutText", "content", "buttonText", "caption")
MARKUP, LIST, CARD = 1, 3, 10  # kinds of mobiledoc's sections; an image has no words
ATOM = 1


def editor_html(post: JsonObject) -> str:
    """Return the body of a post that has no HTML, "" where no editor kept any words."""
    for read, name in ((_lexical, "lexical"), (_mobiledoc, "mobiledoc")):
        try:
            document = json.loads(text_at(post, name) or "{}")
        except (ValueError, RecursionError):
            continue
        blocks = "".join(read(document))
        if blocks:
            return blocks
    return render_markdown(text_at(post, "markdown"))


def _lexical(document: Any) -> Iterator[str]:
    for block in objects_at(document, "root", "children"):
        items = [item for item in objects_at(block, "children") if item.get("type") == "listitem"]
        for line in items or [block]:
            yield _paragraph("".join(_words(line)))
        yield from _card(block)


def _words(node: JsonObject) -> Iterator[str]:
    if node.get("type") == "linebreak":
        yield "\n"
    yield text_at(node, "text")
    for child in objects_at(node, "children"):
        yield from _words(child)


def _mobiledoc(document: Any) -> Iterator[str]:
    for section in list_at(document, "sections"):
        kind = at(section, 0)
        if kind == MARKUP:
            yield _paragraph(_marked(document, list_at(section, 2)))
        elif kind == LIST:
            for item in list_at(section, 2):
                yield _paragraph(_marked(document, item))
        elif kind == CARD:
            yield from _card(at(document, "cards", at(section, 1), 1))


def _marked(document: Any, markers: Any) -> str:
    """Return the text of markers; an atom, such as a line break, is kept apart under a number."""
    words = []
    for marker in list_at(markers):
        value = at(marker, 3)
        if at(marker, 0) == ATOM:
            value = text_at(document, "atoms", value, 1) or "\n"
        words.append(value if isinstance(value, str) else "")
    return "".join(words)


def _card(card: Any) -> Iterator[str]:
    markdown = text_at(card, "markdown")
    if markdown:
        yield render_markdown(markdown)
    for name in SEEN:
        if text_at(card, name):
            yield f"<p>{text_at(card, name)}</p>"


def _paragraph(words: str) -> str:
    lines = html.escape(words, quote=False).replace("\n", "<br>")
    return f"<p>{lines}</p>" if words.strip() else ""
