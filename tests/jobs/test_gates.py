"""A refused release stays in staging with the reason, and a new limit lets it pass."""

import json
import math
import sqlite3
from contextlib import closing

from tests.conftest import House, speeches


def test_a_corpus_that_lost_most_of_its_articles_is_refused(house: House) -> None:
    old = house.current
    limits = "[ingest]\nsync = true\nmax_delete_share = 1.0\n"
    house.configure(limits)
    house.write_articles(house.articles[:150])
    reason = "150 articles are left of 400, release.max_shrink is 50%"
    for _ in range(2):  # the next night says the same
        ran = house.job()
        assert (ran.code, reason in ran.err, house.current) == (7, True, old)
    (refusal,) = (house.workspace / "staging").glob("*/refused.txt")
    assert reason in refusal.read_text()
    house.configure(f"{limits}[release]\nmax_shrink = 0.7\n")
    assert house.job().code == 0
    released = house.workspace / "releases" / house.current
    assert house.current != old
    assert not (released / "refused.txt").exists()
    with closing(sqlite3.connect(released / "items.db")) as db:
        assert db.execute("SELECT count(*) FROM articles").fetchone() == (150,)


def test_tables_without_enough_lists_are_refused(house: House) -> None:
    """Coverage is counted in the tables themselves, whatever removed the lists."""
    house.write_articles([*house.articles, {**speeches()[0], "id": "new"}])
    for step in ("ingest", "embed", "index", "recommend"):
        assert house.step(step).code == 0
    (tables,) = (house.workspace / "staging").glob("*/items.db")
    with closing(sqlite3.connect(tables)) as db, db:
        db.execute("DELETE FROM similar_articles WHERE article % 5 = 0")
    assert house.step("evaluate").code == 0
    ran = house.step("publish")
    assert (ran.code, "79.8% of the articles have similar ones" in ran.err) == (7, True), ran.err


def test_a_figure_that_is_not_a_number_is_refused(house: House) -> None:
    house.write_articles([*house.articles, {**speeches()[0], "id": "new"}])
    for step in ("ingest", "embed", "index", "recommend", "evaluate"):
        assert house.step(step).code == 0
    (path,) = (house.workspace / "staging").glob("*/report.json")
    report = json.loads(path.read_text())
    report["suites"][0]["values"]["TF-IDF"] = math.nan
    path.write_text(json.dumps(report))
    ran = house.step("publish")
    assert (ran.code, "split-half MRR of TF-IDF is nan" in ran.err) == (7, True), ran.err


def test_a_damaged_report_is_named(house: House) -> None:
    house.write_articles([*house.articles, {**speeches()[0], "id": "new"}])
    for step in ("ingest", "embed", "index", "recommend", "evaluate"):
        assert house.step(step).code == 0
    (path,) = (house.workspace / "staging").glob("*/report.json")
    for damaged in ("{", '{"format": 3}', '{"suites": 1}'):
        path.write_text(damaged)
        ran = house.step("publish")
        assert (ran.code, f"{path}: not readable" in ran.err) == (5, True), ran.err
        assert "Traceback" not in ran.err
