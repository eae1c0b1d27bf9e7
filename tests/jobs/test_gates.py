"""A release that a gate refuses stays in staging with the reason; the old one answers, and a new limit lets it pass."""

import sqlite3
from contextlib import closing

from tests.conftest import House, speeches


def test_a_corpus_that_has_lost_most_of_its_articles_is_refused(house: House) -> None:
    old, few = house.current, house.articles[:150]
    limits = "[ingest]\nsync = true\nmax_delete_share = 1.0\n"
    house.configure(limits)
    house.write_articles(few)
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


def test_tables_with_holes_are_refused(house: House) -> None:
    """Coverage is counted in the tables themselves, whoever has left articles out of them."""
    house.write_articles([*house.articles, {**speeches()[0], "id": "new"}])
    holes = (
        "import sqlite3\n"
        "def recommend_with_holes(night):\n"
        "    result = steps.recommend(night)\n"
        "    with sqlite3.connect(night.staged.tables) as db:\n"
        "        db.execute('DELETE FROM similar_articles WHERE article % 5 = 0')\n"
        "    db.close()\n"
        "    return result\n"
        "STEPS = [steps.ingest, steps.embed, steps.index, Step('recommend', recommend_with_holes),"
        " steps.evaluate, steps.publish]"
    )
    ran = house.own_job(holes)
    assert (ran.code, "79.8% of the articles have similar ones" in ran.err) == (7, True), ran.err
