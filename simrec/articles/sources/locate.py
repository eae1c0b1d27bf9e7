"""Which sources the configuration names: a glob is as many sources as it matches files."""

from importlib import import_module
from pathlib import Path

from simrec.articles.sources.file_source import OPENERS, FileSource
from simrec.articles.sources.folder_source import FolderSource
from simrec.articles.sources.recognise import export_format
from simrec.articles.sources.source import Source
from simrec.config import Fields, SourceConfig
from simrec.errors import UsageError, missing_extra
from simrec.source_formats import FORMATS

WILDCARDS = set("*?[")


def open_sources(config: SourceConfig, fields: Fields) -> list[Source]:
    """Return the sources of one entry of the configuration, in order of name.

    Raises UsageError where no file is found, ConfigError where a database needs an extra.
    """
    if config.url:
        return [_sql_source(config, fields)]
    sources: list[Source] = []
    for path in _matches(config.path):
        name = _format_of(path) if config.format == "auto" else config.format
        sources.append(_file_source(name, path, fields, config.follow_links))
    return sources


def _sql_source(config: SourceConfig, fields: Fields) -> Source:
    try:
        from simrec.articles.sources.sql_source import SqlSource
    except ModuleNotFoundError as error:
        raise missing_extra("sql", "reading from a database") from error
    return SqlSource(config.url, config.query, config.watermark, fields)


def _file_source(name: str, path: Path, fields: Fields, follow_links: bool) -> FileSource:
    """Return the source of a format: for "csv" the `CsvSource` of the module `csv_source`."""
    module = import_module(f"simrec.articles.sources.{name}_source")
    source_class: type[FileSource] = getattr(module, f"{name.capitalize()}Source")
    if issubclass(source_class, FolderSource):
        return source_class(path, fields, follow_links)
    return source_class(path, fields)


def _matches(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.exists():
        return [path]
    parts = path.parts
    plain = 0
    while plain < len(parts) and not WILDCARDS & set(parts[plain]):
        plain += 1
    if plain < len(parts):
        matches = sorted(Path(*parts[:plain]).glob(str(Path(*parts[plain:]))))
        if matches:
            return matches
    raise UsageError(f"{pattern}: no such file or folder")


def _format_of(path: Path) -> str:
    if path.is_dir():
        return "folder"
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in OPENERS]
    export = export_format(path, suffixes[-1]) if suffixes else ""
    if export:
        return export
    for name, known in FORMATS.items():
        if suffixes and suffixes[-1] in known:
            return name
    raise UsageError(f"{path}: cannot tell its format from its name; set format in the source")
