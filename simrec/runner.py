"""The runner: gives the steps of a job the lock, the journal and the exit code."""

import logging
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from simrec import files, journal, last_config, log
from simrec.config import Config
from simrec.errors import ConfigError, SimrecError
from simrec.exit_codes import as_simrec_error, exit_code, exit_codes
from simrec.jobs import Job
from simrec.journal import RunRecord, StepRecord, Stopwatch
from simrec.last_config import LoadedConfig
from simrec.steps import Step, StepResult
from simrec.steps.night import Night
from simrec.workspace import Workspace

logger = logging.getLogger(__name__)

READABLE = 0o644
CLOCK_TOLERANCE = 60  # seconds that a clock may be corrected by


def run(
    job: str,
    steps: Sequence[Step],
    workspace: Workspace,
    loaded: LoadedConfig,
    config: Config | None = None,
) -> None:
    """Run the steps in order under the workspace's lock and add a line to its journal.

    `config` is what the command line has made of the loaded configuration.

    The first step that fails ends the run; what the steps before it did stays, and the same command
    goes on from there. What a step went on without, such as a source that cannot be read, ends the
    run after its last step.
    """
    with workspace.lock(), Night(workspace, config or loaded.config) as night:
        _check_clock(workspace)
        workspace.sweep()
        last_config.remember(workspace, loaded)
        _find_killed(workspace, night.config)
        record = RunRecord(job=job, started_at=log.now("seconds"), steps=[], exit_code=0)
        journal.begin_run(workspace.running, job, record.started_at)
        stopwatch = Stopwatch()
        try:
            _run_steps(steps, night, record.steps)
        except BaseException as error:
            record.exit_code = exit_code(error)
            record.error = str(as_simrec_error(error) or repr(error))
            raise
        finally:
            stopwatch.note(record)
            _write_journal(workspace, record, night.config)
            files.remove(workspace.running)
            _write_metrics(night)


def _write_metrics(night: Night) -> None:
    if not night.config.monitor.prometheus:
        return
    from simrec.monitor import write_metrics

    path = Path(night.config.monitor.prometheus)
    try:
        write_metrics(night, path)
    except (OSError, sqlite3.Error, SimrecError) as error:
        # this must not hide how the run ended
        logger.warning("%s: not written (%s)", path, error)


def _find_killed(workspace: Workspace, config: Config) -> None:
    """Write the run before this one into the journal, if it was killed."""
    killed = journal.find_killed(workspace.running)
    if killed is None:
        return
    logger.warning(
        "simrec: the run of %s that began at %s was killed; this one goes on where it was",
        killed.job,
        killed.started_at,
    )
    _write_journal(workspace, killed, config)


def _write_journal(workspace: Workspace, record: RunRecord, config: Config) -> None:
    mode = READABLE if config.monitor.readable_journal else journal.PRIVATE
    try:
        journal.append_run(workspace.journal, record, mode)
    except OSError as error:  # a full disk must not hide how the run ended
        logger.warning("%s: not written (%s)", workspace.journal, error.strerror)


def _check_clock(workspace: Workspace) -> None:
    """Raise ConfigError if the clock was set back.

    Releases and encoders of tonight would be older than the last ones.
    """
    runs = journal.read_runs(workspace.journal)
    last = runs[-1].started_at if runs else ""
    if last > log.now("seconds", later=CLOCK_TOLERANCE):
        raise ConfigError(
            f"the clock says {log.now('seconds')}, and the last run here began at {last}: "
            "set the clock right, or, if it was wrong then, remove the last line of "
            f"{workspace.journal}; nothing was changed"
        )


def _run_steps(steps: Sequence[Step], night: Night, records: list[StepRecord]) -> None:
    """Run steps in order, and raise at the end what they went on without."""
    failures: list[SimrecError] = []
    try:
        for step in steps:
            result = _run_step(step, night, records)
            if result.failure:
                failures.append(result.failure)
    except BaseException:
        for failure in failures:  # another error ends the run
            logger.error("simrec: %s", failure)
        raise
    if failures:
        raise failures[0]


def _run_step(step: Step, night: Night, records: list[StepRecord]) -> StepResult:
    """Run a step, and add a record of what it did and cost, also if it fails."""
    stopwatch = Stopwatch()
    record = StepRecord(step=step.name, state="failed")
    try:
        result = step(night)
        record.state = "skipped" if result.skipped else "done"
        record.rows_in = result.rows_in
        record.rows_out = result.rows_out
        record.what = result.sentence
        record.release = result.release
        logger.info("%s: %s (%.1f s)", record.step, record.what, stopwatch.seconds)
        return result
    finally:
        stopwatch.note(record)
        records.append(record)


def main(steps: Sequence[Step]) -> None:
    """Run steps as a job of one's own, named as its file, with the options that every job has."""
    from simrec.cli.job_commands import job_command  # the command line stands above the runner

    job = Job(Path(sys.argv[0]).stem, "A job of one's own.", tuple(steps))
    with exit_codes():
        job_command(job).main(standalone_mode=False)
