"""Commands that show articles as they were taken in, before any release."""

from pathlib import Path

import click

from simrec.articles.store import Store
from simrec.cli import terminal
from simrec.cli.options import json_option, n_option, print_rows, workspace_option
from simrec.files import JsonObject
from simrec.workspace import Workspace


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--sample", is_flag=True, help="Some at random, instead of the first by id.")
@n_option
@json_option
@workspace_option
def articles(ids: tuple[str, ...], sample: bool, n: int, as_json: bool, workspace: Path) -> None:
    """Print articles as they were taken in: all fields, and the cleaned text."""
    if ids and sample:
        raise click.UsageError("give IDs or --sample, not both")
    with Store.open(Workspace.open(workspace).articles_db) as store:
        if not store.count():
            click.echo("no articles have come in yet; simrec ingest brings them in", err=True)
        for number, article in enumerate(store.lookup(ids, n, sample)):
            repeated = _boilerplate(store, article)
            if repeated:
                article["not_counted"] = repeated
            if as_json:
                terminal.print_json([article])
                continue
            if number:
                click.echo()
            _print_article(article, repeated)


def _boilerplate(store: Store, article: JsonObject) -> list[str]:
    """Return what of an article's text does not count."""
    blocks = store.boilerplate_in(article["id"])
    if not blocks:
        return []
    from simrec.lexical.boilerplate import Boilerplate  # NumPy, which few articles need

    text = article["text"]
    return [text[first:last] for first, last in Boilerplate.from_bytes(blocks).spans(text)]


def _print_article(article: JsonObject, repeated: list[str]) -> None:
    no_fields = {"text": None, "not_counted": None}
    terminal.print_fields({**article, "tags": ", ".join(article["tags"]), **no_fields})
    for line in article["text"].split("\n"):
        click.echo(terminal.escape_control(line))
    for passage in repeated:
        click.echo(terminal.escape_control(f"not counted: {' '.join(passage.split())}"))


@click.command()
@click.argument("words", nargs=-1, required=True)
@n_option
@json_option
@workspace_option
def find(words: tuple[str, ...], n: int, as_json: bool, workspace: Path) -> None:
    """Print the articles whose title, URL or id holds all WORDS, or parts of words."""
    with Store.open(Workspace.open(workspace).articles_db) as store:
        found = list(store.find(words, n))
    nothing = f"no title, URL or id of an article holds {' and '.join(map(repr, words))}"
    print_rows(["id", "account", "date", "title"], found, as_json, nothing)
