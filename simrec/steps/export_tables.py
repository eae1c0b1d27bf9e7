"""The step after publishing: the tables of the current release go where a site takes them from."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from simrec import log
from simrec.bucket_url import is_bucket
from simrec.config import MirrorConfig, SinkConfig
from simrec.errors import ConfigError, SimrecError
from simrec.release import Release, published
from simrec.sinks import (
    article_files_sink,
    bucket_sink,
    database_sink,
    delta,
    folder_sink,
    front_matter_sink,
    mirror,
)
from simrec.sinks.sink_table import SinkTable
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.workspace import Workspace

LISTS = ("nested", "data", "files", "front_matter")  # formats that also hold ids without a list


def export(night: Night) -> StepResult:
    """Write the tables of the current release to every sink that does not hold them yet.

    Nothing is recomputed. A sink that cannot be written does not keep the others from it; the step
    fails when all have been tried, and the next run tries again.
    """
    sinks = night.config.sinks
    mirrors = night.config.mirrors
    if not (sinks or mirrors):
        return StepResult("no sinks are configured", skipped=True)
    current = Release.current(night.workspace)
    current.verify(only=_read_files(current, sinks))
    writes: list[Callable[[], str]] = []
    for sink in sinks:
        writes.append(partial(_write, night, current, sink))
    for config in mirrors:
        writes.append(partial(_push, night.workspace, current, config))
    changes = _write_all(writes)
    places = len(sinks) + len(mirrors)
    summary = f"{places} sinks hold {current.manifest.release_id}"
    return StepResult("; ".join([summary, *changes]), places, len(changes), skipped=not changes)


def _write_all(writes: Sequence[Callable[[], str]]) -> list[str]:
    """Write every place; return what was done, or raise what went wrong when all were tried."""
    changes: list[str] = []
    problems: list[SimrecError] = []
    for write in writes:
        try:
            changes.append(write())
        except SimrecError as problem:
            problems.append(problem)
        except OSError as error:  # of a folder: the disk is full, or it may not be written
            problems.append(ConfigError(f"{error.filename or 'a sink'}: {error.strerror}"))
    if problems:
        raise type(problems[0])("\n".join(map(str, problems)))
    return list(filter(None, changes))


def _read_files(current: Release, sinks: tuple[SinkConfig, ...]) -> list[Path]:
    """Return the files of a release that sinks are written from."""
    paths = [current.folder.table(name) for sink in sinks for name in sink.table_names]
    if any(sink.columns or sink.format in LISTS for sink in sinks):
        paths.append(current.folder.tables)
    return paths


def _write(night: Night, current: Release, sink: SinkConfig) -> str:
    """Write one sink; return what was done in words, or nothing if there was nothing to do."""
    tables = []
    for name in sink.table_names:
        tables.append(SinkTable.open(current.folder, name, sink.columns, sink.places))
    if sink.url:
        open_earlier = partial(_open_earlier, night.workspace)
        now = log.now("seconds")
        counts = database_sink.write(sink.url, tables, current.manifest, now, open_earlier)
        return str(counts) if counts else ""
    if sink.format == "delta":
        written = delta.write(sink, tables, current.manifest)
        return f"{sink.path.partition('?')[0]} committed" if written else ""
    if is_bucket(sink.path):
        return _write_bucket(night, current, sink, tables)
    if sink.format == "files":
        changed = article_files_sink.write(sink, tables[0], current.manifest)
        return f"{sink.path}: {changed}" if changed else ""
    if sink.format == "front_matter":
        with night.open_store() as store:
            edited = front_matter_sink.write(sink, tables[0], store.origins())
        return f"{sink.path}: {edited}" if edited.changed else ""
    written = folder_sink.write(sink, tables, current.manifest)
    return f"{sink.path} written" if written else ""


def _write_bucket(night: Night, current: Release, sink: SinkConfig, tables: list[SinkTable]) -> str:
    place = sink.path.partition("?")[0]
    if sink.format == "files":
        changed = bucket_sink.write_articles(sink, tables[0], current.manifest)
        return f"{place}: {changed}" if changed else ""
    staging = night.workspace.staging
    written = bucket_sink.write_tables(sink, tables, current.manifest, staging)
    return f"{place} written" if written else ""


def _push(workspace: Workspace, current: Release, config: MirrorConfig) -> str:
    pushed = mirror.push(workspace, current, config)
    return f"{config.path.partition('?')[0]}: {pushed}" if pushed else ""


def _open_earlier(workspace: Workspace, release_id: str, table: SinkTable) -> SinkTable | None:
    """Open a table of an earlier release; None if that is pruned, damaged or has no such table."""
    for earlier in published(workspace):
        if earlier.manifest.release_id == release_id:  # never a path from what a database says
            try:
                release = Release.open(earlier.folder)
                paths = [release.folder.table(table.name)]
                if table.added:
                    paths.append(release.folder.tables)
                release.verify(only=paths)
                return SinkTable.open(release.folder, table.name, table.added, table.places)
            except (SimrecError, OSError):
                return None
    return None
