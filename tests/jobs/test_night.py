"""What the steps of a night share is looked up once."""

import json

import pytest

from tests.conftest import House, Ran, speeches

COUNTING = """
import atexit, collections, json, logging, sys
counts = collections.Counter()
def count(event, arguments):
    path = str(arguments[0]) if arguments else ""
    if event == "sqlite3.connect" and "articles.db" in path and "mode=ro" not in path:
        counts["store"] += 1
    is_card = "encoders" in path and path.endswith("card.json")
    if event == "open" and is_card and arguments[1] == "r":
        counts["encoder card"] += 1
class Derivations(logging.Handler):
    def emit(self, record):
        counts["release id"] += "is derived" in record.getMessage()
sys.addaudithook(count)
night = logging.getLogger("simrec.steps.night")
night.setLevel(logging.DEBUG)
night.addHandler(Derivations())
night.propagate = False
atexit.register(lambda: print(json.dumps(counts)))
"""


def expect_few(ran: Ran) -> None:
    """The card of the one encoder is read to find it, for what it says, and for the report."""
    assert ran.code == 0, ran.err
    counts = json.loads(ran.out)
    assert counts["release id"] == 1
    assert counts["encoder card"] <= 3
    assert counts["store"] <= 3


@pytest.mark.parametrize("changed", [True, False], ids=["changed", "unchanged"])
def test_a_night_looks_once(house: House, changed: bool) -> None:
    house.configure('[monitor]\nprometheus = "simrec.prom"\n')
    if changed:
        house.write_articles([*house.articles, {**speeches()[3], "id": "new", "text": "Anew."}])
    expect_few(house.job(before=COUNTING))


def test_a_first_night_looks_again_after_the_encoder_has_come(empty_house) -> None:
    expect_few(empty_house().job(before=COUNTING))


CHANGING = """
import pathlib
def add_an_article(night):
    path = pathlib.Path({path!r})
    first = path.read_text().splitlines()[0]
    path.write_text(path.read_text() + first.replace('"id": "', '"id": "x'))
    return steps.ingest(night)
night_of = [steps.embed, steps.index, steps.recommend, steps.evaluate, steps.publish]
STEPS = [steps.ingest, *night_of, Step("ingest", add_an_article), *night_of]
"""


def test_what_a_step_changes_is_looked_up_anew(house: House) -> None:
    before = house.current
    ran = house.own_job(CHANGING.format(path=str(house.folder / "articles.jsonl")))
    assert ran.code == 0, ran.err
    assert house.current != before
    assert house.simrec("show", f"x{speeches()[0]['id']}").code == 0
