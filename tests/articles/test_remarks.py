"""What was guessed, left out or lost is a line in rejects, counted by reason, and said once."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from simrec.articles.sources.xml_repair import decode_xml
from tests.articles.test_ingest import ingest, stored, write_jsonl
from tests.conftest import House

FRENCH = "L'été à Orléans, où le blé mûr dort près de la forêt; le café est fermé."


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def remarks(house: House) -> list[tuple[str, str]]:
    rows = house.simrec("rejects", "--json").rows
    notes = [row for row in rows if row["reason"].startswith("note: ")]
    return [(Path(row["file"]).name, row["reason"].removeprefix("note: ")) for row in notes]


GUESS = "not UTF-8; read as cp1252, which is a guess: set encoding in the source if not"
TABLE = f'id,text\na,"{FRENCH}"\nb,"{FRENCH}"\n'.encode("cp1252")
LINE = f'{{"id": "a", "text": "{FRENCH}"}}\n'.encode("cp1252")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", TABLE),
        (
            "a.tsv",
            TABLE.replace(b"id,text", b"id\ttext").replace(b',"', b"\t").replace(b'"', b""),
        ),
        ("a.csv.gz", gzip.compress(TABLE)),
        ("a.jsonl", LINE),
        ("a.json", b"[" + LINE.strip() + b"]"),
    ],
)
def test_a_guessed_encoding_is_said_once(fresh: House, name: str, content: bytes) -> None:
    path = fresh.folder / name
    path.write_bytes(content)
    ran = ingest(fresh, path)
    assert (ran.code, f"{name}, line 1: note: {GUESS}" in ran.err) == (0, True), ran.err
    assert "0 rejected" in ran.err
    assert stored(fresh)["a"]["text"] == FRENCH
    assert remarks(fresh) == [(name, GUESS)]
    (status,) = fresh.simrec("status", "--json").rows
    assert status["rejects_by_reason"] == f"1 note: {GUESS}"
    again = ingest(fresh, path)
    assert ("guess" in again.err, "0 rejected" in again.err) == (False, True), again.err
    write_jsonl(fresh.folder / "b.jsonl", [{"id": "other", "text": "Words."}])
    assert "guess" not in ingest(fresh, fresh.folder / "*[ab].[cjt]*").err
    assert remarks(fresh) == [(name, GUESS)]
    path.write_bytes(gzip.compress(b"id,text\n") if name.endswith("gz") else b"id,text\n"[:0])
    assert ingest(fresh, path).code == 0
    assert remarks(fresh) == []


def test_a_large_file_in_many_splits_says_it_once(fresh: House) -> None:
    line = LINE.decode("cp1252")
    lines = [line.replace('"a"', f'"a{number}"') for number in range(50)]
    (fresh.folder / "articles.jsonl").write_bytes("".join(lines).encode("cp1252"))
    fresh.configure("")
    config = fresh.folder / "config.toml"
    config.write_text(
        config.read_text().replace("[engine]", "[engine]\nbatch_bytes = 300\nworkers = 2")
    )
    assert fresh.step("ingest").code == 0
    assert remarks(fresh) == [("articles.jsonl", GUESS)]
    assert {row["text"] for row in stored(fresh).values()} == {FRENCH}


def test_what_a_folder_leaves_out_is_said(fresh: House) -> None:
    folder = fresh.folder / "pages"
    (folder / "sub").mkdir(parents=True)
    (folder / "page.md").write_text("A page.")
    (folder / "old.txt").write_bytes(FRENCH.encode("cp1252"))
    (folder / "sub" / "more.jsonl").write_text('{"id": "lost", "text": "Words."}\n')
    (folder / "sub" / "more.jsonl.gz").write_bytes(b"")
    (folder / "paper.pdf").write_bytes(b"%PDF-1.7")
    (folder / "style.css").write_text("p {}")
    (fresh.folder / "far").mkdir()
    (fresh.folder / "far" / "far.md").write_text("A far page.")
    (folder / "far").symlink_to(fresh.folder / "far")
    ran = ingest(fresh, folder)
    assert ran.code == 0, ran.err
    assert stored(fresh).keys() == {"page.md", "old.txt"}
    unread = (
        "files that hold no text, Markdown or HTML are not read (1 .pdf, 1 .jsonl, 1 .gz), such as "
        f"{folder}/paper.pdf; give those that hold articles as a source of their own"
    )
    assert sorted(remarks(fresh)) == [
        ("far", "a link to a folder, not followed; set follow_links = true in its source"),
        ("old.txt", GUESS),
        ("pages", unread),
    ]
    assert "note: " not in ingest(fresh, folder).err
    (folder / "paper.pdf").unlink()
    (folder / "sub" / "more.jsonl").unlink()
    (folder / "sub" / "more.jsonl.gz").unlink()
    (folder / "far").unlink()
    (folder / "old.txt").write_text(FRENCH)
    assert ingest(fresh, folder).code == 0
    assert remarks(fresh) == []


def test_characters_that_a_feed_loses_are_counted(fresh: House) -> None:
    feed = (
        "<rss version='2.0'><channel><title>Été</title><item><guid>https://a.example/1</guid>"
        f"<title>{FRENCH}</title><description>Words of it.</description></item></channel></rss>"
    )
    broken = feed.encode().replace("fermé".encode(), b"ferm\xff")
    (fresh.folder / "a.rss").write_bytes(broken)
    assert ingest(fresh, fresh.folder / "a.rss").code == 0
    assert remarks(fresh) == [("a.rss", "not valid UTF-8; 1 characters of it are lost")]
    (fresh.folder / "b.rss").write_bytes(feed.encode("cp1252"))
    assert ingest(fresh, fresh.folder / "b.rss").code == 0
    assert (
        "b.rss",
        "not UTF-8, and no other encoding is declared; read as cp1252, which is a guess",
    ) in remarks(fresh)
    assert decode_xml("<a>\ufffd</a>".encode()).remark == ""


def test_the_list_of_a_document_with_several_is_a_guess(fresh: House) -> None:
    document = '{"tags": [{"name": "x"}], "posts": [{"id": "a", "text": "Words."}]}'
    (fresh.folder / "a.json").write_text(document)
    assert ingest(fresh, fresh.folder / "a.json").code == 0
    assert remarks(fresh) == [
        ("a.json", "the articles are taken to be those of 'posts', and not of 'tags'")
    ]


def test_the_report_counts_them_by_subject(house: House) -> None:
    (house.folder / "old.csv").write_bytes(TABLE)
    house.configure("[[sources]]\npath = 'old.csv'\n")
    bad = {"id": "x", "text": "Some words.", "published_at": "soon"}
    house.write_articles([*house.articles, bad, {"id": "y", "text": ""}])
    assert house.job().code == 0
    report = house.workspace / "releases" / house.current / "report.html"
    text = report.read_text()
    section = text[text.index("What was rejected, dropped or guessed") :]
    for subject in ("row rejected", "value dropped", "note"):
        assert f"<td>{subject}</td>" in section
    assert "read as cp1252, which is a guess" in section
