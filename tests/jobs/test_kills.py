"""SIGKILL at any moment of a night: nothing is lost, readers see whole releases, the end is the same.

SIMREC_LONG=1 kills 200 times at random, and at every change of the disk.
"""

import random
from pathlib import Path

from tests.conftest import House
from tests.jobs import disturbed
from tests.jobs.disturbed import LONG, expect_the_same

KILLS = 200 if LONG else 8
SEED = "1861-Lincoln-1/13"


def test_killed_at_random_moments(tonight: House, undisturbed: House, tmp_path: Path) -> None:
    """Each house is killed at random moments until a night of it ends; then comes the next."""
    chance, kills, houses = random.Random(7), 0, 0
    whole, wanted = (
        undisturbed.journal()[-1]["seconds"] + 0.5,
        {tonight.current, undisturbed.current},
    )
    before, after = disturbed.stored_ids(tonight), disturbed.stored_ids(undisturbed)
    while kills < KILLS:
        houses += 1
        house = disturbed.copy(tonight, tmp_path / f"{houses}")
        with disturbed.reader(house, SEED, wanted):
            while disturbed.killed(house, chance.uniform(0.05, whole)):
                kills += 1
                assert disturbed.stored_ids(house) in (before, after), (
                    "articles come in all or none"
                )
                assert disturbed.released_ids(house) == (
                    before if house.current == tonight.current else after
                )
        assert house.job().code == 0
        expect_the_same(house, undisturbed)
    print(f"{kills} kills in {houses} nights")


def test_killed_at_a_change_of_the_disk(tonight: House, undisturbed: House, tmp_path: Path) -> None:
    """Each kill is just before a file or folder is made, renamed or removed."""
    total = disturbed.changes(disturbed.copy(tonight, tmp_path / "counted"), disturbed.killed_at)
    assert total > 30, "the night has to change something"
    for n in range(1, total + 1) if LONG else random.Random(3).sample(range(1, total + 1), 3):
        house = disturbed.copy(tonight, tmp_path / str(n))
        assert house.job(before=disturbed.killed_at(house, n)).code == -9, n
        assert house.current in (tonight.current, undisturbed.current)
        assert house.simrec("verify").code == 0, n
        assert house.job().code == 0, n
        expect_the_same(house, undisturbed)
    print(f"killed at {total if LONG else 3} of {total} changes")
