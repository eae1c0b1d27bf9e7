"""The options that say what is read and how its fields are named."""

import click

from simrec.cli.options import Command
from simrec.source_formats import BODY_KINDS, SOURCE_FORMATS

SOURCE_OPTIONS = (
    click.option(
        "--field",
        "fields",
        multiple=True,
        metavar="NAME=COLUMN",
        help="Which column or key holds what.",
    ),
    click.option(
        "--format",
        type=click.Choice(SOURCE_FORMATS),
        default="auto",
        help="Of the files.",
    ),
    click.option(
        "--body",
        type=click.Choice(BODY_KINDS),
        default="auto",
        help="What the texts are written in.",
    ),
    click.option("--encoding", default="auto", help="Of files of text, such as cp1252."),
)


def source_options(command: Command) -> Command:
    """Give a command the options of sources."""
    for option in reversed(SOURCE_OPTIONS):
        command = option(command)
    return command
