"""A folder of posts, a workspace made of it by one command, and the command line in this process."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from simrec.cli import main
from tests.conftest import Ran, speeches

POSTS = 60
Say = Callable[..., Ran]


@dataclass
class Site:
    """A folder with posts, and the workspace `ws` that the first command has made of them."""

    folder: Path
    said: Ran


@contextmanager
def at(folder: Path) -> Iterator[None]:
    """Stand in a folder, as a person at a shell."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def write_posts(folder: Path) -> None:
    """Write Markdown files with front matter, some of each of six presidents."""
    folder.mkdir(parents=True)
    for number, article in enumerate(speeches()[:: len(speeches()) // POSTS][:POSTS]):
        words = article["text"].split()
        title = " ".join(words[:6]).replace('"', "'")
        (folder / f"post-{number:02}.md").write_text(
            f'---\ntitle: "{title}"\ndate: {article["published_at"]}\n'
            f"author: {article['account']}\n---\n\n{' '.join(words[6:])}\n"
        )


@pytest.fixture
def simrec(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a command in this process, as its script does."""
    monkeypatch.setenv("COLUMNS", "100")

    def say(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["simrec", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ran(code, *capsys.readouterr())

    return say
