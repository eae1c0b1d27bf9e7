"""Commands that show what a workspace holds, and mend it."""

from pathlib import Path

import click

from simrec import journal, release, reports, steps
from simrec.alarms import check_age, check_last_runs
from simrec.articles.reject_reasons import count_by_reason
from simrec.articles.store import Store
from simrec.cli import terminal
from simrec.cli.config_options import Invocation, config_options
from simrec.cli.options import FILE, json_option, print_rows, workspace_option
from simrec.config import Config
from simrec.status import (
    RELEASE_COLUMNS,
    RUN_COLUMNS,
    WorkspaceStatus,
    list_releases,
    read_status,
)
from simrec.workspace import Workspace

NO_RELEASE = "no release is published yet; simrec run or simrec publish makes one"


@click.command()
@click.option("--line", is_flag=True, help="Print one line, for a monitor.")
@json_option
@config_options
def status(line: bool, as_json: bool, invocation: Invocation) -> None:
    """Print what the workspace holds, which release answers, and how the last runs ended.

    The exit code is 7 if the release is older than release.max_age_hours of the configuration and
    no later night has found nothing to do; with --line also if a run failed and none has made it
    good since, or if there is no release yet.
    """
    opened = Workspace.open(invocation.root)
    current = read_status(opened)
    if line:
        click.echo(terminal.escape_control(current))
    elif as_json:
        terminal.print_json([current.as_dict()])
    else:
        _print_status(current)
    config = invocation.read_config(for_step=False).config
    runs = journal.read_runs(opened.journal)
    if line:
        check_last_runs(runs)
    if line or current.age_hours is not None:
        check_age(current, config.release.max_age_hours, runs)


def _print_status(current: WorkspaceStatus) -> None:
    fields = current.as_dict()
    last_runs = fields.pop("last_runs")
    terminal.print_fields(fields, failed={"last_error", "failed_sources"})
    if last_runs:
        print_rows(RUN_COLUMNS, last_runs, as_json=False)


@click.command()
@json_option
@workspace_option
def releases(as_json: bool, workspace: Path) -> None:
    """Print the releases that are kept, newest first."""
    print_rows(RELEASE_COLUMNS, list_releases(Workspace.open(workspace)), as_json, NO_RELEASE)


@click.command()
@click.option(
    "--html", type=FILE, metavar="PATH", help="Write the page there, with how long the steps took."
)
@click.option(
    "--compare",
    nargs=2,
    metavar="BEFORE AFTER",
    help="Print the figures of two releases side by side.",
)
@json_option
@workspace_option
def report(
    html: Path | None, compare: tuple[str, str] | None, as_json: bool, workspace: Path
) -> None:
    """Print where the report page is, write it elsewhere, or compare two releases.

    What the page says first goes to stderr; report.html in the workspace is always the current one.
    """
    opened = Workspace.open(workspace)
    if compare:
        print_rows(reports.COMPARISON, reports.compare(opened, *compare), as_json)
        return
    click.echo(reports.write_page(opened, html) if html else reports.page(opened))
    click.echo(f"{reports.sentence(opened)}.", err=True)


@click.command()
@click.argument("release_id", metavar="[RELEASE]", required=False)
@workspace_option
def rollback(release_id: str | None, workspace: Path) -> None:
    """Return to RELEASE, or to the release before the current one."""
    opened = Workspace.open(workspace)
    with opened.lock():
        click.echo(release.roll_back(opened, release_id).manifest.release_id)


@click.command()
@click.option("--by-reason", is_flag=True, help="Count them by reason, most frequent first.")
@json_option
@workspace_option
def rejects(by_reason: bool, as_json: bool, workspace: Path) -> None:
    """Print the rows that were rejected or lost a value when their file was read last."""
    with Store.open(Workspace.open(workspace).articles_db) as store:
        found = store.rejects()
    nothing = "no rows were rejected"
    if by_reason:
        print_rows(["count", "reason", "example"], count_by_reason(found), as_json, nothing)
        return
    rows = [reject._asdict() for reject in found]
    print_rows(["file", "line", "reason"], rows, as_json, nothing)


@click.command()
@workspace_option
def verify(workspace: Path) -> None:
    """Read the current release and all that the next one is made from; name what is damaged."""
    from simrec.steps.night import Night

    with Night(Workspace.open(workspace), Config()) as night:
        click.echo(steps.verify(night).sentence)
