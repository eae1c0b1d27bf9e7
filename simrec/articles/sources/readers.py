"""Readers: files and folders become rows, each with the file and line it came from."""

import csv
import json
import lzma
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from simrec.articles.article import encoded_text
from simrec.articles.cleaning import body_text
from simrec.articles.sources import feeds
from simrec.articles.splits import BODY_OF_SUFFIX, OPENERS, Split, opening, splits_of, texts_in
from simrec.config import Fields, SourceConfig
from simrec.errors import ConfigError

Record = dict[str, Any]


class Row(NamedTuple):
    """One row of a source: a record, or the problem that kept it from being one.

    A row that is the `end` of a damaged file says that what followed it is lost.
    """

    file: str
    line: int
    record: Record = {}
    problem: str = ""
    end: bool = False


DELIMITERS = ",;\t|"
LONGEST_CSV_FIELD = 1 << 28


def read(source: SourceConfig, fields: Fields) -> Iterator[Row]:
    """Yield the rows of every file of a source, in order of name.

    Raises UsageError where nothing is found and ConfigError where a file cannot be opened or a table lacks
    the id column; fields with an empty id read a table that needs none.
    """
    for piece in splits_of(source):
        yield from read_split(piece, fields)


def read_split(piece: Split, fields: Fields) -> Iterator[Row]:
    """Yield the rows of a piece, with the numbers that their lines have in the whole file."""
    with opening(piece.path):
        yield from READERS[piece.kind](piece, fields)


def _open(path: Path) -> Any:
    return OPENERS.get(path.suffix.lower(), open)(path, "rb")


def _lines(piece: Split) -> Iterator[bytes | Row]:
    """Yield the lines of a piece; where a compressed file breaks off, the last thing is an end row."""
    path, number = piece.path, 0
    with _open(path) as file:
        if piece.start:
            file.seek(piece.start)
        try:
            for number, line in enumerate(islice(file, piece.lines), start=1):  # noqa: B007  # read after the loop
                yield line
        except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
            if (
                isinstance(error, OSError) and error.errno
            ):  # the disk; gzip and bz2 say it without a number
                raise
            yield Row(
                str(path),
                number + 1,
                problem=f"the file is damaged from here on ({error})",
                end=True,
            )


def _read_jsonl(piece: Split, _: Fields) -> Iterator[Row]:
    file = str(piece.path)
    for number, line in enumerate(_lines(piece), start=piece.line):
        if isinstance(line, Row):
            yield line
        elif line.strip():
            yield _json_row(file, number, line)


def _json_row(file: str, number: int, line: bytes) -> Row:
    try:
        record = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Row(file, number, problem=f"not valid UTF-8 (byte {error.start + 1})")
    except (ValueError, RecursionError) as error:
        return Row(file, number, problem=f"not JSON ({error}); each line has to be one JSON object")
    if not isinstance(record, dict):
        return Row(file, number, problem="not a JSON object; each line has to be one")
    return Row(file, number, record)


def _read_csv(piece: Split, fields: Fields) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CSV_FIELD)
    path, damage = piece.path, list[Row]()
    lines = _text_lines(piece, damage)
    header = next(lines, "").lstrip("\ufeff")
    delimiter = max(DELIMITERS, key=header.count)
    try:
        columns = next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error as error:
        yield Row(str(path), 1, problem=f"not CSV ({error})", end=True)
        return
    if columns:
        check_columns(f"{path}, line 1", columns, fields.id)
    table = csv.reader(lines, delimiter=delimiter)
    try:
        for cells in table:
            if cells:
                yield _csv_row(str(path), table.line_num + 1, columns, cells)
    except csv.Error as error:
        damage.append(Row(str(path), table.line_num + 1, problem=f"not CSV ({error})", end=True))
    yield from damage


def _text_lines(piece: Split, damage: list[Row]) -> Iterator[str]:
    # Bytes that are no UTF-8 become lone surrogates, which cleaning refuses row by row.
    for line in _lines(piece):
        if isinstance(line, Row):
            damage.append(line)
        else:
            yield line.decode("utf-8", "surrogateescape")


def _csv_row(file: str, number: int, columns: list[str], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        return Row(file, number, problem=f"{len(cells)} cells where the header has {len(columns)}")
    return Row(file, number, dict(zip(columns, cells, strict=True)))


def check_columns(where: str, columns: Iterable[str], id_column: str) -> None:
    """Raise ConfigError if a table lacks the column that the id is taken from."""
    if id_column and id_column not in columns:
        raise ConfigError(
            f"{where}: no column '{id_column}' to take the id from; the columns are "
            f"{', '.join(columns)}; set id under [fields] to one of them"
        )


def _read_parquet(piece: Split, fields: Fields) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    path, number = piece.path, 0
    try:
        with parquet.ParquetFile(path) as file:
            check_columns(f"{path}, line 1", file.schema_arrow.names, fields.id)
            for batch in file.iter_batches(batch_size=4096):
                for record in _records(batch):
                    number += 1
                    yield Row(str(path), number, record)
    except (
        pyarrow.ArrowException,
        OSError,
        UnicodeDecodeError,
    ) as error:  # the last is of a column's name
        yield Row(str(path), number + 1, problem=f"not Parquet from here on ({error})", end=True)


def _read_feed(piece: Split, _: Fields) -> Iterator[Row]:

    path, lines = piece.path, list[Any](_lines(piece))
    cut = [lines.pop()] if lines and isinstance(lines[-1], Row) else []
    records, damage = feeds.parse(b"".join(lines))
    for number, record in enumerate(records, start=1):
        yield Row(str(path), number, record)
    if damage and not cut:
        cut = [Row(str(path), len(records) + 1, problem=damage, end=True)]
    yield from cut


def _records(batch: Any) -> list[Record]:
    try:
        records: list[Record] = batch.to_pylist()
    except (ValueError, OverflowError):  # one value is enough: the others are read one by one
        names = batch.schema.names
        values = zip(
            *([_value(scalar) for scalar in column] for column in batch.columns), strict=True
        )
        records = [dict(zip(names, row, strict=True)) for row in values]
    return records


def _value(scalar: Any) -> Any:
    """Return what Python can hold of a value: bytes that are no UTF-8 as in a CSV file, a date beyond all as text."""
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "surrogateescape")
    except (ValueError, OverflowError) as error:
        return str(error)


def _read_folder(piece: Split, _: Fields) -> Iterator[Row]:
    for path in texts_in(piece.path):
        yield _file_row(piece.path, path, BODY_OF_SUFFIX[path.suffix.lower()])


def _file_row(folder: Path, path: Path, kind: str) -> Row:
    relative = path.relative_to(folder)
    record: Record = {"id": relative.as_posix(), "folder": relative.parent.as_posix()}
    try:
        text = path.read_text(encoding="utf-8-sig")
        return Row(str(path), 1, record | FILE_READERS[kind](text))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Row(str(path), line, problem=f"not valid UTF-8 (byte {error.start + 1})")
    except ValueError as error:
        return Row(str(path), 1, problem=str(error))


def read_text(path: Path) -> str:
    """Return the title and text of one text, Markdown or HTML file; ValueError or OSError if it has none."""
    row = _file_row(path.parent, path, BODY_OF_SUFFIX.get(path.suffix.lower(), "text"))
    if row.problem:
        raise ValueError(row.problem)
    return encoded_text(str(row.record.get("title", "")), str(row.record["text"]))


def _markdown_record(text: str) -> Record:
    import frontmatter
    import yaml

    try:
        front, body = frontmatter.parse(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"front matter: {' '.join(str(error).split())}") from None
    first, _, rest = body.lstrip().partition("\n")
    if first.startswith("# "):
        front, body = {"title": body_text(first[2:], "markdown"), **front}, rest
    return {**front, "text": body_text(body, "markdown")}


def _html_record(text: str) -> Record:
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(text)
    named = (
        (meta.getattr("name") or meta.getattr("property"), meta.getattr("content"))
        for meta in _metas(tree)
    )
    # The main content leaves out navigation and footers; a page too plain to have any is taken whole.
    body = extract_plain_text(tree, main_content=True, list_bullets=False) or extract_plain_text(
        tree
    )
    return {name: content for name, content in named if name} | {
        "title": tree.title or "",
        "text": body,
    }


def _metas(tree: Any) -> Iterable[Any]:
    head = tree.head
    return head.query_selector_all("meta") if head else ()


def _text_record(text: str) -> Record:
    return {"text": text}


FILE_READERS = {"text": _text_record, "markdown": _markdown_record, "html": _html_record}
READERS = {
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "parquet": _read_parquet,
    "feed": _read_feed,
    "folder": _read_folder,
}
