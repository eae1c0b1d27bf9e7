"""JSONL: every line is one record, so that a large file is read in many splits."""

import json
from collections.abc import Iterator

from simrec.articles.sources.bounded_lines import OVERLONG
from simrec.articles.sources.file_source import FileSource
from simrec.articles.sources.source import Row, Split, readable, watch_for_text
from simrec.articles.sources.text_encoding import AUTO, UTF_8, not_valid

PIECE = 1 << 20  # bytes of a line that are read at once to find its end


class JsonlSource(FileSource):
    """A file of which each line is one JSON object."""

    def splits(self, max_bytes: int) -> Iterator[Split]:
        """Yield splits of whole lines; a compressed file is one split."""
        with readable(self.name):
            size = self.path.stat().st_size
        if size <= max_bytes or self.compressed or self._wide:
            yield Split(size)
            return
        start = 0
        first = 1
        end = 0
        number = 0
        with readable(self.name), self.path.open("rb") as file:
            while piece := file.readline(PIECE):
                end += len(piece)
                if not piece.endswith(b"\n") and end < size:
                    continue  # of a long line
                number += 1
                if end - start >= max_bytes or end >= size:
                    yield Split(end - start, start, first, number - first + 1)
                    start = end
                    first = number + 1

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        yield from watch_for_text(self._rows(split), self.name, self.fields)

    def _rows(self, split: Split) -> Iterator[Row]:
        """Yield the rows; an encoding is only looked for where a line is not UTF-8."""
        if self._wide:
            for number, text in enumerate(self.text_lines(split), start=split.line):
                if text.strip():
                    yield self._row(number, text)
            return
        encoding = UTF_8 if self.encoding == AUTO else self.encoding
        detected = self.encoding != AUTO
        for number, line in enumerate(self.lines(split), start=split.line):
            if not line.strip():
                continue
            if line is OVERLONG:
                yield Row(self.name, number, problem=self.overlong)
                continue
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError:
                if not detected:
                    encoding = self.detected_encoding()
                    detected = True
                try:
                    text = line.decode(encoding)
                except UnicodeDecodeError as error:
                    yield Row(self.name, number, problem=not_valid(error))
                    continue
            yield self._row(number, text)

    @property
    def _wide(self) -> bool:
        """Tell whether the file's lines cannot be told by its bytes: it is UTF-16 or UTF-32."""
        encoding = self.marked_encoding() if self.encoding == AUTO else self.encoding
        return encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32", "utf16", "utf32"))

    def _row(self, number: int, line: str) -> Row:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            problem = f"not JSON ({error}); each line has to be one JSON object"
        else:
            if isinstance(record, dict):
                return Row(self.name, number, record)
            problem = "not a JSON object; each line has to be one"
        return Row(self.name, number, problem=problem)
