"""JSONL: every line is one record, so that a large file is read in many splits."""

import json
from collections.abc import Iterator

from simrec.articles.sources.file_source import FileSource
from simrec.articles.sources.source import Row, Split, readable


class JsonlSource(FileSource):
    """A file of which each line is one JSON object."""

    def splits(self, max_bytes: int) -> Iterator[Split]:
        """Yield splits of whole lines; a compressed file is one split."""
        with readable(self.name):
            size = self.path.stat().st_size
        if size <= max_bytes or self.compressed:
            yield Split(size)
            return
        start = 0
        first = 1
        end = 0
        with readable(self.name), self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                end += len(line)
                if end - start >= max_bytes or end >= size:
                    yield Split(end - start, start, first, number - first + 1)
                    start = end
                    first = number + 1

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        for number, line in enumerate(self.lines(split), start=split.line):
            if line.strip():
                yield self._row(number, line)

    def _row(self, number: int, line: bytes) -> Row:
        try:
            record = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            problem = f"not valid UTF-8 (byte {error.start + 1})"
        except (ValueError, RecursionError) as error:
            problem = f"not JSON ({error}); each line has to be one JSON object"
        else:
            if isinstance(record, dict):
                return Row(self.name, number, record)
            problem = "not a JSON object; each line has to be one"
        return Row(self.name, number, problem=problem)
