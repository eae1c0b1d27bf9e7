"""The command line: each command parses, opens, calls and prints."""

import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from simrec import __version__
from simrec.exit_codes import end_quietly, exit_codes

# The module of each command, in the order of the help; it is loaded when the command is used.
MODULES = {
    "ingest": "step_commands",
    "articles": "article_commands",
    "find": "article_commands",
    "teach": "step_commands",
    "train": "step_commands",
    "embed": "step_commands",
    "index": "step_commands",
    "recommend": "step_commands",
    "evaluate": "evaluate_command",
    "judge": "judge_command",
    "publish": "step_commands",
    "export": "step_commands",
    "similar": "search_commands",
    "accounts": "search_commands",
    "show": "search_commands",
    "story": "search_commands",
    "serve": "serve_command",
    "status": "workspace_commands",
    "releases": "workspace_commands",
    "report": "workspace_commands",
    "rollback": "workspace_commands",
    "rejects": "workspace_commands",
    "verify": "workspace_commands",
}


class LazyGroup(click.Group):
    """A group of commands; the module of a command is loaded when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        module = import_module(f"simrec.cli.{MODULES[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would make exit code 1 of it
            end_quietly()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__)
def cli() -> None:
    """Related articles and related accounts, every night, on one ordinary machine."""


def main() -> None:
    """Run the command line; exit codes are those of simrec.errors."""
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal that is no UTF-8 shows the rest escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    with exit_codes():
        cli.main(standalone_mode=False, prog_name="simrec")
