"""A flipped byte in any file of a workspace is found and named by `simrec verify`.

SIMREC_LONG=1 flips many.
"""

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import House, speeches
from tests.jobs import disturbed
from tests.jobs.disturbed import LONG, flip


@pytest.fixture(scope="module")
def whole(undisturbed: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with everything a workspace can hold; a test that damages it mends it."""
    house = disturbed.copy(undisturbed, tmp_path_factory.mktemp("whole") / "house")
    assert house.simrec("rollback").code == house.simrec("rollback", undisturbed.current).code == 0
    assert house.simrec("verify").code == 0
    return house


def artifacts(house: House) -> list[Path]:
    """All files of the release and the encoder, one shard of vectors and one of words."""
    current = house.workspace / "releases" / house.current
    paths: list[Path] = []
    shard_of_cache: dict[Path, Path] = {}
    for path in sorted(house.workspace.rglob("*")):
        locks = ("LOCK", "articles.db-shm", "articles.db-wal")
        if not path.is_file() or path.name in locks:
            continue
        if "embeddings" in path.parts:
            shard_of_cache[path.parent] = path
        elif path.parent == current or "releases" not in path.parts:
            paths.append(path)
    return [*paths, *shard_of_cache.values()]


def content(path: Path) -> Any:
    """The content of a file, without what `simrec verify` cannot compare.

    That is dates in a zip, free pages and counters of SQLite, and the digits of ids in HELD: another
    id is as good.
    """
    if path.name == "HELD":
        return [len(name) for name in path.read_text().split()]
    if path.suffix == ".npz":
        with np.load(path) as stored:
            return [stored[name].tobytes() for name in stored]
    if path.name == "articles.db":
        with closing(sqlite3.connect(path)) as db:
            texts = db.execute("SELECT * FROM texts").fetchall()
            return texts, db.execute(f"SELECT {ARTICLE} FROM articles").fetchall()
    return path.read_bytes().strip()


NAMES = {
    "FORMAT",
    "CURRENT",
    "HELD",
    "articles.db",
    "journal.jsonl",
    "manifest.json",
    "items.db",
    "card.json",
}
ARTICLE = "id, title, lead, account, published_at, url, lang, category, tags, row_key, text_key"


def test_a_flipped_byte_is_found_and_named(whole: House, tmp_path: Path) -> None:
    paths = artifacts(whole)
    rng = random.Random(5)
    assert {path.name for path in paths} > NAMES
    assert {path.parent.name for path in paths} > {"lexical"}
    for path in paths:
        copy = shutil.copy(path, tmp_path / "copy")
        size = path.stat().st_size
        before = content(path)
        offsets = [size // 2]
        if LONG:
            offsets = [0, size - 1, *rng.choices(range(size), k=30)]
        for offset in offsets:
            flip(path, offset)
            ran = whole.simrec("verify")
            assert "Traceback" not in ran.err, (path, offset, ran.err)
            if (ran.code, str(path) in ran.err) != (5, True):
                assert (ran.code, content(path)) == (0, before), (path, offset, ran.err)
            shutil.copy(copy, path)
    assert whole.simrec("verify").code == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"Lincoln", b"Lincoin"), (b"Union", b"Onion"), (b"Republican", b"republican")],
)
def test_an_article_that_is_not_what_came_in_is_named(
    house: House, before: bytes, after: bytes
) -> None:
    """SQLite has no checksums: the keys of an article know what it was."""
    path = house.workspace / "articles.db"
    content = path.read_bytes()
    assert content.count(before) > 1
    path.write_bytes(content.replace(before, after, 1))
    ran = house.simrec("verify")
    assert (ran.code, f"{path}: " in ran.err) == (5, True), ran.err


@pytest.mark.parametrize("name", ["CURRENT", "FORMAT", "manifest.json"])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\x00", b"../../etc\n", b"0123456789abcdef\n", b"[]", b"{}"]
)
def test_what_every_question_opens_is_checked_by_every_question(
    house: House, name: str, content: bytes
) -> None:
    path = {"manifest.json": house.workspace / "releases" / house.current / name}.get(
        name, house.workspace / name
    )
    path.write_bytes(content)
    ran = house.simrec("similar", "1861-Lincoln-1/13")
    assert (ran.code, ran.out, str(path) in ran.err, "Traceback" in ran.err) == (
        5,
        "",
        True,
        False,
    ), ran.err


def test_a_damaged_pointer_is_mended_by_rollback(house: House) -> None:
    release = house.current
    (house.workspace / "CURRENT").write_bytes(b"\xff" * 17)
    assert house.job().code == 5, "a night has no business guessing"
    assert [row["release"] for row in house.simrec("releases", "--json").rows] == [release]
    assert house.simrec("rollback", release).code == 0
    assert house.simrec("similar", "1861-Lincoln-1/13").code == 0
    assert house.job().code == 0


@pytest.mark.parametrize("where", ["items.db", "articles.db"])
def test_a_damaged_database_is_a_sentence_wherever_it_is_met(house: House, where: str) -> None:
    path = next(house.workspace.rglob(where))
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))
    ran = house.simrec("show", "1861-Lincoln-1/13") if where == "items.db" else house.job()
    assert (ran.code, "Traceback" in ran.err) == (5, False), ran.err
    assert "malformed" in ran.err


@pytest.mark.parametrize("name", ["similar_articles.parquet", "similar_accounts.parquet"])
def test_a_damaged_table_costs_a_night_its_table_of_changes_alone(house: House, name: str) -> None:
    path = house.workspace / "releases" / house.current / name
    flip(path, path.stat().st_size - 6)  # of the footer's length: no reader of Parquet opens it
    house.write_articles([*house.articles, {**speeches()[0], "id": "new"}])
    ran = house.job()
    assert (ran.code, f"{name}: damaged" in ran.err, "Traceback" in ran.err) == (0, True, False)
    names = {path.name for path in (house.workspace / "releases" / house.current).iterdir()}
    assert not {name for name in names if name.startswith("changes")}
    assert house.simrec("similar", "new").code == 0
