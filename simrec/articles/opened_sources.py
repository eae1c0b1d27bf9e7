"""Opens all sources of a configuration; those that cannot be opened are named beside the others."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from simrec.articles.mapping import Mapping
from simrec.articles.sources.file_source import FileSource, escaped_path
from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import MissingPathError, Source, UnreadableSourceError
from simrec.articles.sources.spool import Spool
from simrec.bucket_url import is_bucket
from simrec.config import Config
from simrec.errors import SimrecError

Fingerprints = dict[str, str | None]  # of sources, by name


class MappedSource(NamedTuple):
    """A source, and how its records become articles."""

    source: Source
    mapping: Mapping


@dataclass(frozen=True)
class OpenedSources:
    """Sources in the order of the configuration, and what is wrong with the others, by name."""

    sources: list[MappedSource] = field(default_factory=list)
    failures: dict[str, SimrecError] = field(default_factory=dict)
    # The number of the configuration's entry that each is of, and those whose ids are claims.
    entries: dict[str, int] = field(default_factory=dict)
    claiming: set[str] = field(default_factory=set)

    def without(self, failures: dict[str, SimrecError]) -> "OpenedSources":
        """Return them without sources that turned out to be failures as well."""
        sources = [mapped for mapped in self.sources if mapped.source.name not in failures]
        return OpenedSources(sources, self.failures | failures, self.entries, self.claiming)


def open_all(config: Config, now: str, spool: Spool | None = None) -> OpenedSources:
    """Open all sources that a configuration names, to be read at a time.

    Raises ConfigError or UsageError where the configuration is to be mended, not a source.
    """
    opened = OpenedSources()
    for number, source_config in enumerate(config.sources):
        mapping = Mapping.of(source_config, config, now)
        try:
            for source in open_sources(source_config, mapping.fields, spool, config.limits):
                opened.sources.append(MappedSource(source, mapping))
                opened.entries[source.name] = number
                if isinstance(source, FileSource) and source.claims_ids:
                    opened.claiming.add(source.name)
        except (UnreadableSourceError, MissingPathError) as error:
            name = _name(source_config.path)
            opened.failures[name] = error
            opened.entries[name] = number
    return opened


def _name(path: str) -> str:
    """Return what a source that cannot be opened is called."""
    return path.partition("?")[0] if is_bucket(path) else escaped_path(Path(path))


def take_fingerprints(
    sources: Iterable[MappedSource],
) -> tuple[Fingerprints, dict[str, SimrecError]]:
    """Return what stands for the content of each source, and those that cannot be read."""
    fingerprints: Fingerprints = {}
    failures: dict[str, SimrecError] = {}
    for source, _ in sources:
        try:
            fingerprints[source.name] = source.fingerprint()
        except UnreadableSourceError as error:
            failures[source.name] = error
    return fingerprints, failures
