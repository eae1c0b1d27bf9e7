"""The command that answers over HTTP: pages for people, and a JSON API."""

import os
import re
from pathlib import Path
from typing import Any

import click

from simrec import log
from simrec.cli.options import FILE, Command, workspace_option
from simrec.errors import UsageError, missing_extra
from simrec.serve.settings import ServeSettings

PREFIX = re.compile(r"[A-Za-z0-9/_-]+")
TOKEN_VARIABLE = "SIMREC_TOKEN"

SERVE_OPTIONS = (
    click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen."),
    click.option(
        "--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="The port."
    ),
    click.option(
        "--token-file",
        type=FILE,
        help=f"A file with the token that requests have to send; or set {TOKEN_VARIABLE}.",
    ),
    click.option(
        "--prefix", default="", help="The path at which a reverse proxy has this: /related."
    ),
    click.option(
        "--cors",
        multiple=True,
        metavar="ORIGIN",
        help="Whose scripts may read answers: https://example.org, or * for all.",
    ),
    click.option(
        "--max-age",
        type=click.IntRange(0),
        default=60,
        show_default=True,
        help="For how many seconds caches may keep an answer.",
    ),
    click.option(
        "--max-body",
        "max_body_kib",
        type=click.IntRange(1),
        default=256,
        show_default=True,
        help="How many KiB the body of a request may have.",
    ),
    click.option(
        "--searches",
        "max_searches",
        type=click.IntRange(1),
        default=2,
        show_default=True,
        help="How many texts and searches are at work at once.",
    ),
    click.option("--no-pages", is_flag=True, help="Only the API, no pages for people."),
    click.option("--quiet", is_flag=True, help="Log what goes wrong, and no requests."),
    click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="How the log is written to stderr.",
    ),
)


def serve_options(command: Command) -> Command:
    """Give a command the options of the server."""
    for option in reversed(SERVE_OPTIONS):
        command = option(command)
    return command


@click.command()
@serve_options
@workspace_option
def serve(
    workspace: Path,
    token_file: Path | None,
    prefix: str,
    no_pages: bool,
    quiet: bool,
    log_format: str,
    **options: Any,
) -> None:
    """Answer over HTTP from the current release: pages for people, and a JSON API under /v1.

    It changes nothing. When a release is published, it answers from that, without a pause.
    """
    log.set_up(verbose=not quiet, as_json=log_format == "json")
    try:
        import simrec.serve.server
    except ModuleNotFoundError as error:
        raise missing_extra("serve", "simrec serve") from error
    settings = ServeSettings(
        workspace=workspace,
        token=_read_token(token_file),
        prefix=_checked_prefix(prefix),
        has_pages=not no_pages,
        **options,
    )
    simrec.serve.server.serve(settings)


def _read_token(path: Path | None) -> str:
    """Return the token of a file, or of the environment, or "" where there is none."""
    if path is None:
        return os.environ.get(TOKEN_VARIABLE, "").strip()
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot read a token from it: {error}") from error
    if not token:
        raise UsageError(f"{path}: holds no token; write one line into it")
    return token


def _checked_prefix(prefix: str) -> str:
    """Return a prefix that begins with a slash and ends without one."""
    path = "/".join(part for part in prefix.split("/") if part)
    if not path:
        return ""
    if not PREFIX.fullmatch(path):
        raise UsageError(f"--prefix {prefix}: give a path of letters and digits, such as /related")
    return f"/{path}"
