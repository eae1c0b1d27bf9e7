"""Which sources the configuration names: a glob is as many sources as it matches files."""

import logging
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import msgspec

from simrec.articles.sources.file_source import OPENERS, FileSource, escaped_path
from simrec.articles.sources.folder_source import KINDS as TEXT_SUFFIXES
from simrec.articles.sources.folder_source import FolderSource
from simrec.articles.sources.folder_walk import files_of_folder, is_workspace
from simrec.articles.sources.recognise import export_format
from simrec.articles.sources.source import MissingPathError, Source, UnreadableSourceError
from simrec.articles.sources.spool import Spool, is_read_once
from simrec.bucket_url import BucketUrl, is_bucket
from simrec.config import Fields, LimitsConfig, SourceConfig
from simrec.errors import SimrecError, UsageError, missing_extra
from simrec.source_formats import FORMATS

logger = logging.getLogger(__name__)

WILDCARDS = set("*?[")


def open_sources(
    config: SourceConfig,
    fields: Fields,
    spool: Spool | None = None,
    limits: LimitsConfig | None = None,
) -> list[Source]:
    """Return the sources of one entry of the configuration, in order of name.

    Pipes are read into the spool; without one, they are refused with a UsageError.
    Raises MissingPathError where no file is found, UnreadableSourceError where a folder holds
    nothing to read, and ConfigError where a database needs an extra.
    """
    if config.url:
        return [_sql_source(config, fields)]
    limits = limits or LimitsConfig()
    if is_bucket(config.path):
        return _bucket_sources(config, fields, spool, limits)
    return _local_sources(config, fields, spool, limits)


def _local_sources(
    config: SourceConfig, fields: Fields, spool: Spool | None, limits: LimitsConfig
) -> list[Source]:
    sources: list[Source] = []
    for path in matches(config.path):
        if is_read_once(path):
            sources.append(_pipe_source(path, fields, config, spool, limits))
            continue
        for part in _parts(path, config):
            name = _format_of(part) if config.format == "auto" else config.format
            sources.append(_file_source(name, part, fields, config, limits))
    return sources


def _bucket_sources(
    config: SourceConfig, fields: Fields, spool: Spool | None, limits: LimitsConfig
) -> list[Source]:
    """Return the sources of the copies of objects, which are called as the objects."""
    url = BucketUrl.parse(config.path)
    if spool is None:
        raise UsageError(f"{url}: objects of a bucket are read by an ingest alone")
    root = spool.copy_of_prefix(url)
    local = msgspec.structs.replace(config, path=str(root / url.key))
    sources: list[Source] = []
    try:
        opened = _local_sources(local, fields, spool, limits)
    except SimrecError as error:
        sentence = str(error).replace(str(root), url.of("").rstrip("/"))
        raise type(error)(sentence) from None
    for source in opened:
        if isinstance(source, FileSource):
            key = source.path.relative_to(root).as_posix()
            source = replace(source, shown=url.of(key))
        sources.append(source)
    return sources


def _pipe_source(
    path: Path, fields: Fields, config: SourceConfig, spool: Spool | None, limits: LimitsConfig
) -> FileSource:
    """Return the source of the copy of a pipe, which is called as the pipe."""
    if spool is None:
        raise UsageError(
            f"{path}: a pipe or a device, which can be read only once; write it to a file, "
            "and give that"
        )
    suffixes = _suffixes(path)
    if config.format == "auto" and not (suffixes and _format_of_suffix(suffixes)):
        raise UsageError(
            f"{path}: a pipe, whose name does not tell its format; say it, such as --format jsonl"
        )
    copy = spool.copy_of(path, limits.pipe_seconds)
    name = _format_of(copy) if config.format == "auto" else config.format
    source = _file_source(name, copy, fields, config, limits)
    return replace(source, shown=escaped_path(path))


def _sql_source(config: SourceConfig, fields: Fields) -> Source:
    try:
        from simrec.articles.sources.sql_source import SqlSource
    except ModuleNotFoundError as error:
        raise missing_extra("sql", "reading from a database") from error
    return SqlSource(config.url, config.query, config.watermark, fields)


def _file_source(
    name: str, path: Path, fields: Fields, config: SourceConfig, limits: LimitsConfig
) -> FileSource:
    """Return the source of a format: for "csv" the `CsvSource` of the module `csv_source`."""
    module = import_module(f"simrec.articles.sources.{name}_source")
    source_class: type[FileSource] = getattr(module, f"{name.capitalize()}Source")
    if issubclass(source_class, FolderSource):
        links = config.follow_links
        return source_class(path, fields, config.encoding, links, limits=limits)
    return source_class(path, fields, config.encoding, limits=limits)


def _parts(path: Path, config: SourceConfig) -> list[Path]:
    """Return a path, or the files of a folder that holds parts of a table instead of texts.

    Raises UnreadableSourceError for a folder that holds neither.
    """
    if not path.is_dir() or config.format == "folder":
        return [path]
    below = files_of_folder(path, config.follow_links)
    files = [file.path for file in below if not file.is_folder_link]
    if config.format == "auto" and any(file.suffix.lower() in TEXT_SUFFIXES for file in files):
        return [path]
    parts: dict[str, list[Path]] = {}
    for file in files:
        name = _format_of_suffix(_suffixes(file))
        if name and name != "folder" and not file.name.startswith("_"):
            parts.setdefault(name, []).append(file)
    wanted = list(parts) if config.format == "auto" else [config.format]
    if len(wanted) == 1 and wanted[0] in parts:
        return parts[wanted[0]]
    raise UnreadableSourceError(_nothing_to_read(path, config, parts))


def _nothing_to_read(path: Path, config: SourceConfig, parts: dict[str, list[Path]]) -> str:
    if config.format != "auto":
        return f"{path}: no {config.format} files in it"
    firsts = [files[0] for files in parts.values()]
    patterns = [f"{first.parent}/*{''.join(first.suffixes[-1:])}" for first in firsts]
    instead = f"; give {' or '.join(patterns)}" if patterns else ""
    return f"{path}: no .txt, .md or .html in it{instead}"


def _suffixes(path: Path) -> list[str]:
    return [suffix.lower() for suffix in path.suffixes if suffix.lower() not in OPENERS]


def _format_of_suffix(suffixes: list[str]) -> str:
    for name, known in FORMATS.items():
        if suffixes and suffixes[-1] in known:
            return name
    return ""


def matches(pattern: str) -> list[Path]:
    """Return the paths that a glob or a path names, in order; MissingPathError if there is none."""
    path = Path(pattern)
    if path.exists():
        return [path]
    parts = path.parts
    plain = 0
    while plain < len(parts) and not WILDCARDS & set(parts[plain]):
        plain += 1
    if plain < len(parts):
        matches = sorted(Path(*parts[:plain]).glob(str(Path(*parts[plain:]))))
        others = [match for match in matches if not _is_in_workspace(match, plain)]
        if len(others) < len(matches):
            logger.warning("ingest: %s: workspaces of simrec are left out", pattern)
        if others:
            return others
    raise MissingPathError(f"{pattern}: no such file or folder")


def _is_in_workspace(path: Path, depth: int) -> bool:
    """Tell whether a path lies in a workspace below its first `depth` folders."""
    return any(is_workspace(folder) for folder in path.parents if len(folder.parts) > depth)


def _format_of(path: Path) -> str:
    if path.is_dir():
        return "folder"
    suffixes = _suffixes(path)
    export = export_format(path, suffixes[-1]) if suffixes else ""
    name = export or _format_of_suffix(suffixes)
    if not name:
        raise UsageError(f"{path}: cannot tell its format from its name; set format in the source")
    return name
