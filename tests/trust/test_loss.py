"""What a cut or hostile file must not take from the others."""

from pathlib import Path

import pytest

from tests.trust.reading import Desk, jsonl

ROWS = [{"id": f"a{n}", "title": f"T{n}", "text": f"Words, {n} of them."} for n in range(30)]
TEXTS = {row["id"]: row["text"] for row in ROWS}
CSV = "id,title,text\n" + "".join(f'{r["id"]},{r["title"]},"{r["text"]}"\n' for r in ROWS)
BARE = "id,title,text\n" + "".join(
    f"{r['id']},{r['title']},{r['text'][5:]}\n" for r in ROWS
).replace(", ", " ")
FEED = "<rss version='2.0'><channel><title>Evil</title><link>https://evil.example/</link>{}</channel></rss>"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.write("other.jsonl", jsonl({"id": "other", "text": "Other."}))
    return desk


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
def test_a_plain_file_that_is_cut_anywhere_deletes_and_changes_nothing(
    desk: Desk, name: str
) -> None:
    """Cuts in a line, in a cell, in quotation marks; but at the end of a row nothing tells."""
    whole = {"a.jsonl": jsonl(*ROWS), "a.csv": CSV, "a.tsv": BARE.replace(",", "\t")}[name]
    desk.write(name, whole)
    desk.read(name, "other.jsonl", sync=True)
    before = desk.texts()
    assert len(before) == 31
    middle = whole.index("a20")
    for cut in range(middle + 1, whole.index("a21") - 1):
        if whole[cut - 1] in "\n}":
            continue
        desk.write(name, whole[:cut])
        result = desk.read(name, "other.jsonl", sync=True)
        assert desk.texts() == before, (cut, whole[cut - 20 : cut])
        assert result.deleted == 0


def test_a_row_without_a_line_break_is_taken(desk: Desk) -> None:
    """As spreadsheets on the web end their files."""
    desk.write("a.csv", CSV.rstrip("\n"))
    desk.write("b.csv", "id,text\nb1,Words\nb2,More words")
    desk.read("a.csv", "b.csv", sync=True)
    assert desk.texts() == {**TEXTS, "b1": "Words", "b2": "More words"}
    desk.write("b.csv", "id,text\nb2,Other words")
    desk.read("a.csv", "b.csv", sync=True)
    assert desk.texts()["b2"] == "Other words"
    assert "b1" in desk.texts()
    assert any("the file ends without a line break" in each for each in desk.problems())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("evil.rss", FEED.format("<item><guid>https://p.example/1</guid><description>Mine.</description></item>")),
        ("evil/x.md", "---\nid: https://p.example/1\n---\nMine."),
        ("evil/x.md", "---\nid: https://p.example/1\ndraft: true\n---\nMine."),
        ("evil/x.html", "<html><head><meta name='id' content='https://p.example/1'></head><body>Mine.</body></html>"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_an_id_of_another_source_stays_with_it(
    desk: Desk, name: str, content: str, first: bool
) -> None:
    own = {"id": "https://p.example/1", "text": "Ours."}
    desk.write("ours.jsonl", jsonl(own, *ROWS))
    desk.read("ours.jsonl", "other.jsonl")
    desk.write(name, content)
    evil = name.partition("/")[0]
    desk.read(*((evil, "ours.jsonl") if first else ("ours.jsonl", evil)))
    assert desk.texts()["https://p.example/1"] == "Ours."
    (problem,) = [each for each in desk.problems() if "which keeps it" in each]
    assert "ours.jsonl" in problem
