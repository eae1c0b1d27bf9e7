"""From a folder of posts to lists, and to nights that run by themselves: what README promises."""

import io
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from simrec import config_file
from simrec.config import Config, SinkConfig, SourceConfig
from tests.conftest import ROOT, Ran, environment, run
from tests.setup.conftest import POSTS, Say, Site, at, write_posts

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """Return the words of each simrec command in the code blocks of a page."""
    lines = "\n".join(BLOCK.findall(page.read_text())).replace("\\\n", " ").splitlines()
    parts = [part for line in lines for part in split_commands(line)]
    return [words[1:] for words in parts if words[:1] == ["simrec"]]


def split_commands(line: str) -> Iterator[list[str]]:
    """Yield the words of each command of a line that joins some by && or a pipe."""
    words: list[str] = []
    for word in shlex.split(line, comments=True):
        if word in ("&&", "|", ">"):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def mentioned_commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command that a sentence of a page holds as code."""
    for code in re.findall(r"`simrec ([^`]+)`", page.read_text()):
        words = [word.rstrip(".…") for word in shlex.split(" ".join(code.split()))]
        if not words[0].isupper():  # COMMAND
            yield words


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    write_posts(folder / "posts")
    return Site(folder, run("-m", "simrec", "run", "posts", "-w", "ws", cwd=folder))


def test_one_command_makes_lists_and_says_what_to_look_at(site: Site, simrec: Say) -> None:
    assert (site.said.code, site.said.err) == (0, "")
    shown, _, advice = site.said.out.partition("Look at it:\n")
    first, *hits = shown.split("\n\n")[0].splitlines()
    with at(site.folder):
        dates = {}
        for post in sorted((site.folder / "posts").iterdir()):
            dates[post.name] = post.read_text().split("date: ")[1].split()[0]
        newest = max(dates, key=dates.__getitem__)  # of equals the first
        rows = simrec("similar", newest, "-w", "ws", "-n", 3, "--json").rows
        assert first.endswith(f"({newest})")
        assert hits == [f"  {row['score']:.2f}  {row['title']}  ({row['id']})" for row in rows]
        for command in advice.splitlines():
            words = shlex.split(command)
            if words[0] == "simrec" and words[1] not in ("init", "serve"):
                assert simrec(*words[1:]).code == 0, command
    assert "  simrec init posts -w ws\n" in advice


def test_the_commands_of_the_readme_run_in_their_order(site: Site, simrec: Say) -> None:
    with at(site.folder):
        for words in commands(ROOT / "README.md"):
            if words[0] == "run":
                continue  # that is what made the workspace
            ran = simrec(*["post-07.md" if word == "ID" else word for word in words])
            assert ran.code == 0, (words, ran.err)
        lists = (site.folder / "export" / "similar_articles.jsonl").read_text().splitlines()
        assert {json.loads(line)["article"] for line in lists} == {
            f"post-{number:02}.md" for number in range(POSTS)
        }
        nights = (site.folder / "ws" / "journal.jsonl").read_text().splitlines()
        assert json.loads(nights[-1])["job"] == "nightly"
        assert json.loads(nights[-1])["steps"][1]["rows_out"] == 0, "nothing is encoded twice"
        code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        assert code
        said = run("-c", code[1].replace('"ID"', '"post-07.md"'), cwd=site.folder)
        assert (said.code, len(said.out.splitlines())) == (0, 5), said.err


def test_the_commands_of_operations_run_in_their_order(
    site: Site, simrec: Say, tmp_path: Path
) -> None:
    shutil.copytree(site.folder / "posts", tmp_path / "posts")
    shutil.copytree(site.folder / "ws", tmp_path / "ws")
    (tmp_path / "units").mkdir()
    with at(tmp_path):
        for words in commands(ROOT / "docs" / "operations.md"):
            ran = simrec(*words)
            assert ran.code == 0, (words, ran.err)
    assert (tmp_path / "units" / "simrec-monitor.timer").exists()


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]), ids=lambda path: path.name
)
def test_commands_of_all_pages_are_understood(page: Path) -> None:
    import click

    from simrec.cli import cli

    for words in [*commands(page), *mentioned_commands(page)]:
        command = cli.get_command(click.Context(cli), words[0])
        assert command, f"{page.name}: simrec {words[0]}"
        try:
            command.make_context(words[0], words[1:])
        except click.ClickException as error:
            if isinstance(error, click.MissingParameter) or "requires an argument" in str(error):
                continue  # a sentence speaks of it without one
            raise AssertionError(f"{page.name}: simrec {shlex.join(words)}: {error}") from error


def test_links_of_all_pages_lead_to_files_and_headings() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            path, _, heading = link.partition("#")
            if "://" in path:
                continue
            target = page.parent / path if path else page
            assert target.exists(), f"{page.name}: {link}"
            if heading:
                headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
                anchors = [re.sub(r"[^a-z0-9 _-]", "", name.lower()) for name in headings]
                assert heading in [name.replace(" ", "-") for name in anchors], (page.name, link)


def test_init_writes_a_configuration_that_says_what_was_asked_for(
    tmp_path: Path, simrec: Say
) -> None:
    write_posts(tmp_path / "my posts")
    database = "postgresql://site:$PASSWORD@db/news"
    with at(tmp_path):
        asked = ["my posts", database, "--query", 'SELECT "id" FROM a', "--watermark", "at"]
        options = ["--field", "account=author", "--sync", "--sink", "out", "--format", "folder"]
        ran = simrec("init", *asked, *options, "-w", "ws", "--no-retrain", "--user", "daemon")
        assert ran.code == 0, ran.err
        again = simrec("init", "my posts", "-w", "ws")
        assert (again.code, "simrec.toml: is there already" in again.err) == (2, True)
    config = config_file.load(tmp_path / "simrec.toml")
    (tmp_path / "empty.toml").write_text("")
    default = config_file.load(tmp_path / "empty.toml")
    assert config == msgspec.structs.replace(
        default,
        sources=(
            SourceConfig(path=str(tmp_path / "my posts"), format="folder"),
            SourceConfig(url=database, query='SELECT "id" FROM a', watermark="at"),
        ),
        sinks=(SinkConfig(path=str(tmp_path / "out")),),
        fields=msgspec.structs.replace(default.fields, account="author"),
        ingest=msgspec.structs.replace(default.ingest, sync=True),
    )
    assert (tmp_path / "ws").is_dir()
    assert (tmp_path / "out").is_dir()
    assert "User=daemon\n" in ran.out
    assert "simrec.env" in ran.out, "the password is in a variable"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        ([], "no sources: name files, folders or a database's URL with --query"),
        (["sqlite:///a.db"], "--query goes with one source that is a database's URL"),
        (["posts", "--query", "SELECT 1"], "--query goes with one source"),
        (["posts", "--field", "heading=a"], "--field heading: the names are id, title"),
        (["posts", "-c", "no/where.toml"], "there is no folder"),
    ],
)
def test_init_refuses_what_cannot_be_meant(
    tmp_path: Path, simrec: Say, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    (tmp_path / "posts").mkdir()
    with at(tmp_path):
        ran = simrec("init", *arguments, "-w", "ws")
    assert (ran.code, ran.out, says in ran.err) == (2, "", True), ran.err
    assert not list(tmp_path.glob("*.toml"))


def test_init_asks_on_a_terminal(tmp_path: Path) -> None:
    write_posts(tmp_path / "posts")
    ours, theirs = pty.openpty()
    os.write(ours, b"posts\ny\nout\n")
    done = subprocess.run(
        [sys.executable, "-m", "simrec", "init", "-w", "ws"],
        stdin=theirs,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Where are the articles?" in done.stderr
    assert done.stdout.startswith("# Install with `crontab -e`"), "questions are not in the crontab"
    config = config_file.load(tmp_path / "simrec.toml")
    assert config.sources[0].path == str(tmp_path / "posts")
    assert (config.ingest.sync, config.sinks[0].path) == (True, str(tmp_path / "out"))


def test_config_prints_the_defaults_and_what_is_in_effect(tmp_path: Path, simrec: Say) -> None:
    assert simrec("config").out == (ROOT / "configs" / "default.toml").read_text()
    (tmp_path / "simrec.toml").write_text(
        '[[sources]]\npath = "a \\"b\\".csv"\nfields = { title = "head\\u007F line" }\n'
        '[[sinks]]\nurl = "postgresql://site:secret@db/news"\n'
        '[rules]\nmax_per = { account = 2 }\nmin_score = "auto"\n'
        '[index]\nexact_max_rows = 7\n[engine]\nscheduler = "tcp://10.0.0.1:8786"\n'
    )
    ran = simrec("config", "-c", tmp_path / "simrec.toml")
    assert ran.code == 0, ran.err
    assert "exact_max_rows = 7  # by default 100000\n" in ran.out
    assert "secret" not in ran.out
    printed = msgspec.convert(tomllib.loads(ran.out), Config)
    loaded = config_file.load(tmp_path / "simrec.toml")
    without_password = SinkConfig(url="postgresql://site:@db/news")
    assert printed == msgspec.structs.replace(loaded, sinks=(without_password,))


def test_ingest_with_nothing_to_read_is_an_error(tmp_path: Path, simrec: Say) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, code, says in (
        ([], 2, "nothing to read: name files or folders"),
        ([tmp_path / "empty"], 3, "no .txt, .md or .html in it"),
        ([tmp_path / "*.jsonl"], 2, "no such file or folder"),
        (["postgresql://me:secret@db/news"], 2, "postgresql://me:@db/news: a database is read by"),
    ):
        ran = simrec("ingest", *arguments, "-w", tmp_path / "ws")
        assert (ran.code, says in ran.err) == (code, True), ran.err


def make(*arguments: str, path: str = os.environ["PATH"]) -> Ran:
    done = subprocess.run(
        ["/usr/bin/make", "--silent", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_make_finds_simrec_wherever_it_is_and_says_which_python_it_needs(tmp_path: Path) -> None:
    installed = tmp_path / "simrec"
    installed.write_text('#!/bin/sh\necho "$@"\n')
    installed.chmod(0o755)
    none = "BIN=/nowhere"
    path = f"{tmp_path}:/usr/bin:/bin"
    said = make("nightly", none, "CONFIG=a.toml", "WORKSPACE=ws", path=path)
    assert (said.code, said.out) == (0, "nightly -c a.toml -w ws\n")
    said = make("nightly", none, path="/usr/bin:/bin")
    assert (said.code, "simrec is not installed here: make setup" in said.err) == (2, True)
    new = tmp_path / "python3.14"
    change = "import sys; sys.version_info = (3, 14, 0); exec(sys.argv[1])"
    new.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{change}" "$2"\n')
    new.chmod(0o755)
    said = make("python-version", none, f"PYTHON={new}")
    assert (said.code, "need Python 3.11, 3.12 or 3.13" in said.err) == (2, True)
    assert "this is 3.14" in said.err
    assert make("python-version", none, f"PYTHON={sys.executable}").code == 0
