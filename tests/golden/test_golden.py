"""A workspace of every release format: today's simrec answers from it, or a night makes it anew.

When this fails, today's change cannot read what users have on their disks. Either mend that, or
raise the format that changed (workspace.FORMAT, manifest.FORMAT, the store's or the encoder's),
refuse the old one with a sentence that says which command makes it anew, and pack a workspace of the
new format beside the others: `python -m tests.golden.pack`.
"""

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from simrec import files
from simrec.manifest import FORMAT
from tests.conftest import House, speeches

SEED = "1790-Washington-1/1"
SIMILAR = [  # the answers of the simrec that packed format 4, and of older ones made anew
    ("1934-Roosevelt-1/1", 0.338369),
    ("1790-Washington-2/4", 0.33276),
    ("1829-Jackson-1/1", 0.315482),
    ("1869-Grant-1/2", 0.262848),
    ("1869-Grant-1/42", 0.229262),
]
ACCOUNTS = [
    ("George Washington", 0.048378),
    ("James Monroe", 0.027284),
    ("Ulysses S. Grant", 0.016346),
]
HERE = Path(__file__).parent


def unpack(release_format: int, folder: Path) -> House:
    with tarfile.open(HERE / f"release-{release_format}.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return House(folder)


@pytest.fixture
def golden(tmp_path: Path) -> House:
    return unpack(FORMAT, tmp_path)


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


def test_its_report_can_be_read(golden: House, tmp_path: Path) -> None:
    ran = golden.simrec("report", "--html", tmp_path / "page.html")
    assert (ran.code, "50 articles" in (tmp_path / "page.html").read_text()) == (0, True), ran.err
    assert [row["suite"] for row in golden.step("evaluate", "--json").rows][0] == "split-half"


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


@pytest.mark.parametrize("older_format", range(1, FORMAT))
def test_a_release_of_an_older_format_is_refused_until_the_night_has_made_it_anew(
    tmp_path: Path, older_format: int
) -> None:
    """Its articles and vectors are still good; its words are weighted anew."""
    older = unpack(older_format, tmp_path)
    before = older.current
    ran = older.simrec("similar", SEED)
    assert (ran.code, "the nightly job makes it anew" in ran.err) == (5, True)
    ran = older.job()
    steps = older.last_steps()
    assert (ran.code, steps["ingest"]["rows_out"], steps["embed"]["rows_out"]) == (0, 0, 0)
    assert similar(older) == SIMILAR
    assert older.simrec("verify").code == 0
    ran = older.simrec("rollback")
    refused = f"a release of format {older_format}, this simrec reads {FORMAT}"
    assert (ran.code, refused in ran.err) == (5, True)
    assert len(older.simrec("releases", "--json").rows) == 2
    compared = older.simrec("report", "--compare", before, older.current, "--json").rows
    assert compared[0] == {"fact": "articles", "before": 50, "after": 50, "change": 0}
    older.configure("[release]\nkeep = 1\n")
    assert older.job("housekeeping").code == 0
    assert not (older.workspace / "releases" / before).exists()


@pytest.mark.parametrize("what", ["workspace", "release", "articles"])
def test_what_a_newer_simrec_made_is_refused(golden: House, what: str) -> None:
    if what == "workspace":
        (golden.workspace / "FORMAT").write_text("simrec workspace 2\n")
    elif what == "release":
        path = golden.workspace / "releases" / golden.current / "manifest.json"
        path.write_text(
            json.dumps(files.seal({**files.unseal(path.read_bytes()), "format": FORMAT + 1}))
        )
    else:
        with closing(sqlite3.connect(golden.workspace / "articles.db")) as db:
            db.execute("PRAGMA user_version = 2")
    ran = golden.simrec("status")
    assert (ran.code, "newer simrec" in ran.err, "Traceback" in ran.err) == (5, True, False), (
        ran.err
    )
