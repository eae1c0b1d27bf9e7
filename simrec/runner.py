"""The runner: gives the steps of a job the lock, the journal and the exit code."""

import errno
import logging
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simrec import log
from simrec.articles.store import is_damage
from simrec.errors import ConfigError, ReleaseError, SimrecError
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.config import Config
    from simrec.steps import Step

logger = logging.getLogger(__name__)

INTERRUPTED = 130
CLOCK_TOLERANCE = 60  # seconds that a clock may be corrected by
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO)
SQLITE_DISK = ("full", "readonly", "unable to open", "disk i/o")


def run(job: str, steps: "Sequence[Step]", workspace: Workspace, config: "Config") -> None:
    """Run the steps in order under the workspace's lock and add a line to its journal.

    The first step that fails ends the run; what the steps before it did stays, and the same command
    goes on from there.
    """
    with workspace.lock():
        _check_clock(workspace)
        workspace.sweep()
        record: dict[str, Any] = {"job": job, "started_at": log.now("seconds"), "steps": []}
        cost = log.Stopwatch()
        try:
            for step in steps:
                _run_step(step, workspace, config, record["steps"])
            record["exit_code"] = 0
        except BaseException as error:
            known = _as_simrec_error(error)
            record["exit_code"] = (
                known.exit_code if known else INTERRUPTED if _interrupt(error) else 1
            )
            record["error"] = str(known or repr(error))
            raise
        finally:
            _journal(workspace, {**record, **cost.elapsed()})
            _tell_monitor(workspace, config)


def _tell_monitor(workspace: Workspace, config: "Config") -> None:
    from simrec.monitor import write_metrics

    path = Path(config.monitor.prometheus)
    try:
        if config.monitor.prometheus:
            write_metrics(workspace, path)
    except (
        OSError,
        sqlite3.Error,
        SimrecError,
    ) as error:  # nor must this hide what the run has to say
        logger.warning("%s: not written (%s)", path, error)


def _journal(workspace: Workspace, record: dict[str, Any]) -> None:
    try:
        log.append_journal(workspace.journal, record)
    except OSError as error:  # a full disk must not hide what the run has to say
        logger.warning("%s: not written (%s)", workspace.journal, error.strerror)


def _check_clock(workspace: Workspace) -> None:
    """Raise ConfigError if the clock was set back: releases and encoders of tonight would be older than the last."""
    runs = log.read_journal(workspace.journal)
    last, now = (runs[-1]["started_at"] if runs else ""), log.now("seconds", later=CLOCK_TOLERANCE)
    if last > now:
        raise ConfigError(
            f"the clock says {log.now('seconds')}, and the last run here began at {last}: set the clock right, or, "
            f"if it was wrong then, remove the last line of {workspace.journal}; nothing was changed"
        )


def _run_step(
    step: "Step", workspace: Workspace, config: "Config", done: list[dict[str, Any]]
) -> None:
    """Run a step, and add to `done` what it did and cost, also if it fails."""
    cost = log.Stopwatch()
    record: dict[str, Any] = {"step": step.__name__, "state": "failed"}
    try:
        outcome = step(workspace, config)
        state = "skipped" if outcome.skipped else "done"
        record |= {
            "state": state,
            "rows_in": outcome.rows_in,
            "rows_out": outcome.rows_out,
            "what": outcome.sentence,
        }
        logger.info("%s: %s (%.1f s)", step.__name__, outcome.sentence, cost.elapsed()["seconds"])
    finally:
        done.append({**record, **cost.elapsed()})


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn what goes wrong inside into one sentence on stderr and the exit code of its kind."""
    try:
        yield
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` has seen enough
        sys.exit(0)
    except BaseException as error:
        known = _as_simrec_error(error)
        if known:
            logger.error("simrec: %s", known)
            sys.exit(known.exit_code)
        if _interrupt(error):
            logger.error("simrec: interrupted; the same command goes on where it was")
            sys.exit(INTERRUPTED)
        raise  # a bug: Python's own traceback and exit code 1 say most


def main(steps: "Sequence[Step]") -> None:
    """Run a job file's steps with the options every job has; the job is named as its file."""
    from simrec import config, config_file
    from simrec.steps.forecast import forecast

    @click.command(help=f"Run the job: {', then '.join(step.__name__ for step in steps)}.")
    @click.option(
        "-c", "--config", "config_path", type=Path, required=True, help="The TOML configuration."
    )
    @click.option(
        "-w", "--workspace", type=Path, required=True, help="The folder of the workspace."
    )
    @click.option("-v", "--verbose", is_flag=True, help="Say what happens even without a terminal.")
    @click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        help="For people or machines.",
    )
    @click.option(
        "--dry-run", is_flag=True, help="Only say what would be done, and about what it would cost."
    )
    @click.option(
        "--engine",
        type=click.Choice(config.ENGINES),
        help="Where tasks run, instead of engine.kind.",
    )
    def job(
        config_path: Path,
        workspace: Path,
        verbose: bool,
        log_format: str,
        dry_run: bool,
        engine: str | None,
    ) -> None:
        log.set_up(verbose, as_json=log_format == "json")
        loaded = config_file.load(config_path)
        if engine:
            loaded = config.override(loaded, engine={"kind": engine})
        if dry_run:
            click.echo("\n".join(forecast(steps, _as_it_is(workspace), loaded)))
        else:
            run(Path(sys.argv[0]).stem, steps, Workspace.create(workspace), loaded)

    with exit_codes():
        job.main(standalone_mode=False)


def _as_it_is(root: Path) -> Workspace:
    """Return the workspace without making it where there is none."""
    workspace = Workspace(root)
    return Workspace.open(root) if workspace.format.exists() else workspace


def _as_simrec_error(error: BaseException) -> SimrecError | None:
    """Return the error as one with a sentence, or None if it is nobody's but a programmer's."""
    if isinstance(error, SimrecError):
        return error
    if isinstance(error, OSError) and error.errno in DISK:
        return ConfigError(
            f"{error.filename or 'the disk'}: {error.strerror}; nothing published was changed"
        )
    if isinstance(error, sqlite3.Error) and is_damage(error):
        return ReleaseError(f"SQLite: {error}; simrec verify says which file is damaged")
    if isinstance(error, sqlite3.Error) and any(word in str(error).lower() for word in SQLITE_DISK):
        return ConfigError(f"SQLite: {error}; nothing published was changed")
    return None


def _interrupt(error: BaseException) -> bool:
    return isinstance(error, KeyboardInterrupt | click.Abort)
