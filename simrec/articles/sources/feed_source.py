"""Feeds: the entries of RSS and Atom files of every age."""

import io
import re
from collections.abc import Iterator
from typing import Any

import feedparser

from simrec.articles.html_text import CROWDED_TAG, MOST_ATTRIBUTES
from simrec.articles.sources.feed_entry import entry_prefix, entry_record
from simrec.articles.sources.file_source import FileSource
from simrec.articles.sources.marked_up import HTML, HTML_MARK
from simrec.articles.sources.source import DamagedSourceError, Row, Split
from simrec.articles.sources.xml_repair import RepairedXml, repair_xml

ENTRY = re.compile(
    r"<((?:[\w.-]+:)?(?:item|entry))[\s>](?:<!\[CDATA\[.*?\]\]>|.)*?</\1\s*>",
    re.DOTALL | re.IGNORECASE,
)
# Fields of which the library compares each with all others.
FIELD = re.compile(
    r"<(?:[\w.-]+:)?(?:category|subject|keywords|link|author|contributor|creator|enclosure)[\s/>]",
    re.IGNORECASE,
)
CUT = "the feed is cut short here (</{root}> is not there)"
CROWDED = f"a tag with more than {MOST_ATTRIBUTES:,} attributes"
UTF8_MARK = b"\xef\xbb\xbf"


class _OversizeFeedError(Exception):
    """A feed or an entry would take long to parse."""


class FeedSource(FileSource):
    """An RSS or Atom file; its entries are numbered from 1 on."""

    document_part = 4  # of which its library makes thirty times as many bytes
    claims_ids = True

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        """Yield the entries; DamagedSourceError behind the last one that is whole."""
        content, damage = self.content(split)
        number = 0
        for row in self._entries(content):
            number = row.line
            yield row
        if damage:
            raise DamagedSourceError(number + 1, damage.problem)

    def _entries(self, content: bytes) -> Iterator[Row]:
        """Yield the entries; one that the library cannot read is rejected alone."""
        try:
            xml = repair_xml(content)
        except ValueError as error:
            raise DamagedSourceError(1, f"{error}; nothing of it was read") from None
        self.remark(xml.remark)
        try:
            _check(self._problem_of_size(xml.text))
            parsed = _parse(xml.text)
        except Exception as error:
            if not ENTRY.search(xml.text):
                raise DamagedSourceError(1, f"cannot be read ({_sentence(error)})") from error
            yield from self._entries_apart(xml)
        else:
            yield from self._parsed_entries(parsed, xml)

    def _parsed_entries(self, parsed: Any, xml: RepairedXml) -> Iterator[Row]:
        if not parsed.get("version"):
            what = f"it is XML with the root <{xml.root}>" if xml.root else "it is no XML, or empty"
            raise DamagedSourceError(1, f"not RSS or Atom ({what})")
        entries = parsed.entries[:-1] if xml.open_entry else parsed.entries
        for number, entry in enumerate(entries, start=1):
            yield self._row(number, entry, parsed)
        if not xml.closed:
            raise DamagedSourceError(len(entries) + 1, CUT.format(root=xml.root))

    def _problem_of_size(self, text: str) -> str:
        """Return why a piece of a feed would take long to parse, "" for any usual one.

        The library compares every field of an entry, and every attribute of a tag, with all others.
        """
        most = self.limits.values
        others = _count_fields(text)
        if others > most:
            for entry in ENTRY.finditer(text):
                fields = _count_fields(entry[0])
                others -= fields
                if fields > most:
                    return f"an entry of more than limits.values = {most:,} fields"
            if others > most:
                return f"more than limits.values = {most:,} fields beside the entries"
        return CROWDED if CROWDED_TAG.search(text) else ""

    def _entries_apart(self, xml: RepairedXml) -> Iterator[Row]:
        """Yield each entry of a feed, parsed as if it were the only one."""
        entries = list(ENTRY.finditer(xml.text))
        head = xml.text[: entries[0].start()]
        tail = xml.text[entries[-1].end() :]
        problem = self._problem_of_size(head + tail)
        if problem:
            raise DamagedSourceError(1, f"{problem}; nothing of it was read")
        for number, entry in enumerate(entries, start=1):
            try:
                _check(self._problem_of_size(entry[0]))
                parsed = _parse(head + entry[0] + tail)
                row = self._row(number, parsed.entries[0], parsed)
            except _OversizeFeedError as error:
                yield Row(self.name, number, problem=str(error))
            except Exception as error:
                yield Row(self.name, number, problem=f"cannot be read ({_sentence(error)})")
            else:
                yield row
        if not xml.closed:
            raise DamagedSourceError(len(entries) + 1, CUT.format(root=xml.root))

    def _row(self, number: int, entry: Any, parsed: Any) -> Row:
        record = entry_record(entry, parsed.feed, parsed.version.startswith("atom"))
        body = HTML if record["text"].startswith(HTML_MARK) else ""
        return Row(self.name, number, record, body=body, prefix=entry_prefix(parsed.feed))


def _count_fields(text: str) -> int:
    return sum(1 for _ in FIELD.finditer(text))


def _check(problem: str) -> None:
    if problem:
        raise _OversizeFeedError(problem)


def _parse(text: str) -> Any:
    """Parse XML as a feed; nothing outside the text is opened, and bodies are left as they are.

    A stream is given, since text that happens to be a path would be opened.
    """
    stream = io.BytesIO(UTF8_MARK + text.encode())
    return feedparser.parse(stream, sanitize_html=False, resolve_relative_uris=False)


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
