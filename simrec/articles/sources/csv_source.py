"""CSV and TSV as spreadsheets and databases write them: a header names the columns."""

from collections.abc import Iterator

from simrec.articles.sources.csv_dialect import choose_dialect, separator
from simrec.articles.sources.csv_rows import RowParser, TableRow
from simrec.articles.sources.file_source import OPENERS, FileSource
from simrec.articles.sources.source import (
    DamagedSourceError,
    Row,
    Split,
    UnreadableSourceError,
    check_columns,
    warn_without_text,
)

HEAD = 1 << 20  # characters, of which the dialect is chosen
BROKEN = "{problem}; the rows beside it were read. Write quotation marks within a cell twice"


class CsvSource(FileSource):
    """A table of text. Its rows may go over several lines, so that it is read whole."""

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        """Yield the rows; UnreadableSourceError if there is no column for the id.

        A row with broken quotation marks is damage, but only that row is lost.
        """
        lines = self.text_lines(split)
        head = _Head(lines)
        delimiter = separator(head.lines[0]) if head.lines else ""
        first = 1
        if delimiter:
            first = 2
            del head.lines[0]
        dialect = choose_dialect(head.lines, head.whole, delimiter, self._suffix == ".tsv")
        parser = RowParser(head.then(lines), dialect, first)
        table = iter(parser)
        columns = self._columns(next(table, None))
        parser.width = len(columns)
        if self.fields.text not in columns:
            warn_without_text(self.name, columns, self.fields)
        for row in table:
            if row.problem:
                problem = BROKEN.format(problem=row.problem) if row.broke else row.problem
                yield Row(self.name, row.line, problem=problem, end=row.broke)
            else:
                record = dict(zip(columns, row.cells, strict=True))
                yield Row(self.name, row.line, record, unended=row.unended)

    @property
    def _suffix(self) -> str:
        suffixes = [suffix.lower() for suffix in self.path.suffixes]
        return next((suffix for suffix in reversed(suffixes) if suffix not in OPENERS), "")

    def _columns(self, header: TableRow | None) -> list[str]:
        """Return the names of the columns, each on one line."""
        if header is None:
            return []
        where = f"{self.path}, line {header.line}"
        if header.problem:
            raise DamagedSourceError(header.line, f"the header: {header.problem}")
        columns = [" ".join((cell or "").split()) for cell in header.cells]
        check_columns(where, columns, self.fields.id)
        for field in self.fields.__struct_fields__:
            name = getattr(self.fields, field)
            if name and columns.count(name) > 1:
                sentence = f"{where}: two columns are named '{name}'; rename one of them"
                raise UnreadableSourceError(sentence)
        return columns


class _Head:
    """The first lines of a table, which are looked at before it is read, and their damage."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines: list[str] = []
        self.damage: DamagedSourceError | None = None
        size = 0
        try:
            while size < HEAD and (line := next(lines, None)) is not None:
                self.lines.append(line)
                size += len(line)
        except DamagedSourceError as damage:
            self.damage = damage
        self.whole = size < HEAD and not self.damage

    def then(self, rest: Iterator[str]) -> Iterator[str]:
        """Yield the first lines and then the others; raise the damage where it was."""
        yield from self.lines
        if self.damage:
            raise self.damage
        yield from rest
