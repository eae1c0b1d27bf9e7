"""Commands that run one step of a job."""

from pathlib import Path
from typing import Any

import click

from simrec import runner, steps
from simrec.cli.config_changes import with_sink, with_sources
from simrec.cli.config_options import Invocation, step_options
from simrec.cli.options import FILE, PATH, json_option, print_rows
from simrec.cli.source_options import source_options
from simrec.config import SINK_FORMATS
from simrec.errors import UsageError
from simrec.workspace import Workspace

CELLS = ("rnn", "lstm", "gru")
COMPARISON_COLUMNS = [
    "cell",
    "held_out",
    "before",
    "mrr",
    "low",
    "high",
    "training_seconds",
    "articles_a_second",
    "gradient_reach",
]


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=PATH)
@source_options
@click.option(
    "--delete", "deletions", type=FILE, help="A file of article ids to delete, one a line."
)
@click.option("--sync", is_flag=True, help="Delete the articles that are in none of the sources.")
@step_options
def ingest(
    paths: tuple[str, ...],
    fields: tuple[str, ...],
    deletions: Path | None,
    invocation: Invocation,
    **options: Any,
) -> None:
    """Bring articles in from each PATH, or from the configured sources.

    A PATH is a JSONL, JSON, CSV, RSS or Atom file (also .gz, .bz2, .xz), a Parquet file, an export
    of WordPress, Ghost, Blogger or Drupal, or a folder of text, Markdown and HTML.
    """
    loaded = invocation.read_config()
    config = with_sources(loaded.config, paths, fields, deletions, **options)
    if not (config.sources or config.ingest.deletions):
        raise UsageError(
            "nothing to read: name files or folders, or a configuration with [[sources]] (-c)"
        )
    runner.run("ingest", [steps.ingest], Workspace.create(invocation.root), loaded, config)


def _step_command(name: str, help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @step_options
    def command(invocation: Invocation) -> None:
        workspace = Workspace.open(invocation.root)
        runner.run(name, [getattr(steps, name)], workspace, invocation.read_config())

    return command


teach = _step_command(
    "teach",
    "Let a teacher encode what a student will learn from; simrec train then makes the student.",
)
embed = _step_command("embed", "Encode the articles that have no vector yet.")
index = _step_command(
    "index", "Build the index of a new release and find the neighbours of every article."
)
recommend = _step_command(
    "recommend", "Make the tables of similar articles and accounts of a new release."
)
publish = _step_command("publish", "Publish the new release if it passes the gates.")


@click.command()
@click.argument("target", metavar="[TARGET]", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(SINK_FORMATS),
    default="jsonl",
    help="Of the files.",
)
@click.option("--columns", default="", help="Of the articles listed, such as title,url,date.")
@click.option("--places", type=click.IntRange(0), default=0, help="Of each list; 0: all.")
@step_options
def export(target: str | None, invocation: Invocation, **options: Any) -> None:
    """Write the current release's tables to TARGET, or to the configured sinks.

    TARGET is a folder or a database's URL.
    """
    loaded = invocation.read_config()
    config = loaded.config
    if target:
        config = with_sink(config, target, **options)
    if not (config.sinks or config.mirrors):
        raise UsageError(
            "nowhere to export to: name a folder or a database's URL, or configure [[sinks]]"
        )
    runner.run("export", [steps.export], Workspace.open(invocation.root), loaded, config)


@click.command()
@click.option(
    "--compare", metavar="CELLS", help="Only compare cells, such as rnn,lstm,gru; nothing is kept."
)
@click.option(
    "--plot",
    type=FILE,
    default=Path("compare.svg"),
    show_default=True,
    help="Where --compare plots to.",
)
@json_option
@step_options
def train(compare: str | None, plot: Path, as_json: bool, invocation: Invocation) -> None:
    """Train an encoder on the articles; if it is better than the one in use, it takes over."""
    opened = Workspace.open(invocation.root)
    loaded = invocation.read_config()
    if compare is None:
        runner.run("train", [steps.train], opened, loaded)
        return
    from simrec.steps.compare_cells import compare_cells

    with opened.lock():
        rows = compare_cells(opened, loaded.config, _cells(compare), plot)
    print_rows(COMPARISON_COLUMNS, rows, as_json)


def _cells(names: str) -> list[str]:
    cells = [cell.strip() for cell in names.split(",")]
    if not set(cells) <= set(CELLS):
        raise click.UsageError(f"--compare {names}: cells are rnn, lstm and gru")
    return cells
