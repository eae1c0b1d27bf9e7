"""Readers: files and folders become rows, each with the file and line it came from."""

import bz2
import csv
import gzip
import json
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from simrec.articles.article import encoded_text
from simrec.articles.cleaning import body_text
from simrec.config import Fields, Source
from simrec.errors import ConfigError, UsageError

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


OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BODY_OF_SUFFIX = {".txt": "text", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}
FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "csv"}
FORMATS |= {".parquet": "parquet", ".rss": "feed", ".atom": "feed", ".xml": "feed"}
DELIMITERS = ",;\t|"
LONGEST_CSV_FIELD = 1 << 28


def read(source: Source, fields: Fields) -> Iterator[Row]:
    """Yield the rows of every file of a source, in order of name.

    Raises UsageError where nothing is found and ConfigError where a file cannot be opened or a table lacks
    the id column; fields with an empty id read a table that needs none.
    """
    for path in _paths(source.path):
        kind = _format(path) if source.format == "auto" else source.format
        with opening(path):
            yield from READERS[kind](path, fields)


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Turn a file that cannot be opened into a ConfigError that names it."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); nothing was changed") from error


def files_of(source: Source) -> Iterator[Path]:
    """Yield every file of a source, in order of name; UsageError where nothing is found."""
    for path in _paths(source.path):
        yield from _texts(path) if path.is_dir() else [path]


def _paths(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.exists():
        return [path]
    wild = next((n for n, part in enumerate(path.parts) if any(c in part for c in "*?[")), None)
    found = sorted(Path(*path.parts[:wild]).glob(str(Path(*path.parts[wild:])))) if wild is not None else []
    if not found:
        raise UsageError(f"{pattern}: no such file or folder")
    return found


def _format(path: Path) -> str:
    if path.is_dir():
        return "folder"
    suffixes = [suffix for suffix in path.suffixes if suffix.lower() not in OPENERS]
    suffix = suffixes[-1].lower() if suffixes else ""
    if suffix not in FORMATS:
        raise UsageError(f"{path}: cannot tell its format from its name; set format in the source")
    return FORMATS[suffix]


def _open(path: Path) -> Any:
    return OPENERS.get(path.suffix.lower(), open)(path, "rb")


def _lines(path: Path) -> Iterator[bytes | Row]:
    """Yield the lines of a file; where a compressed file breaks off, the last thing is an end row."""
    number = 0
    with _open(path) as file:
        try:
            for number, line in enumerate(file, start=1):  # noqa: B007  # read after the loop
                yield line
        except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
            if isinstance(error, OSError) and error.errno:  # the disk; gzip and bz2 say it without a number
                raise
            yield Row(str(path), number + 1, problem=f"the file is damaged from here on ({error})", end=True)


def _read_jsonl(path: Path, _: Fields) -> Iterator[Row]:
    for number, line in enumerate(_lines(path), start=1):
        if isinstance(line, Row):
            yield line
        elif line.strip():
            yield _json_row(str(path), number, line)


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


def _read_csv(path: Path, fields: Fields) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CSV_FIELD)
    damage: list[Row] = []
    lines = _text_lines(path, damage)
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


def _text_lines(path: Path, damage: list[Row]) -> Iterator[str]:
    # Bytes that are no UTF-8 become lone surrogates, which cleaning refuses row by row.
    for line in _lines(path):
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


def _read_parquet(path: Path, fields: Fields) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            check_columns(f"{path}, line 1", file.schema_arrow.names, fields.id)
            for batch in file.iter_batches(batch_size=4096):
                for record in _records(batch):
                    number += 1
                    yield Row(str(path), number, record)
    except (pyarrow.ArrowException, OSError) as error:
        yield Row(str(path), number + 1, problem=f"not Parquet from here on ({error})", end=True)


def _read_feed(path: Path, _: Fields) -> Iterator[Row]:
    from simrec.articles import feeds

    lines: list[Any] = list(_lines(path))
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
        values = zip(*([_value(scalar) for scalar in column] for column in batch.columns), strict=True)
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


def _read_folder(folder: Path, _: Fields) -> Iterator[Row]:
    for path in _texts(folder):
        yield _file_row(folder, path, BODY_OF_SUFFIX[path.suffix.lower()])


def _texts(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in BODY_OF_SUFFIX and path.is_file())


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
    named = ((meta.getattr("name") or meta.getattr("property"), meta.getattr("content")) for meta in _metas(tree))
    # The main content leaves out navigation and footers; a page too plain to have any is taken whole.
    body = extract_plain_text(tree, main_content=True, list_bullets=False) or extract_plain_text(tree)
    return {name: content for name, content in named if name} | {"title": tree.title or "", "text": body}


def _metas(tree: Any) -> Iterable[Any]:
    head = tree.head
    return head.query_selector_all("meta") if head else ()


def _text_record(text: str) -> Record:
    return {"text": text}


FILE_READERS = {"text": _text_record, "markdown": _markdown_record, "html": _html_record}
READERS = {"jsonl": _read_jsonl, "csv": _read_csv, "parquet": _read_parquet, "feed": _read_feed, "folder": _read_folder}
