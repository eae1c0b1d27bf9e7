"""The command line: each command parses, opens, calls and prints."""

import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from simrec import __version__, log
from simrec.exit_codes import end_quietly, exit_codes

# The commands by what they are for, as the help lists them, and the module of each. It is loaded
# when the command is used.
SECTIONS = {
    "Begin": {
        "run": "run_command",
        "init": "init_command",
        "config": "show_config_command",
    },
    "Ask": {
        "similar": "search_commands",
        "accounts": "search_commands",
        "story": "search_commands",
        "show": "search_commands",
        "find": "article_commands",
        "articles": "article_commands",
        "serve": "serve_command",
    },
    "Every night, every week": {
        "nightly": "job_commands",
        "retrain": "job_commands",
        "housekeeping": "job_commands",
        "pretrain": "job_commands",
    },
    "Look after it": {
        "status": "workspace_commands",
        "report": "workspace_commands",
        "evaluate": "evaluate_command",
        "judge": "judge_command",
        "rejects": "workspace_commands",
        "releases": "workspace_commands",
        "rollback": "workspace_commands",
        "pull": "pull_command",
        "verify": "workspace_commands",
    },
    "Single steps": {
        "ingest": "step_commands",
        "teach": "step_commands",
        "train": "step_commands",
        "embed": "step_commands",
        "index": "step_commands",
        "recommend": "step_commands",
        "publish": "step_commands",
        "export": "step_commands",
    },
}
MODULES = {name: module for section in SECTIONS.values() for name, module in section.items()}


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, each with its whole first sentence."""
        width = max(map(len, MODULES))
        for title, section in SECTIONS.items():
            rows = []
            for name in section:
                command = self.get_command(ctx, name)
                if command:
                    rows.append((name.ljust(width), command.get_short_help_str(limit=1_000)))
            with formatter.section(title):
                formatter.write_dl(rows)

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **extra)
        except BrokenPipeError:  # of --help; click would make exit code 1 of it
            end_quietly()

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
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
    log.set_up(verbose=False)
    with exit_codes():
        cli.main(standalone_mode=False, prog_name="simrec")
