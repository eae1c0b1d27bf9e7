"""Workspaces of yesterday, by the format of their release: today's simrec answers from them, or the night mends them.

When this fails, today's change cannot read what users have on their disks. Either mend that, or raise the format that
changed (workspace.FORMAT, release.FORMAT, the store's or the encoder's), refuse the old one with a sentence that says
which command makes it anew, and pack a workspace of the new format beside the others, without encoder.keras:
`tar -cJf tests/golden/release-3.tar.xz articles.jsonl config.toml workspace`.
"""

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from simrec import files
from tests.conftest import House, speeches

SEED = "1790-Washington-1/1"
SIMILAR = [  # as the simrec that packed it said
    ("1934-Roosevelt-1/1", 0.323494), ("1790-Washington-2/4", 0.31781), ("1829-Jackson-1/1", 0.294792),
    ("1869-Grant-1/2", 0.250322), ("1869-Grant-1/42", 0.218002),
]  # fmt: skip
ACCOUNTS = [
    ("George Washington", 0.042769),
    ("James Monroe", 0.023044),
    ("Ulysses S. Grant", 0.010543),
]
HERE = Path(__file__).parent


def unpacked(name: str, folder: Path) -> House:
    with tarfile.open(HERE / f"{name}.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return House(folder)


@pytest.fixture
def golden(tmp_path: Path) -> House:
    return unpacked("release-2", tmp_path)


@pytest.fixture
def older(tmp_path: Path) -> House:
    return unpacked("release-1", tmp_path)


def similar(house: House) -> list[tuple[str, float]]:
    return [
        (row["id"], row["score"]) for row in house.simrec("similar", SEED, "-n", 5, "--json").rows
    ]


def test_it_answers_as_it_did(golden: House) -> None:
    assert similar(golden) == SIMILAR
    rows = golden.simrec("accounts", "Abraham Lincoln", "-n", 3, "--json").rows
    assert [(row["id"], row["score"]) for row in rows] == ACCOUNTS
    assert golden.simrec("show", SEED, "--json").rows[0]["account"] == "George Washington"
    filtered = golden.simrec("similar", SEED, "--since", "1900", "-n", 1, "--json").rows
    assert [(row["id"], row["score"]) for row in filtered] == SIMILAR[:1]
    asked = golden.simrec("similar", "--text", speeches()[0]["text"], "-n", 1, "--json").rows
    assert asked[0]["id"] == SEED


def test_it_is_whole_and_its_state_is_known(golden: House) -> None:
    assert golden.simrec("verify").code == 0
    (facts,) = golden.simrec("status", "--json").rows
    assert (facts["articles"], facts["released_articles"]) == (50, 50)
    assert len(golden.simrec("releases", "--json").rows) == 1
    assert golden.job().code == 0
    assert golden.last_steps()["index"]["state"] == "skipped", (
        "nothing changed, and nothing is made anew"
    )


def test_the_night_goes_on_with_it(golden: House) -> None:
    """Its articles, vectors and graph are still good: only what is new is encoded and looked at."""
    before = golden.current
    golden.write_articles([*golden.articles, {**speeches()[3], "id": "new"}])
    assert golden.job().code == 0
    steps = golden.last_steps()
    assert (steps["ingest"]["rows_out"], steps["embed"]["rows_out"]) == (1, 1)
    assert "1 new rows and 0 gone" in steps["index"]["what"]
    assert len(golden.simrec("similar", "new", "--json").rows) == 10
    assert golden.simrec("rollback").out.strip() == before
    assert similar(golden) == SIMILAR


def test_a_release_of_an_older_format_is_refused_until_the_night_has_made_it_anew(
    older: House,
) -> None:
    """Its articles and vectors are still good; its words, of an older format, are weighed anew."""
    before = older.current
    ran = older.simrec("similar", SEED)
    assert (ran.code, "the nightly job makes it anew" in ran.err) == (5, True)
    ran = older.job()
    assert (
        ran.code,
        older.last_steps()["ingest"]["rows_out"],
        older.last_steps()["embed"]["rows_out"],
    ) == (0, 0, 0)
    assert {one for one, _ in similar(older)} == {
        one for one, _ in SIMILAR
    }  # by other weights of words
    assert older.simrec("verify").code == 0
    ran = older.simrec("rollback")
    assert (ran.code, "a release of format 1, this simrec reads 3" in ran.err) == (5, True)
    assert len(older.simrec("releases", "--json").rows) == 2
    older.configure("[release]\nkeep = 1\n")
    assert older.job("housekeeping").code == 0
    assert not (older.workspace / "releases" / before).exists()


@pytest.mark.parametrize("what", ["workspace", "release", "articles"])
def test_what_a_newer_simrec_made_is_refused(golden: House, what: str) -> None:
    if what == "workspace":
        (golden.workspace / "FORMAT").write_text("simrec workspace 2\n")
    elif what == "release":
        path = golden.workspace / "releases" / golden.current / "manifest.json"
        path.write_text(json.dumps(files.seal({**files.unseal(path.read_bytes()), "format": 4})))
    else:
        with closing(sqlite3.connect(golden.workspace / "articles.db")) as db:
            db.execute("PRAGMA user_version = 2")
    ran = golden.simrec("status")
    assert (ran.code, "newer simrec" in ran.err, "Traceback" in ran.err) == (5, True, False), (
        ran.err
    )
