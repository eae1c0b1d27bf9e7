"""What a monitor raises an alarm for: a run that failed, a release that is too old."""

from datetime import UTC, datetime

from simrec.errors import GateError
from simrec.journal import RunRecord
from simrec.status import WorkspaceStatus


def check_age(status: WorkspaceStatus, most_hours: float, runs: list[RunRecord]) -> None:
    """Raise GateError if the current release is too old, or there is none.

    A night that found nothing to do has made sure of the release: its age counts from there. 0
    hours are no limit.
    """
    if most_hours == 0:
        return
    limit = f"release.max_age_hours is {most_hours:g}; see the last runs"
    if status.released_at is None:
        raise GateError(f"the release is not there yet, {limit}")
    confirmed = [run.started_at for run in runs if _found_nothing_to_do(run)]
    hours = min(map(_hours_since, [status.released_at, *confirmed]))
    if hours > most_hours:
        raise GateError(f"the release is {round(hours, 2)} hours old, {limit}")


def check_last_runs(runs: list[RunRecord]) -> None:
    """Raise GateError for the newest run that failed and was not made good.

    A later run of the same job makes it good, or one that came to publishing.
    """
    good: set[str] = set()
    for run in reversed(runs):
        if run.exit_code == 0:
            if run.step("publish"):
                return
            good.add(run.job)
        elif run.job not in good:
            reason = run.error.partition("\n")[0]
            raise GateError(
                f"{run.job} at {run.started_at} ended with exit code {run.exit_code}: {reason}"
            )


def _found_nothing_to_do(run: RunRecord) -> bool:
    publish = run.step("publish")
    return run.exit_code == 0 and publish is not None and publish.state == "skipped"


def _hours_since(started_at: str) -> float:
    age = datetime.now(UTC) - datetime.fromisoformat(started_at)
    return age.total_seconds() / 3600
