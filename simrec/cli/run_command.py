"""The command for the first day: from files to related articles in one go, and what to look at."""

import shlex
from collections.abc import Iterator
from typing import Any

import click

from simrec import jobs, log, runner
from simrec.articles.store import Store
from simrec.cli import terminal
from simrec.cli.config_changes import with_sources
from simrec.cli.config_options import Invocation, step_options
from simrec.cli.options import PATH
from simrec.cli.source_options import source_options
from simrec.files import JsonObject
from simrec.recommend.recommender import Recommender
from simrec.workspace import Workspace

SHOWN_ARTICLES = 3
SHOWN_HITS = 3


@click.command()
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=PATH)
@source_options
@step_options
def run(
    sources: tuple[str, ...], fields: tuple[str, ...], invocation: Invocation, **options: Any
) -> None:
    """Make related articles of each SOURCE in one go, and say what to look at.

    A SOURCE is a folder of Markdown, HTML or text, or a file: JSONL, CSV, RSS or Atom, Parquet, an
    export of WordPress, Ghost, Blogger or Drupal. All steps run, from reading to publishing, with
    the encoder that comes with simrec. Run again, it does what has changed.
    """
    loaded = invocation.read_config()
    config = with_sources(loaded.config, sources, fields, None, sync=False, **options)
    workspace = Workspace.create(invocation.root)
    runner.run("run", jobs.NIGHTLY.steps, workspace, loaded, config)
    for line in _first_look(workspace, sources):
        click.echo(terminal.escape_control(line))


def _first_look(workspace: Workspace, sources: tuple[str, ...]) -> Iterator[str]:
    """Yield the newest articles with the first of their lists, and the commands to go on with."""
    with Store.open(workspace.articles_db) as store:
        newest = list(store.newest(SHOWN_ARTICLES, log.now()))
    with Recommender.open(workspace.root) as recommender:
        for article in newest:
            yield _shown("", article)
            for hit in recommender.similar(article["id"], SHOWN_HITS):
                yield _shown(f"  {hit.score:.2f}  ", hit.as_dict())
            yield ""
    where = shlex.join(["-w", str(workspace.root)])
    seed = shlex.quote(newest[0]["id"]) if newest else "ID"
    yield "Look at it:"
    yield f"  simrec similar {seed} {where}"
    yield f"  simrec serve {where}"
    yield f"  simrec report {where}"
    yield "Run it every night:"
    yield f"  simrec init {shlex.join(sources)} {where}"


def _shown(before: str, article: JsonObject) -> str:
    title = terminal.fit(article["title"] or article["lead"], terminal.WIDEST_TITLE)
    return f"{before}{title}  ({article['id']})"
