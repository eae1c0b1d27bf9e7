"""JSON: a document that is a list of records, or an object that holds one."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from simrec.articles.sources.file_source import FileSource
from simrec.articles.sources.json_document import load_document
from simrec.articles.sources.source import DamagedSourceError, Record, Row, Split, watch_for_text

DECODER = json.JSONDecoder()
BETWEEN = re.compile(r"[\s,]*")


class JsonSource(FileSource):
    """A JSON document; its records are numbered from 1 on. Records before damage are kept."""

    document_part = 1

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        yield from watch_for_text(self._rows(split), self.name, self.fields)

    def _rows(self, split: Split) -> Iterator[Row]:
        lines: list[str] = []
        damage: DamagedSourceError | None = None
        before = ""
        try:
            lines.extend(self.text_lines(split))
        except DamagedSourceError as error:
            damage = error
        text = "".join(lines)
        items: Iterable[Any]
        try:
            items = self._items(load_document(text))
        except (ValueError, RecursionError) as error:
            problem = damage.problem if damage else f"not JSON ({error})"
            line = getattr(error, "lineno", 1)
            items = _intact_items(text)  # one after the other, since they may be many
            damage = DamagedSourceError(line, problem)
            before = "; the {} records before it stay"
        number = 0
        for number, item in enumerate(items, start=1):
            if isinstance(item, dict):
                yield Row(self.name, number, item)
            else:
                yield Row(self.name, number, problem="not a JSON object; each record has to be one")
        if damage:
            raise DamagedSourceError(damage.line, damage.problem + before.format(number))

    def _items(self, document: Any) -> list[Any]:
        """Return the records of a document, of an object those of the list that it holds."""
        if isinstance(document, list):
            return document
        found = dict(_lists(document)) if self.fields.id not in document else {}
        lists = found
        if len(lists) > 1:
            with_id = {key: items for key, items in lists.items() if self.fields.id in items[0]}
            lists = with_id or lists
        if not lists:
            return [document]
        if len(lists) > 1:
            keys = ", ".join(f"'{key}'" for key in lists)
            problem = f"lists of objects under {keys}: which holds the articles is not clear"
            raise DamagedSourceError(1, f"{problem}; write that list to a file of its own")
        ((key, items),) = lists.items()
        if len(found) > 1:
            others = ", ".join(f"'{other}'" for other in found if other != key)
            self.remark(f"the articles are taken to be those of '{key}', and not of {others}")
        return items


def _lists(document: Any, path: str = "") -> Iterator[tuple[str, list[Record]]]:
    """Yield the lists of objects in nested objects, with the keys that lead there."""
    if not isinstance(document, dict):
        return
    for key, value in document.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            yield f"{path}{key}", value
        else:
            yield from _lists(value, f"{path}{key}.")


def _intact_items(text: str) -> Iterator[Any]:
    """Yield the items of a list up to where it is damaged."""
    text = text.lstrip()
    if not text.startswith("["):
        return
    position = 1
    while True:
        between = BETWEEN.match(text, position)
        try:
            item, position = DECODER.raw_decode(text, between.end() if between else position)
        except (ValueError, RecursionError):
            return
        yield item
