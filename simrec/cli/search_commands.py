"""Commands that ask the current release."""

from pathlib import Path
from typing import Any

import click

from simrec.cli import terminal
from simrec.cli.options import (
    FILE,
    filter_options,
    json_option,
    n_option,
    print_rows,
    workspace_option,
)
from simrec.errors import UsageError
from simrec.files import JsonObject
from simrec.recommend.hits import AccountHit
from simrec.recommend.query import Filters, Query
from simrec.recommend.recommender import Recommender

SHOWN_TITLE = 60  # columns of a title that is evidence


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--text", help="Ask with a text instead of an article.")
@click.option("--file", type=FILE, help="Ask with the text of a file (text, Markdown or HTML).")
@click.option(
    "--history",
    type=FILE,
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
    ids: tuple[str, ...],
    n: int,
    as_json: bool,
    no_rules: bool,
    explain: bool,
    workspace: Path,
    **options: Any,
) -> None:
    """Print the articles most similar to article ID, or to several, to a text or to a file.

    With --history they are what a reader may read next, with --account alone what followers of an
    account may like.
    """
    query, filters = _query(ids, **options)
    with Recommender.open(workspace) as recommender:
        hits = recommender.search(query, n, filters, rules=not no_rules, explain=explain)
    nothing = "no article is similar enough and passes the filters"
    print_rows(["score", "id", "account", "date", "title"], hits, as_json, nothing)


def _query(
    ids: tuple[str, ...],
    text: str | None,
    file: Path | None,
    history: Path | None,
    less_like: tuple[str, ...],
    **options: Any,
) -> tuple[Query, Filters]:
    """Return the query of the command line; an account is a seed if it is alone, else a filter."""
    account = None
    if not (ids or text or file or history):
        account = options.pop("account")
    given = [bool(ids), text is not None, file is not None, history is not None, bool(account)]
    if sum(given) != 1 or (less_like and not ids):
        raise click.UsageError(
            "give one of ID, --text, --file, --history and --account; --less-like goes with ID"
        )
    filters = _filter(**options)
    if file:
        text = _text_of(file)
    read = _lines(history) if history else None
    return Query(ids, less_like, text, read, account), filters


@click.command()
@click.argument("account", metavar="[ACCOUNT]", required=False)
@click.option("--text", help="The accounts that write about a text.")
@click.option(
    "--explain",
    is_flag=True,
    help="Say why: the articles that say so, what an account writes about.",
)
@n_option
@json_option
@workspace_option
def accounts(
    account: str | None, text: str | None, explain: bool, n: int, as_json: bool, workspace: Path
) -> None:
    """Print the accounts most similar to ACCOUNT, those that write about a text, or the largest."""
    if account is not None and text is not None:
        raise click.UsageError("give ACCOUNT or --text, not both")
    with Recommender.open(workspace) as recommender:
        if account is None and text is None:
            largest = recommender.largest_accounts(n)
            nothing = "no article has an account"
            print_rows(["id", "articles", "first", "last"], largest, as_json, nothing)
            return
        if text is not None:
            hits = recommender.accounts_writing_about(text, n)
        else:
            hits = recommender.accounts(account or "", n)
        rows = [_account_row(hit, explain) for hit in hits]
        if explain and not as_json:
            _add_titles(rows, recommender)
    columns = ["score", "id", "articles", "first", "last", "note"]
    print_rows(columns, rows, as_json, "there is no other account")


def _account_row(hit: AccountHit, explain: bool) -> JsonObject:
    row = hit.as_dict()
    if not explain:
        row["evidence"] = []
        row["terms"] = []
    return row


def _add_titles(rows: list[JsonObject], recommender: Recommender) -> None:
    """Add the titles of the articles that are evidence, or their first words, by id."""
    for row in rows:
        ids = {pair[side] for pair in row["evidence"] for side in ("article", "similar_article")}
        row["titles"] = {}
        for article_id in ids - {""}:
            article = recommender.show(article_id)
            row["titles"][article_id] = terminal.fit(article.title or article.lead, SHOWN_TITLE)


@click.command()
@click.argument("article_id", metavar="ID")
@json_option
@workspace_option
def show(article_id: str, as_json: bool, workspace: Path) -> None:
    """Print what the current release knows of article ID."""
    with Recommender.open(workspace) as recommender:
        article = recommender.show(article_id).as_dict()
    if as_json:
        terminal.print_json([article])
    else:
        terminal.print_fields(article)


@click.command()
@click.argument("article_id", metavar="ID")
@json_option
@workspace_option
def story(article_id: str, as_json: bool, workspace: Path) -> None:
    """Print all coverage of the event that article ID is about: who was first, who has most."""
    with Recommender.open(workspace) as recommender:
        articles = recommender.story(article_id)
    nothing = f"no other article is about the event of '{article_id}'"
    print_rows(["date", "id", "account", "role", "title"], articles, as_json, nothing)


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
