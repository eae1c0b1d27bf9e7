"""Folders: every text, Markdown and HTML file below a folder is one record."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from simrec.articles.article import encoded_text
from simrec.articles.bodies import body_text
from simrec.articles.sources.file_source import FileSource
from simrec.articles.sources.front_matter import split_front_matter
from simrec.articles.sources.source import Record, Row, Split
from simrec.config import Fields

KINDS = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
}


class FolderSource(FileSource):
    """A folder of texts; the id of a text is its path below the folder."""

    def files(self) -> Iterable[Path]:
        for path in sorted(self.path.rglob("*")):
            if path.suffix.lower() in KINDS and path.is_file():
                yield path

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        for path in self.files():
            yield self.row(path, KINDS[path.suffix.lower()])

    def row(self, path: Path, kind: str) -> Row:
        """Return the row of a file of this folder, read as text, Markdown or HTML."""
        relative = path.relative_to(self.path)
        record: Record = {"id": relative.as_posix(), "folder": relative.parent.as_posix()}
        try:
            text = path.read_text(encoding="utf-8-sig")
            return Row(str(path), 1, record | RECORDS[kind](text, self.fields))
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            return Row(str(path), line, problem=f"not valid UTF-8 (byte {error.start + 1})")
        except ValueError as error:
            return Row(str(path), 1, problem=str(error))


def read_text(path: Path) -> str:
    """Return the title and text of one file; ValueError or OSError if there is none to be read."""
    kind = KINDS.get(path.suffix.lower(), "text")
    row = FolderSource(path.parent, Fields()).row(path, kind)
    if row.problem:
        raise ValueError(row.problem)
    return encoded_text(str(row.record.get("title", "")), str(row.record["text"]))


def _text_record(text: str, _: Fields) -> Record:
    return {"text": text}


def _markdown_record(text: str, fields: Fields) -> Record:
    values, body = split_front_matter(text, _text_fields(fields))
    first, _, rest = body.lstrip().partition("\n")
    if first.startswith("# "):
        values = {"title": body_text(first[2:], "markdown"), **values}
        body = rest
    return {**values, "text": body_text(body, "markdown")}


def _text_fields(fields: Fields) -> set[str]:
    texts = (fields.id, fields.title, fields.account, fields.url, fields.lang, fields.category)
    return set(texts)


def _html_record(text: str, _: Fields) -> Record:
    tree = HTMLTree.parse(text)
    record = _meta_tags(tree)
    record["title"] = tree.title or ""
    # The main content is without navigation and footers; a page without any of it is taken whole.
    content = extract_plain_text(tree, main_content=True, list_bullets=False)
    record["text"] = content or extract_plain_text(tree)
    return record


def _meta_tags(tree: Any) -> Record:
    """Return the contents of the `meta` elements of a page by name or property."""
    record: Record = {}
    for meta in tree.head.query_selector_all("meta") if tree.head else ():
        name = meta.getattr("name") or meta.getattr("property")
        if name:
            record[name] = meta.getattr("content")
    return record


RECORDS: dict[str, Callable[[str, Fields], Record]] = {
    "text": _text_record,
    "markdown": _markdown_record,
    "html": _html_record,
}
