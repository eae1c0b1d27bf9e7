"""The refusals that docs/troubleshooting.md explains are those that simrec gives."""

import re
import sys
from pathlib import Path

import pytest

from simrec.workspace import Workspace
from tests.conftest import ROOT, House
from tests.setup.conftest import Say, at

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
EXPLAINED = {
    words: int(code) for words, code in re.findall(r"^\| `(.+?)` \| (\d) \|", PAGE, re.MULTILINE)
}


def write(folder: Path) -> None:
    """Write what newcomers give to simrec by mistake."""
    (folder / "pdfs").mkdir()
    (folder / "pdfs" / "a.pdf").write_bytes(b"%PDF")
    (folder / "headlines.jsonl").write_text('{"id": "a", "headline": "Bread", "body": "Fresh."}\n')
    (folder / "b.jsonl").write_text('{"id": "b", "title": "Bread", "text": "Fresh bread."}\n')
    chinese = '{"id": "%d", "title": "第%d天", "text": "今天的天气很好，我们去公园散步。"}\n'
    (folder / "zh.jsonl").write_text("".join(chinese % (day, day) for day in range(40)))
    (folder / "typo.toml").write_text("[indx]\n")


MISTAKES = {
    "no workspace here": ["similar", "a", "-w", "nowhere"],
    "no release is published yet": ["similar", "b", "-w", "ws"],
    "no such file or folder": ["run", "nowhere.csv", "-w", "ws"],
    "no .txt, .md or .html in it": ["run", "pdfs", "-w", "ws"],
    "rows rejected": ["ingest", "headlines.jsonl", "-w", "ws"],
    "no encoder yet, and": ["run", "zh.jsonl", "-w", "zh"],
    "no article": ["similar", "bread-of-the-day", "-w", "published"],
    "unknown key": ["nightly", "-c", "typo.toml", "-w", "ws"],
    "needs packages that are not installed": ["serve", "-w", "published"],
    "is at work here": ["embed", "-w", "ws"],
}


def test_the_page_explains_ten_refusals() -> None:
    assert list(EXPLAINED) == list(MISTAKES)


@pytest.mark.parametrize("words", MISTAKES)
def test_simrec_says_what_the_page_explains(
    words: str,
    published: House,
    tmp_path: Path,
    simrec: Say,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path)
    (tmp_path / "published").symlink_to(published.workspace)
    monkeypatch.setitem(sys.modules, "uvicorn", None)  # an extra that is not installed
    for name in [name for name in sys.modules if name.startswith("simrec.serve.server")]:
        monkeypatch.delitem(sys.modules, name)
    with at(tmp_path):
        assert simrec("ingest", "b.jsonl", "-w", "ws").code == 0
        if words == "is at work here":
            with Workspace(Path("ws")).lock():
                ran = simrec(*MISTAKES[words])
        else:
            ran = simrec(*MISTAKES[words])
    assert (ran.code, ran.out) == (EXPLAINED[words], "")
    assert words in ran.err
    assert "Traceback" not in ran.err
