"""The option that names the configuration, and how a command reads it."""

from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from simrec import last_config, log
from simrec.cli.options import FILE, Command, workspace_option
from simrec.last_config import LoadedConfig
from simrec.workspace import Workspace

config_option = click.option(
    "-c",
    "--config",
    "config_path",
    type=FILE,
    envvar="SIMREC_CONFIG",
    show_envvar=True,
    help="The TOML configuration; by default that of the last run.",
)
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="Say what happens even without a terminal."
)


@dataclass(frozen=True)
class Invocation:
    """The workspace and the configuration that a command line names."""

    root: Path
    config_path: Path | None
    verbose: bool
    log_as_json: bool = False

    def read_config(self, for_step: bool = True) -> LoadedConfig:
        """Set up logging, and load the configuration that is named, or that of the last run."""
        log.set_up(self.verbose, self.log_as_json)
        load = last_config.load_for_step if for_step else last_config.load
        return load(Workspace(self.root), self.config_path)


def config_options(command: Command) -> Command:
    """Give a command the options of what depends on the configuration, as one Invocation."""

    @wraps(command)
    def invoked(
        workspace: Path,
        config_path: Path | None,
        verbose: bool = False,
        log_format: str = "text",
        **options: Any,
    ) -> None:
        invocation = Invocation(workspace, config_path, verbose, log_format == "json")
        command(invocation=invocation, **options)

    return workspace_option(config_option(invoked))


def step_options(command: Command) -> Command:
    """Give a command the options of everything that writes to the workspace, as one Invocation."""
    return config_options(verbose_option(command))
