"""A workspace of yesterday, packed when FORMAT was 1: today's simrec answers from it, checks it and goes on with it.

When this fails, today's change cannot read what users have on their disks. Either mend that, or raise the format that
changed (workspace.FORMAT, release.FORMAT, the store's or the encoder's), refuse the old one with a sentence that says
which command makes it anew, and pack a workspace of the new format beside this one:
`tar -cJf tests/golden/workspace-2.tar.xz articles.jsonl config.toml workspace`, without encoder.keras.
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
    ("1934-Roosevelt-1/1", 0.323518), ("1790-Washington-2/4", 0.317788), ("1829-Jackson-1/1", 0.294762),
    ("1869-Grant-1/2", 0.250341), ("1869-Grant-1/42", 0.218011),
]  # fmt: skip
ACCOUNTS = [("George Washington", 0.04266), ("James Monroe", 0.022921), ("Ulysses S. Grant", 0.010489)]


@pytest.fixture
def golden(tmp_path: Path) -> House:
    with tarfile.open(Path(__file__).parent / "workspace-1.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    return House(tmp_path)


def test_it_answers_as_it_did(golden: House) -> None:
    rows = golden.simrec("similar", SEED, "-n", 5, "--json").rows
    assert [(row["id"], row["score"]) for row in rows] == SIMILAR
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
    assert (facts["articles"], facts["released_articles"], facts["release"]) == (50, 50, "3a49067c67751607")
    assert facts["last_run"].startswith("retrain at ")
    assert len(golden.simrec("releases", "--json").rows) == 1


def test_the_night_goes_on_with_it(golden: House) -> None:
    """Its articles and vectors are still good: only what is new is encoded."""
    golden.write_articles([*golden.articles, {**speeches()[3], "id": "new"}])
    ran = golden.job()
    assert ran.code == 0, ran.err
    steps = golden.last_steps()
    assert (steps["ingest"]["rows_out"], steps["embed"]["rows_out"]) == (1, 1)
    assert len(golden.simrec("similar", "new", "--json").rows) == 10
    assert golden.simrec("rollback").out.strip() == "3a49067c67751607"
    assert [row["id"] for row in golden.simrec("similar", SEED, "-n", 5, "--json").rows] == [i for i, _ in SIMILAR]


def test_a_release_of_an_older_format_is_made_anew_by_the_night(golden: House) -> None:
    path = golden.workspace / "releases" / golden.current / "manifest.json"
    path.write_text(json.dumps(files.seal({**files.unseal(path.read_bytes()), "format": 0})))
    ran = golden.simrec("similar", SEED)
    assert (ran.code, "the nightly job makes it anew" in ran.err) == (5, True)
    assert golden.job().code == 0
    assert [row["id"] for row in golden.simrec("similar", SEED, "-n", 5, "--json").rows] == [i for i, _ in SIMILAR]


@pytest.mark.parametrize("what", ["workspace", "release", "articles"])
def test_what_a_newer_simrec_made_is_refused(golden: House, what: str) -> None:
    if what == "workspace":
        (golden.workspace / "FORMAT").write_text("simrec workspace 2\n")
    elif what == "release":
        path = golden.workspace / "releases" / golden.current / "manifest.json"
        path.write_text(json.dumps(files.seal({**files.unseal(path.read_bytes()), "format": 2})))
    else:
        with closing(sqlite3.connect(golden.workspace / "articles.db")) as db:
            db.execute("PRAGMA user_version = 2")
    ran = golden.simrec("status")
    assert (ran.code, "Traceback" in ran.err) == (5, False), ran.err
    assert "newer simrec" in ran.err
