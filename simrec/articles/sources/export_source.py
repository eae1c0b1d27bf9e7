"""What sources that are a whole export of a site have in common."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from simrec.articles.sources.file_source import FileSource
from simrec.articles.sources.json_document import load_document
from simrec.articles.sources.marked_up import HTML
from simrec.articles.sources.source import DamagedSourceError, Record, Row, Split
from simrec.articles.sources.xml_repair import repair_xml
from simrec.articles.sources.xml_tree import Child, read_children
from simrec.files import JsonObject

PUBLISHED = "published"


class XmlExport(FileSource):
    """An export in XML; its entries are numbered from 1 on.

    Records have a `status` and a `kind`; which of them are taken is decided when they are mapped.
    """

    document_part = 1

    root: str
    depth: int  # of the entries; the root has 1

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        content, damage = self.content(split)
        try:
            xml = repair_xml(content)
        except ValueError as error:
            raise DamagedSourceError(1, f"{error}; nothing of it was read") from None
        self.remark(xml.remark)
        number = 0
        for number, record in enumerate(self.records(read_children(xml.text, self.depth)), start=1):
            yield Row(self.name, number, record, body=HTML)
        if damage:
            raise DamagedSourceError(number + 1, damage.problem)
        if not xml.closed:
            raise DamagedSourceError(number + 1, "the export is cut short here; export it again")

    @abstractmethod
    def records(self, children: Iterator[Child]) -> Iterator[Record]:
        """Yield the records of the elements that hold entries, in order."""


class JsonExport(FileSource):
    """An export that is one JSON document; its entries are numbered from 1 on."""

    document_part = 1

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        content, damage = self.content(split)
        if damage:
            raise damage
        try:
            document = load_document(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise DamagedSourceError(1, f"not valid UTF-8 (byte {error.start + 1})") from None
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", 1)
            raise DamagedSourceError(line, f"not JSON ({error}); export it again") from None
        if not self.recognises(document):
            raise DamagedSourceError(1, f"not an export of this format: {self.expected}")
        prefix = self.prefix(document)
        for number, record in enumerate(self.records(document), start=1):
            yield Row(self.name, number, record, body=HTML, prefix=prefix)

    expected: str  # what such a document holds, for a sentence about one that does not

    @staticmethod
    @abstractmethod
    def recognises(document: Any) -> bool:
        """Tell whether a JSON document is such an export."""

    @staticmethod
    def prefix(document: Any) -> str:
        """Return what stands before ids that hold in the export alone."""
        return ""

    @staticmethod
    @abstractmethod
    def records(document: Any) -> Iterator[Record]:
        """Yield the records of a document that was recognised, in order."""


def at(value: Any, *path: str | int) -> Any:
    """Return what stands in nested objects and lists of JSON, None where nothing does."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def text_at(value: Any, *path: str | int) -> str:
    """Return the text that stands in nested objects and lists of JSON, "" where none does."""
    text = at(value, *path)
    return text if isinstance(text, str) else ""


def id_at(value: Any, *path: str | int) -> str:
    """Return the id, a text or a whole number, that stands in nested JSON; 3.0 is the number 3."""
    found = at(value, *path)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def object_at(value: Any, *path: str | int) -> JsonObject:
    """Return an object in nested JSON, {} where there is none."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def list_at(value: Any, *path: str | int) -> list[Any]:
    """Return a list in nested JSON; what is no list becomes one of its own, None an empty one."""
    found = at(value, *path)
    if isinstance(found, list):
        return found
    return [] if found is None else [found]


def objects_at(value: Any, *path: str | int) -> list[JsonObject]:
    """Return the objects of a list in nested JSON, or the one object there, [] without any."""
    return [item for item in list_at(value, *path) if isinstance(item, dict)]
