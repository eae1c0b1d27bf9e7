"""Copies and floods: what is listed is what simrec saw first, whatever a source claims."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from simrec.config import Config
from simrec.errors import GateError
from simrec.evaluate import gates
from simrec.evaluate.report_format import SuiteSummary
from simrec.recommend.candidates import NO_GROUP, days_of
from simrec.recommend.dedup import duplicate_groups, with_originals
from simrec.recommend.rules.age import Freshness, RecencyDecay
from tests.conftest import House

COPIES = 150


def test_originals_are_listed_instead_of_copies_that_came_later(house: House) -> None:
    """Exact copies with ids that sort first, dated before the originals, more than candidates."""
    articles = house.articles
    originals = [article for article in articles if len(article["text"]) > 400][:3]
    copies = [
        {**original, "id": f"!{number:03}-{original['id']}", "published_at": "1970-01-01"}
        for number in range(COPIES // 3)
        for original in originals
    ]
    config = house.folder / "config.toml"
    config.write_text(config.read_text().replace("duplicates = false", "duplicates = true"))
    house.write_articles([*copies, *articles])
    ran = house.job()
    assert ran.code == 0, ran.err
    with closing(sqlite3.connect(house.workspace / "releases" / house.current / "items.db")) as db:
        listed = db.execute("SELECT similar FROM similar").fetchall()
        duplicates = dict(db.execute("SELECT article, original FROM duplicates"))
    ids = [row[0] for row in listed]
    assert len(ids) > 1_000
    assert not [id for id in ids if id.startswith("!")]
    assert {original["id"] for original in originals} <= set(ids)
    for original in originals:
        assert duplicates[f"!000-{original['id']}"] == original["id"]


def test_the_original_came_first_then_is_dated_first_then_has_the_first_id() -> None:
    pairs = np.array([[0, 1], [1, 2], [3, 4], [5, 6], [7, 8]])
    published = [
        "1970-01-01",
        "2020-01-01",
        None,
        "9999-01-01",
        None,
        "2020-01-01",
        "2019-01-01",
        None,
        None,
    ]
    seen = [2, 1, 1, 0, 0, 0, 0, 0, 0]
    groups = duplicate_groups(pairs, published, seen, "2026-01-01T00:00:00Z")
    assert groups.tolist() == [1, 1, 1, 3, 3, 6, 6, 7, 7]


def test_a_missing_original_takes_the_place_of_its_first_copy() -> None:
    groups = np.array([0, 0, 0, 3, NO_GROUP, 3, 3])
    rows = np.array([[1, 4, 2, 5, 6], [4, 5, 1, 3, -1], [1, 2, 4, -1, -1]])
    seeds = np.array([4, 4, 0])
    expected = [[0, 4, 2, 3, 6], [4, 5, 0, 3, -1], [1, 2, 4, -1, -1]]
    assert with_originals(rows, seeds, groups).tolist() == expected


def test_what_is_dated_in_the_future_is_of_unknown_age() -> None:
    published = ["9999-12-31", "2026-01-01", "2025-12-30", "2025-12-20", None]
    decay = RecencyDecay.of(published, "2026-01-02")
    ages = decay.ages(days_of(published))
    assert ages.tolist() == [2.0, 0.0, 2.0, 12.0, 2.0]
    weights = Freshness(2.0, decay).weights(days_of(published))
    assert weights[0] == pytest.approx(0.5)


def test_a_figure_falls_where_chance_does_not_explain_it() -> None:
    def figure(value: float, half: float) -> gates.Candidate:
        suite = SuiteSummary(
            suite="titles",
            measure="MRR",
            queries=60,
            candidates=600,
            values={"simrec": value},
            intervals={"simrec": (value - half, value + half)},
            ahead_of={},
        )
        return gates.Candidate(1.0, [suite], 600)

    gates.check(figure(0.71, 0.09), figure(0.8, 0.09), Config())
    with pytest.raises(GateError, match=r"fell from 0.800 to 0.610, .* and the 0.127 of chance"):
        gates.check(figure(0.61, 0.09), figure(0.8, 0.09), Config())
    with pytest.raises(GateError, match=r"fell from 0.800 to 0.710"):
        gates.check(figure(0.71, 0.01), figure(0.8, 0.01), Config())
