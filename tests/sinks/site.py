"""A site of Markdown posts with a workspace, and what tests ask of its sinks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simrec
from simrec import Hit
from tests.conftest import CONFIG, House, Ran, run, speeches
from tests.sinks.in_process import in_process

POSTS = 48
SOURCE = '[[sources]]\npath = "content"\n'
TITLES = ['5 < 6 & 7 > "2"', 'Of "tides" & harbours: a tale', "café 你好 🌍", "It's #1"]
FOLDERS = ["posts", "posts/Über uns", "posts/a b", "Notes"]
FORMS = ["yaml", "toml", "yaml", "crlf"]


@dataclass
class Site(House):
    """A house whose articles are Markdown posts below `content`."""

    def sinks(self, *sinks: str) -> None:
        """Configure the source and these sinks."""
        text = CONFIG.replace('[[sources]]\npath = "articles.jsonl"\n', SOURCE)
        text += "".join(f"[[sinks]]\n{sink}\n" for sink in sinks)
        (self.folder / "config.toml").write_text(text)

    def export(self, code: int = 0, before: str = "") -> Ran:
        """Run `simrec export`; `before` is Python that runs first in its process."""
        config = self.folder / "config.toml"
        arguments = ["simrec", "export", "-c", str(config), "-w", str(self.workspace), "-v"]
        if not before:
            ran = in_process(*arguments[1:])
            assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
            return ran
        lines = ["import os, sys", f"sys.argv = {arguments!r}", before]
        ran = run("-c", "\n".join([*lines, "from simrec.cli import main", "main()"]))
        assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
        return ran

    @property
    def content(self) -> Path:
        return self.folder / "content"

    def ids(self) -> list[str]:
        return sorted(str(path.relative_to(self.content)) for path in self.content.rglob("*.md"))

    def lists(self, places: int = 1_000) -> dict[str, list[Hit]]:
        """The published lists by id, as the face tells them."""
        with simrec.open(self.workspace) as recommender:
            return {name: recommender.similar(name, n=places) for name in self.ids()}


def write_posts(folder: Path, forms: Sequence[str] = FORMS) -> None:
    """Write posts in forms of front matter, in folders whose names have to be escaped."""
    for number, speech in enumerate(speeches()[:POSTS]):
        title = f"{' '.join(speech['text'].split()[:5])} {TITLES[number % 4]}"
        path = folder / FOLDERS[number % 4] / f"Post {number // 4}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_post(title, speech, forms[number % len(forms)], number).encode())


def _post(title: str, speech: dict[str, Any], form: str, number: int) -> str:
    quoted = json.dumps(title, ensure_ascii=False)
    account = json.dumps(speech["account"])
    date = speech["published_at"][:10]
    if form == "pelican":
        return f"Title: {title}\nAuthor: {speech['account']}\nDate: {date}\n\n{speech['text']}\n"
    if form == "toml":
        head = f'+++\ntitle = {quoted}\nauthor = {account}\ndate = {date}\n[params]\nx = "[related]"\n+++'
    else:
        image = f"image: /pictures/{number}.png\n" if number % 3 else ""
        head = f"---\ntitle: {quoted}\nauthor: {account}\ndate: {date}  # a day\n{image}tags: [a, b]\n---"
    text = f"{head}\n\n{speech['text']}\n\n---\nrelated: nothing\n"
    return text.replace("\n", "\r\n") if form == "crlf" else text
