"""Pieces: the files that a source has, and where they are cut into what one reader reads at a time."""

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from simrec.config import SourceConfig
from simrec.errors import ConfigError, UsageError

OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BODY_OF_SUFFIX = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
}
FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "csv"}
FORMATS |= {".parquet": "parquet", ".rss": "feed", ".atom": "feed", ".xml": "feed"}


class Split(NamedTuple):
    """What one reader reads at a time: a file or a folder, or some lines of a file from a byte and a line number on."""

    path: Path
    kind: str
    start: int = 0
    line: int = 1
    lines: int | None = None


def splits_of(source: SourceConfig) -> Iterator[Split]:
    """Yield the files and folders of a source, in order of name; UsageError where nothing is found."""
    for path in _paths(source.path):
        yield Split(path, _format(path) if source.format == "auto" else source.format)


def files_of(source: SourceConfig) -> Iterator[Path]:
    """Yield every file of a source, in order of name; UsageError where nothing is found."""
    return (file for path in _paths(source.path) for file in files_in(path))


def files_in(path: Path) -> Iterable[Path]:
    """Return the texts of a folder, in order of name, or the file that it is itself."""
    return texts_in(path) if path.is_dir() else [path]


def _paths(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.exists():
        return [path]
    wild = next((n for n, part in enumerate(path.parts) if any(c in part for c in "*?[")), None)
    found = (
        sorted(Path(*path.parts[:wild]).glob(str(Path(*path.parts[wild:]))))
        if wild is not None
        else []
    )
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


def texts_in(folder: Path) -> Iterator[Path]:
    """Yield the texts of a folder, in order of name."""
    return (
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in BODY_OF_SUFFIX and path.is_file()
    )


def split_file(piece: Split, most: int) -> Iterator[Split]:
    """Cut a file into pieces of about so many bytes at ends of lines, if its rows are lines.

    Rows of CSV may go over several lines, and nobody can begin in the middle of a compressed file: they stay whole.
    """
    with opening(piece.path):
        size = piece.path.stat().st_size
    if size <= most or piece.kind != "jsonl" or piece.path.suffix.lower() in OPENERS:
        yield piece
        return
    start, first, size, lines = 0, 1, 0, 0
    with piece.path.open("rb") as file:
        for line in file:
            size, lines = size + len(line), lines + 1
            if size >= most:
                yield Split(piece.path, piece.kind, start, first, lines)
                start, first, size, lines = start + size, first + lines, 0, 0
    if lines:
        yield Split(piece.path, piece.kind, start, first, lines)


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Turn a file that cannot be opened into a ConfigError that names it."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); nothing was changed"
        ) from error
