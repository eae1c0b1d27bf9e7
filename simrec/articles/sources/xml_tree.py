"""Elements of a large XML document, one after the other."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element
from xml.parsers import expat

from simrec.articles.sources.source import DamagedSourceError

CHUNK = 1 << 16  # characters

Child = Element


class _Collector:
    """Builds the elements at one depth; names keep their prefixes, bound or not."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.done: list[Element] = []
        self.open: list[Element] = []
        self.level = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.level += 1
        if self.level >= self.depth:
            element = Element(name, attributes)
            if self.open:
                self.open[-1].append(element)
            self.open.append(element)

    def end(self, _: str) -> None:
        self.level -= 1
        if self.open:
            element = self.open.pop()
            if not self.open:
                self.done.append(element)

    def data(self, text: str) -> None:
        if not self.open:
            return
        element = self.open[-1]
        if len(element):
            element[-1].tail = (element[-1].tail or "") + text
        else:
            element.text = (element.text or "") + text


def read_children(text: str, depth: int) -> Iterator[Child]:
    """Yield the elements at a depth (1: the root) as they end, each with all below it.

    Raises DamagedSourceError with the line where the document is not well-formed.
    """
    collector = _Collector(depth)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.data
    for start in range(0, len(text), CHUNK):
        problem = ""
        try:
            parser.Parse(text[start : start + CHUNK], False)
        except expat.ExpatError as error:
            problem = f"not well-formed XML from here on ({error})"
        yield from collector.done
        collector.done.clear()
        if problem:
            raise DamagedSourceError(parser.ErrorLineNumber, problem)


def text_of(element: Element, name: str) -> str:
    """Return the text of the first child of that name, "" where there is none."""
    return (element.findtext(name) or "").strip()
