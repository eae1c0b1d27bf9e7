"""What a night reads and writes beside its workspace, as its configuration says."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simrec.bucket_url import is_bucket
from simrec.config import SQLITE, Config

TEMPORARY = (Path("/tmp"), Path("/var/tmp"))


@dataclass(frozen=True)
class Needs:
    """The folders a night writes to, those it only reads, and whether it needs the network.

    `variables` tells whether an address of a database, or what opens a bucket, stands in
    environment variables.
    """

    written: list[Path]
    read: list[Path]
    network: bool
    variables: bool

    @property
    def temporary(self) -> bool:
        """Tell whether some of it lies where a unit of its own sees an empty folder."""
        everything = [*self.written, *self.read]
        return any(path.is_relative_to(folder) for path in everything for folder in TEMPORARY)


def needs_of(config: Config, workspace: Path) -> Needs:
    """Return what a night with a configuration needs; paths are absolute, each once."""
    urls = [source.url for source in config.sources if source.url]
    urls += [sink.url for sink in config.sinks if sink.url]
    paths = [source.path for source in config.sources if source.path]
    has_bucket = bool(config.mirrors) or any(
        is_bucket(path) for path in [*paths, *(sink.path for sink in config.sinks)]
    )
    written = [workspace.absolute(), *_written(config, urls)]
    read = [Path(path) for path in paths if not is_bucket(path)]
    return Needs(
        written=list(dict.fromkeys(written)),
        read=read,
        network=config.engine.kind != "local"
        or has_bucket
        or any(not _is_file(url) for url in urls),
        variables=has_bucket or any("$" in url for url in urls),
    )


def _written(config: Config, urls: list[str]) -> Iterator[Path]:
    for sink in config.sinks:
        if sink.path and not is_bucket(sink.path):
            yield Path(sink.path)
    # SQLite keeps files beside that of the database, also to read it.
    yield from (Path(url.removeprefix(SQLITE)).parent for url in urls if _is_file(url))
    if config.monitor.prometheus:
        yield Path(config.monitor.prometheus).parent


def _is_file(url: str) -> bool:
    return url.startswith(SQLITE) and Path(url.removeprefix(SQLITE)).is_absolute()
