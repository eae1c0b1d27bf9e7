"""The step after publishing: the tables of the current release go where a site takes them from."""

from functools import partial
from pathlib import Path

from simrec import log
from simrec.config import SinkConfig
from simrec.errors import ConfigError, SimrecError, missing_extra
from simrec.recommend.tables.parquet import ParquetTable
from simrec.release import Release, published
from simrec.sinks import folder_sink
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.workspace import Workspace


def export(night: Night) -> StepResult:
    """Write the tables of the current release to every sink that does not hold them yet.

    Nothing is recomputed. A sink that cannot be written does not keep the others from it; the step
    fails when all have been tried, and the next run tries again.
    """
    sinks = night.config.sinks
    if not sinks:
        return StepResult("no sinks are configured", skipped=True)
    current = Release.current(night.workspace)
    current.verify(only=[current.folder.table(name) for sink in sinks for name in sink.tables])
    changes: list[str] = []
    problems: list[SimrecError] = []
    for sink in sinks:
        try:
            change = _write(night.workspace, current, sink)
            if change:
                changes.append(change)
        except SimrecError as problem:
            problems.append(problem)
        except OSError as error:  # of a folder: the disk is full, or it may not be written
            problems.append(ConfigError(f"{error.filename or sink.path}: {error.strerror}"))
    if problems:
        raise type(problems[0])("\n".join(map(str, problems)))
    summary = f"{len(sinks)} sinks hold {current.manifest.release_id}"
    return StepResult("; ".join([summary, *changes]), len(sinks), len(changes), skipped=not changes)


def _write(workspace: Workspace, current: Release, sink: SinkConfig) -> str:
    """Write one sink; return what was done in words, or nothing if there was nothing to do."""
    tables = [ParquetTable.open(current.folder, name) for name in sink.tables]
    if sink.path:
        written = folder_sink.write(Path(sink.path), sink.format, tables, current.manifest)
        return f"{sink.path} written" if written else ""
    try:
        from simrec.sinks import database_sink
    except ModuleNotFoundError as error:
        raise missing_extra("sql", "writing to a database") from error

    open_earlier = partial(_open_earlier, workspace)
    now = log.now("seconds")
    counts = database_sink.write(sink.url, tables, current.manifest, now, open_earlier)
    return str(counts) if counts else ""


def _open_earlier(workspace: Workspace, release_id: str, table: str) -> ParquetTable | None:
    """Open a table of an earlier release; None if that is pruned, damaged or has no such table."""
    for earlier in published(workspace):
        if earlier.manifest.release_id == release_id:  # never a path from what a database says
            try:
                release = Release.open(earlier.folder)
                release.verify(only=[release.folder.table(table)])
                return ParquetTable.open(release.folder, table)
            except (SimrecError, OSError):
                return None
    return None
