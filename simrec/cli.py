"""A person's door: each command parses, opens, calls and prints."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simrec import __version__, log, terminal
from simrec.errors import UsageError
from simrec.exit_codes import exit_codes
from simrec.release import Release
from simrec.source_formats import BODY_KINDS, SOURCE_FORMATS
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.config import Config
    from simrec.recommend.hits import Filters, Hit
    from simrec.recommend.recommender import Recommender

Command = Callable[..., None]


def main() -> None:
    """Run the command line; exit codes are those of simrec.errors."""
    with exit_codes():
        cli.main(standalone_mode=False, prog_name="simrec")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """Related articles and related accounts, every night, on one ordinary machine."""


def _workspace(command: Command) -> Command:
    return click.option(
        "-w",
        "--workspace",
        type=Path,
        default=Path("workspace"),
        envvar="SIMREC_WORKSPACE",
        show_default=True,
        show_envvar=True,
        help="The folder of the workspace.",
    )(command)


def _step(command: Command) -> Command:
    """Give a command the options of everything that writes to the workspace."""
    command = click.option(
        "-v", "--verbose", is_flag=True, help="Say what happens even without a terminal."
    )(command)
    return _workspace(_configured(command))


def _configured(command: Command) -> Command:
    return click.option(
        "-c", "--config", "config_path", type=Path, envvar="SIMREC_CONFIG", show_envvar=True,
        help="The TOML configuration; without one every key has its default.",
    )(command)  # fmt: skip


def _json(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")(
        command
    )


def _n(command: Command) -> Command:
    return click.option(
        "-n", type=click.IntRange(1), default=10, show_default=True, help="How many."
    )(command)


def _filters(command: Command) -> Command:
    for name, what in reversed(
        {
            "account": "of this account",
            "category": "of this category",
            "lang": "in this language",
            "since": "published on this day (2024-05-31) or later",
            "until": "published on this day or earlier",
        }.items()
    ):
        command = click.option(f"--{name}", help=f"Only articles {what}.")(command)
    among = click.option(
        "--among", type=Path, help="Only articles whose ids stand in this file, one a line."
    )
    return among(command)


@cli.command()
@click.argument("paths", nargs=-1)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Which column or key holds what.",
)
@click.option(
    "--format",
    type=click.Choice(SOURCE_FORMATS),
    default="auto",
)
@click.option("--body", type=click.Choice(BODY_KINDS), default="auto")
@click.option(
    "--delete", "deletions", type=Path, help="A file of article ids to delete, one a line."
)
@click.option("--sync", is_flag=True, help="Delete the articles that are in none of the sources.")
@_step
def ingest(
    paths: tuple[str, ...],
    fields: tuple[str, ...],
    deletions: Path | None,
    workspace: Path,
    **options: Any,
) -> None:
    """Bring articles in from PATHS, or from the configured sources.

    PATHS are JSONL, CSV, RSS or Atom (also .gz, .bz2, .xz) or Parquet files, or folders of text, Markdown and HTML.
    """
    from simrec.config import with_sources

    config = _config(options.pop("config_path"), options.pop("verbose"))
    config = with_sources(config, paths, fields, deletions, **options)
    _run("ingest", Workspace.create(workspace), config)


def _step_command(name: str, help_text: str) -> None:
    @cli.command(name, help=help_text)
    @_step
    def command(workspace: Path, config_path: Path | None, verbose: bool) -> None:
        _run(name, Workspace.open(workspace), _config(config_path, verbose))


_step_command(
    "teach",
    "Let a teacher encode what a student will learn from; simrec train then makes the student.",
)
_step_command("embed", "Encode the articles that have no vector yet.")
_step_command("index", "Build the index of a new release and find the neighbours of every article.")
_step_command("recommend", "Make the tables of similar articles and accounts of a new release.")
_step_command("publish", "Publish the new release if it passes the gates.")


@cli.command()
@click.argument("target", metavar="[TARGET]", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    help="Of the files.",
)
@_step
def export(
    target: str | None, form: str, workspace: Path, config_path: Path | None, verbose: bool
) -> None:
    """Write the current release's tables to TARGET, a folder or a database's URL, or to the configured sinks."""
    from simrec.config import with_sink

    config = _config(config_path, verbose)
    config = with_sink(config, target, form) if target else config
    if not config.sinks:
        raise UsageError(
            "nowhere to export to: name a folder or a database's URL, or configure [[sinks]]"
        )
    _run("export", Workspace.open(workspace), config)


@cli.command()
@click.option(
    "--compare", metavar="CELLS", help="Only compare cells, such as rnn,lstm,gru; nothing is kept."
)
@click.option(
    "--plot",
    type=Path,
    default=Path("compare.svg"),
    show_default=True,
    help="Where --compare plots to.",
)
@_json
@_step
def train(
    workspace: Path,
    config_path: Path | None,
    verbose: bool,
    compare: str | None,
    plot: Path,
    as_json: bool,
) -> None:
    """Train an encoder on the articles; if it is better than the one in use, it takes over."""
    from simrec import steps

    opened, config = Workspace.open(workspace), _config(config_path, verbose)
    if compare is None:
        _run("train", opened, config)
        return
    with opened.lock():
        rows = steps.compare(opened, config, _cells(compare), plot)
    _print(
        ["cell", "held_out", "before", "training_seconds", "articles_a_second", "gradient_reach"],
        rows,
        as_json,
    )


def _cells(named: str) -> list[str]:
    cells = [cell.strip() for cell in named.split(",")]
    if not set(cells) <= {"rnn", "lstm", "gru"}:
        raise click.UsageError(f"--compare {named}: cells are rnn, lstm and gru")
    return cells


@cli.command()
@click.option(
    "--beside",
    metavar="NAMES",
    default="",
    help="Baselines such as BM25,LSA,MiniLM; `all` but MiniLM.",
)
@click.option(
    "--against",
    metavar="RELEASE",
    default="",
    help="An older release to compare the current one with.",
)
@click.option(
    "--judgements",
    multiple=True,
    metavar="FILE",
    help="Graded pairs, links or TREC qrels to ask as well.",
)
@_json
@_step
def evaluate(
    workspace: Path, config_path: Path | None, verbose: bool, as_json: bool, **asked: Any
) -> None:
    """Measure the new release, and print the newest report; with any of the options measure anew and keep nothing."""
    from simrec import status, steps

    opened, config = Workspace.open(workspace), _config(config_path, verbose)
    if any(asked.values()):
        suites = steps.compare_scorers(
            opened, config, _baselines(asked["beside"]), asked["judgements"], asked["against"]
        )
    else:
        _run("evaluate", opened, config)
        suites = status.suites(opened)
    if as_json:
        terminal.print_json(suites)
    else:
        _print(status.EVALUATION, status.evaluation(suites), as_json=False)


def _baselines(named: str) -> list[str]:
    from simrec.config import BASELINES

    names = [name.strip() for name in named.split(",") if name.strip()]
    if names == ["all"]:
        return [name for name in BASELINES if name != "MiniLM"]
    unknown = [name for name in names if name not in BASELINES]
    if unknown:
        raise click.UsageError(
            f"--beside {', '.join(unknown)}: the baselines are {', '.join(BASELINES)}"
        )
    return names


@cli.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--text", help="Ask with a text instead of an article.")
@click.option("--file", type=Path, help="Ask with the text of a file (text, Markdown or HTML).")
@click.option(
    "--history",
    type=Path,
    help="What to read next: a file of ids read, one a line, the last read last.",
)
@click.option(
    "--less-like", multiple=True, metavar="ID", help="With IDs: and little like this one."
)
@click.option("--no-rules", is_flag=True, help="In order of the score, with no ranking rules.")
@click.option(
    "--explain", is_flag=True, help="Say why: shared words, the closest passages, what rules did."
)
@_n
@_filters
@_json
@_workspace
def similar(
    ids: tuple[str, ...], n: int, as_json: bool, explain: bool, workspace: Path, **options: Any
) -> None:
    """Print the articles most similar to article ID (to all, if there are several), to a text or to a file.

    With --history they are what a reader may read next, with --account alone what followers of an account may like.
    """
    recommender = _recommender(workspace)
    question = (
        ids[0] if ids else _text_of(options["file"]) if options["file"] else options["text"] or ""
    )
    hits = _asked(recommender, ids, n, **options)
    if explain:
        hits = recommender.explained(hits, question, _texts_of(workspace))
    _print(["score", "id", "account", "date", "title"], hits, as_json)


def _asked(recommender: "Recommender", ids: tuple[str, ...], n: int, **options: Any) -> "list[Hit]":
    """Ask with whatever seeds the command line names."""
    text, file, history, less_like = (
        options.pop(name) for name in ("text", "file", "history", "less_like")
    )
    ruled = not options.pop("no_rules")
    followed = None if ids or text or file or history else options.pop("account")
    seeds = [ids, text is not None, file, history, followed]
    if sum(map(bool, seeds)) != 1 or (less_like and not ids):
        raise click.UsageError(
            "give one of ID, --text, --file, --history and --account; --less-like goes with ID"
        )
    filters = _filter(**options)
    if text is not None or file:
        return recommender.similar_to_text(_text_of(file) if file else text, n, filters, ruled)
    if history:
        return recommender.next_to_read(_lines(history), n, filters, ruled)
    if followed:
        return recommender.for_followers(followed, n, filters, ruled)
    if len(ids) == 1 and not less_like:
        return recommender.similar(ids[0], n, filters, ruled)
    return recommender.similar_to_all(ids, less_like, n, filters, ruled)


@cli.command()
@click.argument("account", metavar="[ACCOUNT]", required=False)
@click.option("--text", help="The accounts that write about a text.")
@click.option("--explain", is_flag=True, help="Name the articles that say so.")
@_n
@_json
@_workspace
def accounts(
    account: str | None, text: str | None, explain: bool, n: int, as_json: bool, workspace: Path
) -> None:
    """Print the accounts most similar to ACCOUNT, those that write about a text, or the largest."""
    recommender = _recommender(workspace)
    if account is not None and text is not None:
        raise click.UsageError("give ACCOUNT or --text, not both")
    if account is None and text is None:
        _print(["id", "articles", "first", "last"], recommender.largest_accounts(n), as_json)
        return
    found = (
        recommender.accounts(account, n)
        if account is not None
        else recommender.accounts_on(text or "", n)
    )
    if not explain:
        found = [replace(hit, evidence=[]) for hit in found]
    _print(["score", "id", "articles", "first", "last", "note"], found, as_json)


@cli.command()
@click.argument("article_id", metavar="ID")
@_json
@_workspace
def show(article_id: str, as_json: bool, workspace: Path) -> None:
    """Print what the current release knows of article ID."""
    article = _recommender(workspace).show(article_id)
    if as_json:
        terminal.print_json([article])
    else:
        terminal.print_fields(article)


@cli.command()
@click.option("--line", is_flag=True, help="Print one line, for a monitor.")
@_json
@_configured
@_workspace
def status(line: bool, as_json: bool, config_path: Path | None, workspace: Path) -> None:
    """Print what the workspace holds, which release answers, what is pending, and how the last runs ended.

    The exit code is 7 if the release is older than release.max_age_hours of the configuration.
    """
    from simrec import status

    config, facts = _config(config_path, verbose=False), status.status(Workspace.open(workspace))
    if line:
        click.echo(terminal.escape_control(status.as_line(facts)))
    elif as_json:
        terminal.print_json([facts])
    else:
        terminal.print_fields({name: value for name, value in facts.items() if name != "last_runs"})
        _print(status.RUNS, facts["last_runs"], as_json)
    status.check_age(facts, config.release.max_age_hours)


@cli.command()
@_json
@_workspace
def releases(as_json: bool, workspace: Path) -> None:
    """Print the releases that are kept, newest first."""
    from simrec import status

    _print(status.RELEASES, status.releases(Workspace.open(workspace)), as_json)


@cli.command()
@click.option(
    "--html", type=Path, metavar="PATH", help="Write the page there, with how long the steps took."
)
@click.option(
    "--compare",
    nargs=2,
    metavar="BEFORE AFTER",
    help="Print the figures of two releases side by side.",
)
@_json
@_workspace
def report(
    html: Path | None, compare: tuple[str, str] | None, as_json: bool, workspace: Path
) -> None:
    """Print where the report page of the current release is, write it elsewhere, or compare two releases."""
    from simrec import reports

    opened = Workspace.open(workspace)
    if compare:
        _print(reports.COMPARISON, reports.compare(opened, *compare), as_json)
    else:
        click.echo(reports.write_page(opened, html) if html else reports.page(opened))


@cli.command()
@click.argument("release_id", metavar="[RELEASE]", required=False)
@_workspace
def rollback(release_id: str | None, workspace: Path) -> None:
    """Return to RELEASE, or to the release before the current one."""
    from simrec import release

    opened = Workspace.open(workspace)
    with opened.lock():
        click.echo(release.roll_back(opened, release_id).manifest.release_id)


@cli.command()
@_json
@_workspace
def rejects(as_json: bool, workspace: Path) -> None:
    """Print the rows that were rejected or lost a value when their file was read last."""
    from simrec.articles.store import Store

    with Store.open(Workspace.open(workspace).articles_db) as store:
        _print(
            ["file", "line", "reason"], [reject._asdict() for reject in store.rejects()], as_json
        )


@cli.command()
@_workspace
def verify(workspace: Path) -> None:
    """Read the current release, and all that the next one is made from, and name what is damaged."""
    from simrec import steps
    from simrec.config import Config

    click.echo(steps.verify(Workspace.open(workspace), Config()).sentence)


def _config(path: Path | None, verbose: bool) -> "Config":
    from simrec import config, config_file

    log.set_up(verbose)
    return config_file.load(path) if path else config.Config()


def _run(name: str, workspace: Workspace, config: "Config") -> None:
    from simrec import runner, steps

    runner.run(name, [getattr(steps, name)], workspace, config)


def _recommender(workspace: Path) -> "Recommender":
    from simrec.recommend.recommender import Recommender

    opened = Workspace.open(workspace)
    release = Release.current(opened)
    encoder = opened.encoder(release.manifest.encoder_id)
    return Recommender(release.folder, encoder, release.manifest)


def _filter(among: Path | None, **options: str | None) -> "Filters":
    from simrec.recommend.hits import Filters

    ids = frozenset(_lines(among)) if among else None
    return Filters(**options, among=ids)


def _lines(path: Path) -> list[str]:
    return [line for line in _text_of(path).splitlines() if line]


def _text_of(path: Path) -> str:
    from simrec.articles.sources.folder_source import read_text

    try:
        return read_text(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot read a text from it: {error}") from error


def _texts_of(workspace: Path) -> Callable[[str], str]:
    """Return what finds the text of an article as it is now, empty if there is none."""
    from simrec.articles.article import encoded_text
    from simrec.articles.store import Store

    def text_of(article_id: str) -> str:
        with Store.open(Workspace.open(workspace).articles_db) as store:
            found = store.text_of(article_id)
        return encoded_text(*found[1:]) if found else ""

    return text_of


def _print(columns: list[str], found: list[Any], as_json: bool) -> None:
    rows = [row if isinstance(row, dict) else row.as_dict() for row in found]
    if as_json:
        terminal.print_json(rows)
        return
    cells = [[terminal.cell(row, column) for column in columns] for row in rows]
    terminal.print_table(columns, cells, [terminal.because(row) for row in rows])
