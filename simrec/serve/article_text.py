"""The text of an article as it is now, and which of it does not count."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from simrec.articles.store import Store
from simrec.errors import ReleaseError, UnknownIdError
from simrec.lexical.boilerplate import Boilerplate
from simrec.workspace import Workspace

MAX_CHARACTERS = 200_000  # of a text on a page


@dataclass(frozen=True)
class Passage:
    """A part of a paragraph; what an account repeats in many texts does not count."""

    text: str
    counts: bool


@dataclass(frozen=True)
class ArticleText:
    """The paragraphs of a text; problem says why there are none."""

    paragraphs: Sequence[Sequence[Passage]] = ()
    problem: str = ""


def read_text(workspace: Workspace, article_id: str) -> ArticleText:
    """Return the text of an article in the store, which may have changed since the release."""
    try:
        with Store.open(workspace.articles_db) as store:
            (article,) = store.lookup([article_id], 1)
            blocks = store.boilerplate_in(article_id)
    except UnknownIdError:
        return ArticleText(problem="It was deleted since this release was made.")
    except (ReleaseError, sqlite3.Error):
        return ArticleText(problem="The articles of this workspace cannot be read now.")
    text = article["text"][:MAX_CHARACTERS]
    repeated = Boilerplate.from_bytes(blocks).spans(text) if blocks else []
    return ArticleText(_paragraphs(text, repeated))


def _paragraphs(text: str, repeated: Sequence[tuple[int, int]]) -> list[list[Passage]]:
    """Cut a text at its lines, and these where what does not count begins and ends."""
    edges = sorted({0, len(text), *(edge for span in repeated for edge in span)})
    begins = {first for first, _ in repeated}
    paragraphs: list[list[Passage]] = [[]]
    counts = True
    for first, last in zip(edges, edges[1:], strict=False):
        counts = first not in begins
        for number, line in enumerate(text[first:last].split("\n")):
            if number:
                paragraphs.append([])
            if line.strip():
                paragraphs[-1].append(Passage(line, counts))
    return [paragraph for paragraph in paragraphs if paragraph]
