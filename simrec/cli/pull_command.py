"""The command that brings a mirrored release to a web server."""

from pathlib import Path

import click

from simrec.cli.options import workspace_option
from simrec.sinks.mirror import pull as pull_mirror
from simrec.workspace import Workspace


@click.command()
@click.argument("mirror")
@click.option(
    "--keep", type=click.IntRange(1), default=2, show_default=True, help="Releases on this disk."
)
@workspace_option
def pull(mirror: str, keep: int, workspace: Path) -> None:
    """Bring the release that MIRROR names, such as s3://bucket/simrec, and answer from it.

    A timer runs it every few minutes; where nothing is new it asks for one small object.
    """
    opened = Workspace.create(workspace)
    with opened.lock():
        opened.sweep()
        click.echo(pull_mirror(opened, mirror, keep))
