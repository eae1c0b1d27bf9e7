"""Articles come in from every format, bad rows are named, and nothing valid beside them is lost."""

import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from tests.conftest import House, Ran, new_house, speeches

ROWS = [
    {key: row[key] for key in ("id", "text", "account", "published_at", "category")}
    for row in speeches()[:40]
]


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def stored(house: House) -> dict[str, dict[str, Any]]:
    with closing(sqlite3.connect(house.workspace / "articles.db")) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute(
            "SELECT a.*, t.text FROM articles a JOIN texts t ON t.key = a.text_key"
        ).fetchall()
    return {row["id"]: dict(row) for row in rows}


def ingest(house: House, path: Path, *options: object) -> Ran:
    return house.simrec("ingest", path, *options, "-v")


def write_jsonl(path: Path, rows: list[Any]) -> Path:
    text = "".join(
        (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n"
        for row in rows
    )
    path.write_text(text)
    return path


def write_gzip(path: Path, rows: list[Any]) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    cells = [list(rows[0]), *(list(row.values()) for row in rows)]
    quoted = (";".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in cells)
    path.write_text("\ufeff" + "\r\n".join(quoted) + "\r\n")
    return path


def write_parquet(path: Path, rows: list[Any]) -> Path:
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


WRITERS = {
    "a.jsonl": write_jsonl,
    "a.jsonl.gz": write_gzip,
    "a.csv": write_csv,
    "a.parquet": write_parquet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_articles(fresh: House, name: str) -> None:
    ran = ingest(fresh, WRITERS[name](fresh.folder / name, ROWS))
    assert ran.code == 0, ran.err
    articles = stored(fresh)
    assert {i: (a["account"], a["published_at"], a["category"]) for i, a in articles.items()} == {
        row["id"]: (row["account"], row["published_at"], row["category"]) for row in ROWS
    }
    assert all(
        " ".join(articles[row["id"]]["text"].split()) == " ".join(row["text"].split())
        for row in ROWS
    )


def test_a_folder_of_text_markdown_and_html(fresh: House) -> None:
    folder = fresh.folder / "blog"
    (folder / "ada").mkdir(parents=True)
    (folder / "ada" / "plain.txt").write_text("Just some words.")
    (folder / "ada" / "post.md").write_text(
        "---\nauthor: Ada\ndate: 2024-05-31\ntags: [x, y]\n---\n"
        "# On *engines*\n\nA **bold** claim,\n\n* one\n* two\n"
    )
    (folder / "page.html").write_text(
        '<html><head><title>A &amp; B</title><meta name="author" content="Bob"></head>'
        "<body><nav><a href='/'>Home</a></nav><p>It is <b>so</b>.</p>"
        "<script>no()</script></body></html>"
    )
    (folder / "picture.png").write_bytes(b"\x89PNG")
    options = ("--field", "account=author", "--field", "published_at=date")
    assert ingest(fresh, folder, *options).code == 0
    articles = stored(fresh)
    assert articles.keys() == {"ada/plain.txt", "ada/post.md", "page.html"}
    post, page = articles["ada/post.md"], articles["page.html"]
    assert (post["title"], post["account"], post["published_at"]) == (
        "On engines",
        "Ada",
        "2024-05-31",
    )
    assert post["text"].split() == ["A", "bold", "claim,", "one", "two"]
    assert json.loads(post["tags"]) == ["x", "y"]
    assert (page["title"], page["account"]) == ("A & B", "Bob")
    assert "It is so." in page["text"]
    assert "no()" not in page["text"]


def test_html_bodies_become_text_and_text_with_signs_stays(fresh: House) -> None:
    rows = [
        {
            "id": "html",
            "text": "<p>Fish &amp; <em>chips</em></p><p>twice</p>",
            "title": "<b>AT&amp;T</b><br>again",
        },
        {"id": "text", "text": "if a < b and b > c then <p> is a tag"},
    ]
    assert ingest(fresh, write_jsonl(fresh.folder / "a.jsonl", rows)).code == 0
    articles = stored(fresh)
    assert (articles["html"]["title"], articles["html"]["text"]) == (
        "AT&T again",
        "Fish & chips\n\ntwice",
    )
    assert articles["text"]["text"] == "if a < b and b > c then <p> is a tag"


def test_field_mapping_reaches_into_objects(fresh: House) -> None:
    rows = [{"nr": 7, "head": "T", "body": "B", "by": {"name": "Ada"}, "when": 1717156800}]
    fresh.configure(
        '[fields]\nid = "nr"\ntitle = "head"\ntext = "body"\n'
        'account = "by.name"\npublished_at = "when"\n'
    )
    write_jsonl(fresh.folder / "articles.jsonl", rows)
    assert fresh.step("ingest").code == 0
    articles = stored(fresh)["7"]
    assert (articles["title"], articles["text"], articles["account"]) == ("T", "B", "Ada")
    assert articles["published_at"] == "2024-05-31T12:00:00Z"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2024-05-31", "2024-05-31"),
        ("2024-05-31T12:00:00+02:00", "2024-05-31T10:00:00Z"),
        ("Fri, 31 May 2024 12:00:00 GMT", "2024-05-31T12:00:00Z"),
        ("1790-01-08T00:00:00", "1790-01-08T00:00:00Z"),
        ("0001-01-01T00:00:00", None),
        (1717156800.5, "2024-05-31T12:00:00Z"),
        ("31/5/24", None),
        ("Nones", None),
        (1e300, None),
        (True, None),
    ],
)
def test_a_date_that_cannot_be_read_costs_the_date_not_the_article(
    fresh: House, given: Any, kept: str | None
) -> None:
    path = write_jsonl(
        fresh.folder / "a.jsonl", [{"id": "a", "text": "words", "published_at": given}]
    )
    ran = ingest(fresh, path)
    assert ran.code == 0, ran.err
    assert stored(fresh)["a"]["published_at"] == kept
    assert ("kept without published_at" in ran.err) == (kept is None)
    assert "kept without" not in ingest(fresh, path).err, "what is known is not named again"
    assert len(fresh.simrec("rejects", "--json").rows) == (kept is None)


def test_upsert_touches_only_what_changed(fresh: House) -> None:
    path = write_jsonl(fresh.folder / "a.jsonl", ROWS)
    assert "40 new" in ingest(fresh, path).err
    assert "0 new, 0 changed, 40 unchanged" in ingest(fresh, path).err
    changed = [
        {**ROWS[0], "text": "Entirely new words."},
        *ROWS[1:],
        {"id": "more", "text": "More."},
    ]
    assert "1 new, 1 changed, 39 unchanged" in ingest(fresh, write_jsonl(path, changed)).err
    articles = stored(fresh)
    assert len(articles) == 41
    assert articles[ROWS[0]["id"]]["text"] == "Entirely new words."


def test_files_that_did_not_change_are_not_read_again(fresh: House) -> None:
    (fresh.folder / "folder").mkdir()
    (fresh.folder / "folder" / "post.txt").write_text("Words of a file.")
    write_jsonl(fresh.folder / "articles.jsonl", ROWS)
    fresh.configure("[[sources]]\npath = 'folder'\n[ingest]\nsync = true\ndeletions = 'gone.txt'\n")
    (fresh.folder / "gone.txt").write_text("")

    def rows_read() -> int:
        assert fresh.step("ingest").code == 0
        return int(fresh.last_steps()["ingest"]["rows_in"])

    assert [rows_read(), rows_read()] == [41, 0]
    changes = {
        "articles.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS[1:]),
        "folder/post.txt": "Other words of a file.",
        "folder/new.txt": "Words of a new file.",
        "gone.txt": "new.txt",
    }
    for name, content in changes.items():
        (fresh.folder / name).write_text(content)
        assert (name, rows_read() > 0, rows_read()) == (name, True, 0)
    assert stored(fresh).keys() == {"post.txt", *(row["id"] for row in ROWS[1:])}
    assert stored(fresh)["post.txt"]["text"] == "Other words of a file."
    write_jsonl(fresh.folder / "other.jsonl", [{"id": ROWS[1]["id"], "text": "From another file."}])
    assert ingest(fresh, fresh.folder / "other.jsonl").code == 0
    assert rows_read() > 0, "what another source has brought in is not what these files hold"
    assert stored(fresh)[ROWS[1]["id"]]["text"] != "From another file."


def test_a_text_no_article_has_any_more_is_gone(fresh: House) -> None:
    twins = [{"id": "a", "text": "Shared words."}, {"id": "b", "text": "Shared words."}]
    ingest(fresh, write_jsonl(fresh.folder / "a.jsonl", twins))
    ingest(fresh, write_jsonl(fresh.folder / "a.jsonl", [{"id": "a", "text": "Other words."}]))
    assert texts(fresh) == {"Shared words.", "Other words."}
    (fresh.folder / "gone.txt").write_text("b\n")
    assert fresh.simrec("ingest", "--delete", fresh.folder / "gone.txt").code == 0
    assert texts(fresh) == {"Other words."}


def texts(house: House) -> set[str]:
    with closing(sqlite3.connect(house.workspace / "articles.db")) as db:
        return {text for (text,) in db.execute("SELECT text FROM texts")}


def test_deleted_articles_leave_tombstones_and_stay_deleted_while_listed(fresh: House) -> None:
    write_jsonl(fresh.folder / "articles.jsonl", ROWS)
    (fresh.folder / "gone.txt").write_bytes(f"{ROWS[3]['id']}\r\nnever-there\r\n".encode())
    fresh.configure('[ingest]\ndeletions = "gone.txt"\n')
    for _ in range(2):
        assert fresh.step("ingest").code == 0
        assert stored(fresh).keys() == {row["id"] for row in ROWS} - {ROWS[3]["id"]}
    with closing(sqlite3.connect(fresh.workspace / "articles.db")) as db:
        assert db.execute("SELECT id FROM tombstones").fetchall() == [(ROWS[3]["id"],)]
    (fresh.folder / "gone.txt").write_text("")
    assert fresh.step("ingest").code == 0
    assert ROWS[3]["id"] in stored(fresh)


def test_sync_deletes_what_is_absent(fresh: House) -> None:
    path = write_jsonl(fresh.folder / "a.jsonl", ROWS)
    ingest(fresh, path)
    assert "3 deleted" in ingest(fresh, write_jsonl(path, ROWS[3:]), "--sync").err
    assert stored(fresh).keys() == {row["id"] for row in ROWS[3:]}


def test_without_sync_an_absent_article_stays(fresh: House) -> None:
    path = write_jsonl(fresh.folder / "a.jsonl", ROWS)
    ingest(fresh, path)
    ingest(fresh, write_jsonl(path, ROWS[:1]))
    assert len(stored(fresh)) == 40


@pytest.mark.parametrize("rows", [[], ROWS[:5]])
def test_a_sync_that_would_delete_too_much_changes_nothing(fresh: House, rows: list[Any]) -> None:
    path = write_jsonl(fresh.folder / "a.jsonl", ROWS)
    ingest(fresh, path)
    before = stored(fresh)
    ran = ingest(fresh, write_jsonl(path, rows), "--sync")
    assert (ran.code, "ingest.max_delete_share" in ran.err) == (7, True)
    assert stored(fresh) == before


BAD_ROWS = {
    "not json": ("{oops", "not JSON"),
    "an array": ("[1, 2]", "not a JSON object"),
    "no id": ({"text": "words"}, "no id in 'id'; the fields are text"),
    "blank id": ({"id": " ", "text": "words"}, "no id in 'id'"),
    "long id": ({"id": "x" * 600, "text": "words"}, "id of 600 characters"),
    "control id": ({"id": "a\nb", "text": "words"}, "holds a line break or a control character"),
    "no text": (
        {"id": "x", "body": "words"},
        "no text in 'text' nor 'title'; the fields are body, id",
    ),
    "only tags": ({"id": "x", "text": "<p></p>"}, "no text in"),
    "text is a list": ({"id": "x", "text": ["words"]}, "text: a list where text was expected"),
    "long title": (
        {"id": "x", "title": "t" * (1 << 20), "text": "words"},
        "title of 1,048,576 characters",
    ),
    "half a surrogate": ('{"id": "x", "text": "\\ud800"}', "not valid UTF-8"),
    "surrogate id": (
        '{"id": "\\ud800", "text": "words"}',
        "holds a line break or a control character",
    ),
    "surrogate name": ('{"\\ud800": 1, "id": "x"}', "the fields are id, \\ud800"),
    "deep": ("[" * 100_000, "not JSON"),
    "nan id": ('{"id": null, "text": "words"}', "no id"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_named_and_the_others_are_kept(fresh: House, name: str) -> None:
    row, says = BAD_ROWS[name]
    ran = ingest(fresh, write_jsonl(fresh.folder / "a.jsonl", [*ROWS[:3], row, *ROWS[3:]]))
    assert ran.code == 0, ran.err
    assert "1 of 41 rows rejected" in ran.err
    assert "a.jsonl, line 4: " in ran.err
    assert says in ran.err
    assert len(stored(fresh)) == 40
    (reject,) = fresh.simrec("rejects", "--json").rows
    assert (Path(reject["file"]).name, reject["line"]) == ("a.jsonl", 4)


def test_invalid_utf8_is_named_by_line_and_byte(fresh: House) -> None:
    path = fresh.folder / "a.jsonl"
    lines = [json.dumps(row).encode() for row in ROWS]
    lines[6] = b'{"id": "x", "text": "caf\xe9"}'
    path.write_bytes(b"\n".join(lines))
    ran = ingest(fresh, path)
    assert (ran.code, "line 7: not valid UTF-8 (byte 25)" in ran.err) == (0, True)
    assert len(stored(fresh)) == 39
    table = fresh.folder / "b.csv"
    table.write_bytes(b"id,text\nb1,caf\xe9\n" + b"".join(b"c%d,words\n" % n for n in range(30)))
    ran = ingest(fresh, table)
    assert (ran.code, "b.csv, line 2: not valid UTF-8" in ran.err) == (0, True)


def test_a_duplicate_id_in_one_file_is_named_and_the_later_row_wins(fresh: House) -> None:
    again = {**ROWS[0], "text": "The later row."}
    ran = ingest(fresh, write_jsonl(fresh.folder / "a.jsonl", [*ROWS, again]))
    assert ran.code == 0
    assert (
        f"line 1: id '{ROWS[0]['id']}' stands again on line 41, and the later row was taken"
        in ran.err
    )
    assert stored(fresh)[ROWS[0]["id"]]["text"] == "The later row."


def test_too_many_bad_rows_change_nothing_and_say_why(fresh: House) -> None:
    path = write_jsonl(fresh.folder / "a.jsonl", ROWS)
    ingest(fresh, path)
    before = stored(fresh)
    rows = [{**row, "text": "changed"} for row in ROWS]
    ran = ingest(fresh, write_jsonl(path, [*rows, *["oops"] * 3]))
    assert (ran.code, "ingest.max_reject_share = 5%" in ran.err) == (7, True)
    assert "line 41: not JSON" in ran.err
    assert stored(fresh) == before
    assert [reject["line"] for reject in fresh.simrec("rejects", "--json").rows] == [41, 42, 43]


@pytest.mark.parametrize("sync", [False, True])
def test_a_truncated_gzip_keeps_the_whole_rows_and_fails_the_run(fresh: House, sync: bool) -> None:
    path = fresh.folder / "a.jsonl.gz"
    ingest(fresh, write_gzip(path, [{"id": "older", "text": "Words that stay."}]))
    whole = gzip.compress("".join(json.dumps(row) + "\n" for row in speeches()).encode())
    path.write_bytes(whole[: len(whole) // 2])
    ran = ingest(fresh, path, *(["--sync"] if sync else []))
    articles = stored(fresh)
    kept = [row for row in speeches() if row["id"] in articles]
    assert ran.code == 7
    assert f"a.jsonl.gz, line {len(kept) + 1}: the file is damaged from here on" in ran.err
    assert kept == speeches()[: len(kept)]
    assert len(kept) > 100
    assert "older" in articles, "articles missing from a damaged file are not deleted"


@pytest.mark.parametrize("name", ["a.parquet", "b.jsonl.gz", "c.jsonl.xz"])
def test_a_file_that_is_not_what_its_name_says(fresh: House, name: str) -> None:
    path = fresh.folder / name
    path.write_bytes(b"this is no such file")
    ran = ingest(fresh, path)
    assert ran.code == 7, ran.err
    assert f"{name}, line 1: " in ran.err
    assert "Traceback" not in ran.err


def test_a_csv_with_a_wrong_header_names_its_columns(fresh: House) -> None:
    path = fresh.folder / "a.csv"
    path.write_text("key,headline\n1,words\n")
    ran = ingest(fresh, path)
    assert ran.code == 3
    assert (
        "a.csv, line 1: no column 'id' to take the id from; the columns are key, headline"
        in ran.err
    )
    assert ingest(fresh, path, "--field", "id=key", "--field", "title=headline").code == 0
    assert stored(fresh)["1"]["title"] == "words"


def test_a_csv_row_with_missing_cells_is_named_by_its_line(fresh: House) -> None:
    path = fresh.folder / "a.csv"
    rows = "".join(f'{n},"two\nlines"\n' for n in range(30))
    path.write_text(f"id,text\n{rows}31\n")
    ran = ingest(fresh, path)
    assert (ran.code, "a.csv, line 62: 1 cells where the header has 2" in ran.err) == (0, True)
    assert len(stored(fresh)) == 30


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["/nowhere.jsonl"], 2, "/nowhere.jsonl: no such file or folder"),
        (["/nowhere/*.jsonl"], 2, "no such file or folder"),
        ([__file__], 2, "cannot tell its format from its name"),
        (
            ["/nowhere.jsonl", "--field", "headline=x"],
            2,
            "--field headline: the names are id, title",
        ),
        (["--delete", "/nowhere.txt"], 2, "/nowhere.txt: cannot read the ids to delete"),
    ],
)
def test_a_wrong_ingest_is_one_sentence(
    fresh: House, arguments: list[str], code: int, says: str
) -> None:
    ran = fresh.simrec("ingest", *arguments)
    assert (ran.code, says in ran.err, "Traceback" in ran.err) == (code, True, False), ran.err


@pytest.mark.parametrize(
    "sources", ["", "[[sources]]\nurl = 'sqlite:///news.db'\nquery = 'SELECT 1 AS id, 2 AS text'\n"]
)
def test_a_file_that_cannot_be_opened_is_named_and_nothing_changes(
    fresh: House, sources: str
) -> None:
    write_jsonl(fresh.folder / "articles.jsonl", ROWS)
    with closing(sqlite3.connect(fresh.folder / "news.db")) as db:
        db.execute("CREATE TABLE news (id)")
    (fresh.folder / "part-1.jsonl").symlink_to("nowhere")
    (fresh.folder / "part-2.jsonl").mkdir()
    none = "[ingest]\nmax_failed_sources = 0\n"
    fresh.configure(f"{sources}[[sources]]\npath = 'part-1*.jsonl'\n{none}")
    ran = fresh.step("ingest")
    assert (ran.code, "part-1.jsonl: cannot be read (No such file or directory)" in ran.err) == (
        3,
        True,
    ), ran.err
    fresh.configure(f"{sources}[[sources]]\npath = 'part-2*.jsonl'\nformat = 'jsonl'\n{none}")
    ran = fresh.step("ingest")
    assert (ran.code, "part-2.jsonl: no jsonl files in it" in ran.err) == (3, True), ran.err
    assert not stored(fresh)


def test_an_empty_file_is_an_empty_corpus(fresh: House) -> None:
    (fresh.folder / "a.jsonl").write_text("")
    (fresh.folder / "b.csv").write_text("")
    assert ingest(fresh, fresh.folder / "a.jsonl").code == 0
    assert ingest(fresh, fresh.folder / "b.csv").code == 0
    assert fresh.simrec("status", "--json").rows[0]["articles"] == 0


def test_globs_and_sources_are_read_in_order(tmp_path: Path) -> None:
    house = new_house(tmp_path, [])
    for number in (1, 2):
        write_jsonl(
            tmp_path / f"part-{number}.jsonl",
            [{"id": "same", "text": f"From part {number}."}, {"id": f"own{number}", "text": "x"}],
        )
    ran = house.simrec("ingest", tmp_path / "part-*.jsonl", "-v")
    assert (ran.code, "rejected;" in ran.err, "0 rejected" in ran.err) == (0, True, True)
    assert stored(house)["same"]["text"] == "From part 2."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[encoder]\nhiden = 3\n",
            "config.toml, line 2: unknown key 'hiden' in [encoder]; did you mean 'hidden'?",
        ),
        (
            "[rules]\nfair_share = 2\n",
            "line 2: unknown key 'fair_share' in [rules]; it is called 'max_exposure' now",
        ),
        ("[encodr]\n", "line 1: unknown key 'encodr'; did you mean 'encoder'?"),
        (
            "[[sources]]\npath = 'a'\nbdy = 'html'\n",
            "line 3: unknown key 'bdy' in [sources[0]]; did you mean 'body'?",
        ),
        (
            "[encoder]\ncell = 'transformer'\n",
            "line 2: encoder.cell: Invalid enum value 'transformer'",
        ),
        ("[encoder]\nhidden = 'many'\n", "line 2: encoder.hidden: Expected `int`, got `str`"),
        (
            "[ingest]\nmax_reject_share = 5\n",
            "line 2: ingest.max_reject_share: Expected `float` <= 1.0",
        ),
        (
            "[recommend]\nsimilar_articles = 199\n",
            "recommend.similar_articles (199) is more than index.candidates (100)",
        ),
        ("[encoder\n", "config.toml: "),
    ],
)
def test_a_config_typo_is_named_with_its_line(fresh: House, text: str, says: str) -> None:
    (fresh.folder / "config.toml").write_text(text)
    ran = fresh.step("ingest")
    assert (ran.code, says in ran.err, "Traceback" in ran.err) == (3, True, False), ran.err
