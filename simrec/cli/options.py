"""Options that several commands have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from simrec.cli import terminal

Command = Callable[..., None]
# Shells complete them; whether they exist is for those to say who open them.
PATH = click.Path(readable=False)
FILE = click.Path(dir_okay=False, readable=False, path_type=Path)
FOLDER = click.Path(file_okay=False, readable=False, path_type=Path)

workspace_option = click.option(
    "-w",
    "--workspace",
    type=FOLDER,
    default=Path("workspace"),
    envvar="SIMREC_WORKSPACE",
    show_default=True,
    show_envvar=True,
    help="The folder of the workspace.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
n_option = click.option(
    "-n", type=click.IntRange(1, 1_000_000), default=10, show_default=True, help="How many."
)

FILTER_OPTIONS = (
    click.option(
        "--among", type=FILE, help="Only articles whose ids are in this file, one a line."
    ),
    click.option("--account", help="Only articles of this account."),
    click.option("--category", help="Only articles of this category."),
    click.option("--lang", help="Only articles in this language."),
    click.option("--since", help="Only articles published on this day (2024-05-31) or later."),
    click.option("--until", help="Only articles published on this day or earlier."),
)


def filter_options(command: Command) -> Command:
    """Give a command the options that filter articles."""
    for option in reversed(FILTER_OPTIONS):
        command = option(command)
    return command


def print_rows(
    columns: list[str], found: list[Any], as_json: bool, nothing: str = "nothing found"
) -> None:
    """Print rows as a table of some columns, or as JSON; a row is a dict or has `as_dict()`.

    Where there are none, stderr says so by the sentence `nothing`.
    """
    rows = [row if isinstance(row, dict) else row.as_dict() for row in found]
    if not rows:
        click.echo(terminal.escape_control(nothing), err=True)
    elif as_json:
        terminal.print_json(rows)
    else:
        cells = [[terminal.cell(row, column) for column in columns] for row in rows]
        terminal.print_table(columns, cells, [terminal.because(row) for row in rows])
