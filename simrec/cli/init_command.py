"""The command that sets up the nights of a workspace: its configuration and its schedule."""

import getpass
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from simrec import config_file, files, log
from simrec.articles.sources.locate import matches
from simrec.cli.config_changes import DATABASE, with_sink, with_sources
from simrec.cli.config_options import Invocation, config_options
from simrec.cli.options import FOLDER, PATH
from simrec.cli.source_options import source_options
from simrec.config import Config, SourceConfig
from simrec.errors import ConfigError, UsageError
from simrec.scheduling.schedule import Schedule, can_train, crontab, units
from simrec.scheduling.starter import starter_text

CONFIG_NAME = "simrec.toml"


def _whoever_asks() -> str:
    return os.environ.get("SUDO_USER") or getpass.getuser()


@click.command()
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=PATH)
@source_options
@click.option("--query", help="Of a source that is a database's URL: the SELECT.")
@click.option("--watermark", default="", help="With --query: a column that grows with changes.")
@click.option("--sync", is_flag=True, help="Delete the articles that are in none of the sources.")
@click.option("--sink", help="Where lists go after every publish: a folder, or a database's URL.")
@click.option("--user", default=_whoever_asks, help="Who runs the units; by default who asks.")
@click.option(
    "--retrain/--no-retrain",
    default=None,
    help="Train every week; by default if the extra `train` is installed.",
)
@click.option("--units", "folder", type=FOLDER, help="Write the systemd units into this folder.")
@config_options
def init(
    sources: tuple[str, ...],
    invocation: Invocation,
    user: str,
    retrain: bool | None,
    folder: Path | None,
    **options: Any,
) -> None:
    """Write a configuration, and print the crontab lines and systemd units of its nights.

    The configuration is simrec.toml here, or that of -c; one that exists is left as it is, and only
    what runs it is printed. On a terminal, init asks for what is not named.
    """
    log.set_up(verbose=False)
    path = (invocation.config_path or Path(CONFIG_NAME)).absolute()
    if path.exists():
        _refuse_sources(path, sources)
    else:
        _write_config(path, sources, options)
    schedule = Schedule(
        config=config_file.load(path),
        config_path=path,
        workspace=invocation.root.absolute(),
        user=user,
        retrain=can_train() if retrain is None else retrain,
    )
    _make_folders(schedule)
    _show(schedule, folder)


def _refuse_sources(path: Path, sources: tuple[str, ...]) -> None:
    if sources:
        raise UsageError(
            f"{path}: is there already; add the sources to it and run simrec init without them, "
            "or name another file with -c"
        )


def _write_config(path: Path, sources: tuple[str, ...], options: dict[str, Any]) -> None:
    if not sources:
        sources = _ask(options)
    config = _configured(sources, options)
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}")
    files.write(path, starter_text(config, path.parent).encode())
    click.echo(f"{path}: written; it says what can be changed", err=True)


def _ask(options: dict[str, Any]) -> tuple[str, ...]:
    """Ask for the sources, and whatever else nights have to know."""
    if not sys.stdin.isatty():
        raise UsageError("no sources: name files, folders or a database's URL with --query")
    answer = click.prompt("Where are the articles? A file, a folder or a pattern", err=True)
    options["sync"] = click.confirm(
        "Delete articles that are gone from there?", options["sync"], err=True
    )
    options["sink"] = click.prompt(
        "Where are lists to go? A folder or a database's URL; empty: nowhere",
        default=options["sink"] or "",
        show_default=False,
        err=True,
    )
    return tuple(shlex.split(answer))


def _configured(sources: tuple[str, ...], options: Mapping[str, Any]) -> Config:
    """Return the configuration of what is asked for; UsageError for what cannot be meant."""
    paths = [source for source in sources if not _is_database(source)]
    for path in paths:
        if "://" not in path:
            matches(path)  # or a sentence now instead of at night
    urls = [source for source in sources if _is_database(source)]
    if len(urls) != bool(options["query"]):
        raise UsageError("--query goes with one source that is a database's URL")
    source_keys = {key: options[key] for key in ("format", "body", "encoding")}
    config = with_sources(
        Config(), paths, options["fields"], None, sync=options["sync"], **source_keys
    )
    for url in urls:
        database = SourceConfig(url=url, query=options["query"], watermark=options["watermark"])
        config = msgspec.structs.replace(config, sources=(*config.sources, database))
    if options["sink"]:
        config = with_sink(config, options["sink"], "jsonl", "", 0)
    return config


def _is_database(source: str) -> bool:
    return source.startswith("$") or DATABASE.match(source) is not None


def _make_folders(schedule: Schedule) -> None:
    """Make what a night writes to, for who runs it: a unit does not start without it."""
    for folder in schedule.needs.written:
        if folder.is_dir():
            continue
        try:
            folder.mkdir(parents=True)
            if os.geteuid() == 0:
                shutil.chown(folder, schedule.user)
        except (OSError, LookupError) as error:
            click.echo(f"{folder}: make this folder for {schedule.user} ({error})", err=True)


def _show(schedule: Schedule, folder: Path | None) -> None:
    texts = units(schedule)
    services = [name for name in texts if name.endswith(".service")]
    click.echo(crontab(schedule))
    if folder is None:
        click.echo(f"# Or systemd: simrec init --units FOLDER writes {', '.join(services)}")
        click.echo("# and their timers. The first is:")
        click.echo(texts[services[0]], nl=False)
    else:
        for name, text in texts.items():
            _write_unit(folder / name, text)
        timers = [name for name in texts if name.endswith(".timer")]
        click.echo(f"# Or systemd:\n# systemctl enable --now {' '.join(timers)}")
    click.echo("What a night would do:", err=True)
    click.echo(f"  {shlex.join(schedule.command('nightly', '--dry-run'))}", err=True)


def _write_unit(path: Path, text: str) -> None:
    try:
        files.write(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    click.echo(f"{path}: written", err=True)
