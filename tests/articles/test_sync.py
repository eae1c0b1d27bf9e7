"""What sync must not delete: what was rejected, cut or not to be seen tonight."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.articles.test_ingest import stored, write_jsonl
from tests.conftest import ROOT, House, Ran, environment

ROWS = [{"id": f"a{n}", "text": f"Words, {n} of them."} for n in range(40)]
SYNC = "[ingest]\nsync = true\n"


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([{"id": f"own{n}", "text": f"Own words {n}."} for n in range(20)])


def synced(house: House, sources: str, more: str = "") -> Ran:
    (house.folder / "config.toml").write_text(f"{sources}{SYNC}{more}")
    return house.step("ingest")


FILE = "[[sources]]\npath = 'a.jsonl'\n[[sources]]\npath = 'articles.jsonl'\n"


def test_an_article_whose_row_was_rejected_stays(fresh: House) -> None:
    path = write_jsonl(fresh.folder / "a.jsonl", ROWS)
    assert synced(fresh, FILE).code == 0
    rejected = {"id": "a3", "title": "t" * 5_000, "text": "Other words."}
    write_jsonl(path, [*ROWS[:3], rejected, *ROWS[5:]])
    ran = synced(fresh, FILE)
    assert (ran.code, "title of 5,000 characters" in ran.err) == (0, True), ran.err
    assert stored(fresh)["a3"]["text"] == "Words, 3 of them."
    assert "a4" not in stored(fresh)
    assert len(stored(fresh)) == 59


def test_a_row_without_an_id_keeps_all_articles_of_its_file_and_says_so(fresh: House) -> None:
    path = write_jsonl(fresh.folder / "a.jsonl", ROWS)
    assert synced(fresh, FILE).code == 0
    write_jsonl(path, [*ROWS[:3], '{"id": "a3", "te', *ROWS[5:]])
    write_jsonl(
        fresh.folder / "articles.jsonl",
        [{"id": f"own{n}", "text": f"Own words {n}."} for n in range(19)],
    )
    ran = synced(fresh, FILE)
    assert ran.code == 0, ran.err
    assert stored(fresh).keys() == {row["id"] for row in ROWS} | {f"own{n}" for n in range(19)}
    assert "1 deleted, 1 rejected, 2 not deleted since their source was not read whole" in ran.err
    says = "a.jsonl, line 4: note: the id of this row cannot be read, so that sync deletes no"
    assert says in ran.err
    (fresh.folder / "articles.jsonl").touch()
    write_jsonl(fresh.folder / "articles.jsonl", [{"id": "own0", "text": "Own words 0, changed."}])
    ran = synced(fresh, FILE, "max_delete_share = 0.5\n")
    assert ("line 4" in ran.err, "18 deleted, 1 rejected" in ran.err) == (False, True), ran.err
    assert stored(fresh).keys() == {row["id"] for row in ROWS} | {"own0"}


def test_a_rejected_page_of_a_folder_keeps_its_own_article_alone(fresh: House) -> None:
    folder = fresh.folder / "pages"
    folder.mkdir()
    for name in ("bad", "gone", "good"):
        (folder / f"{name}.md").write_text(f"---\nid: {name}\n---\nWords of {name}.")
    sources = "[[sources]]\npath = 'pages'\n[[sources]]\npath = 'articles.jsonl'\n"
    assert synced(fresh, sources).code == 0
    (folder / "bad.md").write_bytes(b"---\nid: bad\n---\ncaf\xe9 \xff\x00")
    (folder / "bad.md").unlink()
    (folder / "bad.md").symlink_to("nowhere")
    (folder / "gone.md").unlink()
    ran = synced(fresh, sources)
    assert (ran.code, "a link to a file that is not there" in ran.err) == (0, True), ran.err
    assert {"bad", "good", "gone"} & stored(fresh).keys() == {"bad", "good"}


def test_a_rejected_row_of_a_query_keeps_its_article(fresh: House) -> None:
    with closing(sqlite3.connect(fresh.folder / "news.db")) as db, db:
        db.execute("CREATE TABLE news (id, text, at)")
        db.executemany(
            "INSERT INTO news VALUES (?, ?, 1)", [(row["id"], row["text"]) for row in ROWS]
        )
    query = "url = 'sqlite:///news.db'\nquery = 'SELECT * FROM news'\n"
    sources = f"[[sources]]\n{query}[[sources]]\npath = 'articles.jsonl'\n"
    assert synced(fresh, sources).code == 0
    with closing(sqlite3.connect(fresh.folder / "news.db")) as db, db:
        db.execute("UPDATE news SET text = CAST(x'ff' AS TEXT) WHERE id = 'a3'")
        db.execute("DELETE FROM news WHERE id = 'a4'")
    ran = synced(fresh, sources)
    assert (ran.code, "id 'a3': " in ran.err) == (0, True), ran.err
    assert stored(fresh).keys() == {row["id"] for row in ROWS} - {"a4"} | {
        f"own{n}" for n in range(20)
    }


def test_before_origins_are_known_nothing_is_deleted_while_something_is_hidden(
    fresh: House,
) -> None:
    path = write_jsonl(fresh.folder / "a.jsonl", ROWS)
    assert synced(fresh, FILE).code == 0
    with closing(sqlite3.connect(fresh.workspace / "articles.db")) as db, db:
        db.execute("DROP TABLE origins")  # as the store of an earlier simrec
    write_jsonl(path, [*ROWS[:39], "{oops"])
    write_jsonl(fresh.folder / "articles.jsonl", [{"id": "own0", "text": "Own words 0."}])
    assert synced(fresh, FILE).code == 0
    assert len(stored(fresh)) == 60
    write_jsonl(path, ROWS[:39])
    assert synced(fresh, FILE, "max_delete_share = 0.5\n").code == 0
    assert len(stored(fresh)) == 40


def test_a_folder_below_that_may_not_be_read_deletes_nothing(fresh: House) -> None:
    """Root may read everything, so that the command runs as nobody."""
    below = fresh.folder / "pages" / "below"
    below.mkdir(parents=True)
    (below / "inner.md").write_text("Words of an inner page.")
    (fresh.folder / "pages" / "outer.md").write_text("Words of an outer page.")
    sources = "[[sources]]\npath = 'pages'\n[[sources]]\npath = 'articles.jsonl'\n"
    assert synced(fresh, sources).code == 0
    below.chmod(0)
    try:
        ran = as_nobody(fresh)
    finally:
        below.chmod(0o755)
    assert ran.code == 3, ran.err
    assert f"{below}: cannot be read (Permission denied)" in ran.err
    assert stored(fresh).keys() >= {"below/inner.md", "outer.md"}


def as_nobody(house: House) -> Ran:
    command: list[str] = [sys.executable, "-m", "simrec", "ingest"]
    command += ["-c", str(house.folder / "config.toml"), "-w", str(house.workspace)]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may read everything")
        bounded = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
        command = [*bounded, *command]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, cwd=ROOT)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_cut_file_keeps_what_was_cut_off(fresh: House) -> None:
    path = fresh.folder / "a.json"
    path.write_text(json.dumps(ROWS))
    sources = FILE.replace("a.jsonl", "a.json")
    assert synced(fresh, sources).code == 0
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    write_jsonl(
        Path(fresh.folder / "articles.jsonl"),
        [{"id": f"own{n}", "text": f"Own words {n}."} for n in range(15)],
    )
    ran = synced(fresh, sources)
    assert (ran.code, "0 new, 0 changed" in ran.err) == (7, True), ran.err
    assert stored(fresh).keys() == {row["id"] for row in ROWS} | {f"own{n}" for n in range(15)}
