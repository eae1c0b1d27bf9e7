"""CSV and TSV: a header names the columns, and its commonest delimiter is that of the file."""

import csv
from collections.abc import Iterator

from simrec.articles.sources.file_source import FileSource
from simrec.articles.sources.source import DamagedSourceError, Row, Split, check_columns

DELIMITERS = ",;\t|"
LONGEST_CELL = 1 << 28  # characters


class CsvSource(FileSource):
    """A table of text. Its rows may go over several lines, so that it is read whole."""

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        """Yield the rows; ConfigError if there is no column for the id.

        Bytes that are no UTF-8 become lone surrogates, which cleaning refuses row by row.
        """
        csv.field_size_limit(LONGEST_CELL)
        lines = (line.decode("utf-8", "surrogateescape") for line in self.lines(split))
        header = next(lines, "").lstrip("\ufeff")
        delimiter = max(DELIMITERS, key=header.count)
        columns = self._columns(header, delimiter)
        table = csv.reader(lines, delimiter=delimiter)
        try:
            for cells in table:
                if cells:
                    yield self._row(table.line_num + 1, columns, cells)
        except csv.Error as error:
            raise DamagedSourceError(table.line_num + 1, f"not CSV ({error})") from error

    def _columns(self, header: str, delimiter: str) -> list[str]:
        try:
            columns = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error as error:
            raise DamagedSourceError(1, f"not CSV ({error})") from error
        if columns:
            check_columns(f"{self.path}, line 1", columns, self.fields.id)
        return columns

    def _row(self, number: int, columns: list[str], cells: list[str]) -> Row:
        if len(cells) != len(columns):
            problem = f"{len(cells)} cells where the header has {len(columns)}"
            return Row(self.name, number, problem=problem)
        return Row(self.name, number, dict(zip(columns, cells, strict=True)))
