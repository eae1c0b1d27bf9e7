"""Folders: every text, Markdown and HTML file below a folder, or in a zip, is one record."""

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from simrec.articles.article import encoded_text
from simrec.articles.sources.file_source import FileSource, escaped_path
from simrec.articles.sources.folder_walk import (
    FolderFile,
    files_of_folder,
    files_of_zip,
    is_workspace,
)
from simrec.articles.sources.front_matter import Problems
from simrec.articles.sources.html_page import html_record
from simrec.articles.sources.markdown_page import markdown_record
from simrec.articles.sources.page_charset import decode_page, decode_text, is_damaged_utf8
from simrec.articles.sources.site import Site, find_site
from simrec.articles.sources.source import DamagedSourceError, Record, Row, Split
from simrec.articles.sources.substack import LIST_NAME, add_post, read_posts
from simrec.articles.sources.text_encoding import AUTO, guess_encoding, guess_remark
from simrec.articles.time_limit import TimeLimit
from simrec.config import Fields, LimitsConfig
from simrec.errors import SimrecError

KINDS = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".mdown": "markdown",
    ".mkd": "markdown",
}
# Of files that people keep articles in and that are not read here.
DOCUMENTS = {
    *(".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".rss", ".atom"),
    *(".pdf", ".doc", ".docx", ".odt", ".rtf", ".epub", ".rst", ".org", ".adoc", ".tex"),
}
NOT_FOLLOWED = "a link to a folder, not followed; set follow_links = true in its source"
OUTWARD = "a link to a file outside the folder, not followed; set follow_links = true in its source"
OWN = "a workspace of simrec, left out: what it makes are no articles"
NO_TEXTS = "no .txt, .md or .html in it; unpack it, and give the files that are in it"
MEDIUM_DRAFT = "draft_"
SECTION_PAGE = "_index.md"  # of Hugo: the title of a list of pages, sometimes with a text


@dataclass(frozen=True)
class FolderSource(FileSource):
    """A folder of texts, or a zip of one; the id of a text is its path below the folder."""

    claims_ids = True

    follow_links: bool = False

    def files(self) -> Iterable[Path]:
        if self._is_zip:
            return [self.path]
        return [file.path for file in self._texts() if self._is_read(file)]

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        try:
            texts = list(self._texts())
        except zipfile.BadZipFile as error:
            raise DamagedSourceError(1, f"not a zip ({error})") from error
        self._remark_others()
        pages = [file for file in texts if file.relative.name != LIST_NAME]
        if self._is_zip and not pages:
            raise DamagedSourceError(1, NO_TEXTS)
        site = find_site(self.path, [file.relative for file in pages])
        lists = _Lists(texts)
        for file in pages:
            if not (file.is_dead_link or self._is_read(file)):
                self.remarks.append((file.name, OUTWARD))
                continue
            row = self._row(file, site, lists)
            if row:
                yield row

    def _is_read(self, file: FolderFile) -> bool:
        """Tell whether a file is there, and not elsewhere where that is not wanted."""
        return not file.is_dead_link and (self.follow_links or not file.is_outward_link)

    @property
    def _is_zip(self) -> bool:
        return self.path.is_file()

    def _texts(self) -> Iterator[FolderFile]:
        """Yield the files that hold texts, and lists of posts, in order of their paths."""
        for file in self._files():
            if _holds_text(file):
                yield file

    def _remark_others(self) -> None:
        """Note links that are not followed, and files that may hold texts and are not read."""
        others = [file for file in self._files() if not _holds_text(file)]
        for file in others:
            if file.is_folder_link:
                is_own = is_workspace(file.path)
                self.remarks.append((file.name, OWN if is_own else NOT_FOLLOWED))
        unread = [file for file in others if DOCUMENTS & set(map(str.lower, file.path.suffixes))]
        if unread:
            counts = Counter(file.path.suffix for file in unread).most_common()
            kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in counts)
            self.remark(
                f"files that hold no text, Markdown or HTML are not read ({kinds}), such as "
                f"{unread[0].name}; give those that hold articles as a source of their own"
            )

    def _files(self) -> Iterator[FolderFile]:
        if self._is_zip:
            return self._named(files_of_zip(self.path))
        return self._named(files_of_folder(self.path, self.follow_links))

    def _named(self, found: Iterator[FolderFile]) -> Iterator[FolderFile]:
        """Yield files with the names that messages use, of copies that of the object."""
        for file in found:
            yield file._replace(shown=f"{self.shown}/{file.relative}") if self.shown else file

    def _row(self, file: FolderFile, site: Site, lists: "_Lists") -> Row | None:
        """Return the row of a file, None for a page of Hugo that only lists others."""
        if file.is_dead_link:
            return Row(file.name, 1, problem="a link to a file that is not there")
        try:
            record, notes, remark = self._read_in_time(file, site)
            record = add_post(file.relative, lists.posts_of(file.relative), record)
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            problem = f"not valid {error.encoding.upper()} (byte {error.start + 1})"
            return Row(file.name, line, problem=problem)
        except ValueError as error:
            return Row(file.name, 1, problem=str(error))
        except (OSError, SimrecError, MemoryError):
            raise
        except Exception as error:  # of a reading library: it costs this file, not the folder
            problem = f"cannot be read ({type(error).__name__}: {error})"
            return Row(file.name, 1, problem=problem)
        if file.relative.name == SECTION_PAGE and not record["text"]:
            return None
        known = {
            "id": escaped_path(file.relative),
            "folder": escaped_path(file.relative.parent),
        }
        if remark:
            self.remarks.append((file.name, remark))
        return Row(file.name, 1, known | record, body=_body_kind(file), notes=notes)

    def _read_in_time(self, file: FolderFile, site: Site) -> "_ReadFile":
        with TimeLimit(self.limits.row_seconds):
            content = file.content(self.limits.document_bytes)
            return _read(file, content, site, self.fields, self.encoding)


class _Lists:
    """The lists of posts of a folder, read when a page beside them is."""

    def __init__(self, files: Iterable[FolderFile]) -> None:
        self.files = {
            file.relative.parent: file for file in files if file.relative.name == LIST_NAME
        }
        self.read: dict[PurePosixPath, dict[str, Record]] = {}

    def posts_of(self, page: PurePosixPath) -> dict[str, Record]:
        """Return the posts of the list beside a page or its folder; ValueError for a bad list."""
        for folder in list(page.parents)[:2]:
            if folder in self.files:
                if folder not in self.read:
                    content = self.files[folder].content(LimitsConfig().document_bytes)
                    self.read[folder] = read_posts(decode_text(content))
                return self.read[folder]
        return {}


def _holds_text(file: FolderFile) -> bool:
    if file.is_folder_link:
        return False
    return file.relative.suffix.lower() in KINDS or file.relative.name == LIST_NAME


def read_text(path: Path) -> str:
    """Return the title and text of one file; ValueError or OSError if there is none to be read."""
    file = FolderFile(PurePosixPath(path.name), path)
    content = file.content(LimitsConfig().document_bytes)
    record = _read(file, content, Site(), Fields()).record
    return encoded_text(str(record.get("title", "")), str(record["text"]))


class _ReadFile(NamedTuple):
    """A file as a record, what it is kept without, and what was guessed of it."""

    record: Record
    notes: Problems = ()
    remark: str = ""


def _read(
    file: FolderFile, content: bytes, site: Site, fields: Fields, encoding: str = AUTO
) -> _ReadFile:
    """Read the content of a file; ValueError where it is not what its name says."""
    kind = KINDS.get(file.relative.suffix.lower(), "text")
    if kind == "html":
        page, remark = _decoded_page(content, encoding)
        record = html_record(page)
        if file.relative.name.startswith(MEDIUM_DRAFT):
            record["status"] = "draft"
        return _ReadFile(record, remark=remark)
    text, remark = _decoded(content, encoding)
    if kind == "markdown":
        record, notes = markdown_record(text, file.relative, site, fields)
        return _ReadFile(record, notes, remark)
    return _ReadFile({"text": text}, remark=remark)


def _decoded_page(content: bytes, encoding: str) -> tuple[str, str]:
    """Return the text of a page, and what is to be said of a guessed encoding.

    It is guessed where what the page says is nothing or wrong.
    """
    if encoding != AUTO:
        return content.decode(encoding), ""
    try:
        return decode_page(content), ""
    except UnicodeDecodeError as error:
        if error.encoding != "utf-8" or is_damaged_utf8(content):
            raise
    return _guessed(content)


def _guessed(content: bytes) -> tuple[str, str]:
    guess = guess_encoding(content.splitlines(keepends=True))
    return content.decode(guess), guess_remark(guess)


def _decoded(content: bytes, encoding: str) -> tuple[str, str]:
    """Return the text of a file that is no page, and what is to be said of a guessed encoding."""
    if encoding != AUTO:
        return content.decode(encoding).removeprefix("\ufeff"), ""
    try:
        return decode_text(content), ""
    except UnicodeDecodeError:
        if is_damaged_utf8(content):
            raise
        return _guessed(content)


def _body_kind(file: FolderFile) -> str:
    """Return "text" for what has been read as Markdown or HTML; of the others nothing is known."""
    return "" if KINDS[file.relative.suffix.lower()] == "text" else "text"
