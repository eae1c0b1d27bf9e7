"""The command that prints the configuration."""

from pathlib import Path

import click

from simrec import config_file, log
from simrec.cli.config_options import config_option
from simrec.config_text import default_text, effective_text
from simrec.last_config import without_passwords


@click.command()
@config_option
def config(config_path: Path | None) -> None:
    """Print every key of the configuration with its default, or with -c with its value.

    The defaults come with what each key does. Of a configuration, paths are whole, the default
    stands beside each value that is another, and passwords of databases are left out.
    """
    log.set_up(verbose=False)
    if config_path is None:
        text = default_text()
    else:
        lines = effective_text(config_file.load(config_path)).splitlines(keepends=True)
        text = "".join(map(without_passwords, lines))
    click.echo(text, nl=False)
