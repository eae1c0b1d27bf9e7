"""Commands that ask the current release."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from simrec.articles.article import encoded_text
from simrec.articles.store import Store
from simrec.cli import terminal
from simrec.cli.options import filter_options, json_option, n_option, print_rows, workspace_option
from simrec.errors import UsageError
from simrec.recommend.hits import Filters, Hit
from simrec.recommend.recommender import Recommender
from simrec.release import Release
from simrec.workspace import Workspace


@click.command()
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
@n_option
@filter_options
@json_option
@workspace_option
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
    print_rows(["score", "id", "account", "date", "title"], hits, as_json)


def _asked(recommender: Recommender, ids: tuple[str, ...], n: int, **options: Any) -> list[Hit]:
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


@click.command()
@click.argument("account", metavar="[ACCOUNT]", required=False)
@click.option("--text", help="The accounts that write about a text.")
@click.option("--explain", is_flag=True, help="Name the articles that say so.")
@n_option
@json_option
@workspace_option
def accounts(
    account: str | None, text: str | None, explain: bool, n: int, as_json: bool, workspace: Path
) -> None:
    """Print the accounts most similar to ACCOUNT, those that write about a text, or the largest."""
    recommender = _recommender(workspace)
    if account is not None and text is not None:
        raise click.UsageError("give ACCOUNT or --text, not both")
    if account is None and text is None:
        print_rows(["id", "articles", "first", "last"], recommender.largest_accounts(n), as_json)
        return
    found = (
        recommender.accounts(account, n)
        if account is not None
        else recommender.accounts_on(text or "", n)
    )
    if not explain:
        found = [replace(hit, evidence=[]) for hit in found]
    print_rows(["score", "id", "articles", "first", "last", "note"], found, as_json)


@click.command()
@click.argument("article_id", metavar="ID")
@json_option
@workspace_option
def show(article_id: str, as_json: bool, workspace: Path) -> None:
    """Print what the current release knows of article ID."""
    article = _recommender(workspace).show(article_id)
    if as_json:
        terminal.print_json([article])
    else:
        terminal.print_fields(article)


def _recommender(workspace: Path) -> Recommender:
    opened = Workspace.open(workspace)
    release = Release.current(opened)
    encoder = opened.encoder(release.manifest.encoder_id)
    return Recommender(release.folder, encoder, release.manifest)


def _filter(among: Path | None, **options: str | None) -> Filters:
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

    def text_of(article_id: str) -> str:
        with Store.open(Workspace.open(workspace).articles_db) as store:
            found = store.text_of(article_id)
        return encoded_text(*found[1:]) if found else ""

    return text_of
