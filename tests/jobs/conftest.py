"""A night with much to do, and what it ends in when nobody disturbs it."""

import pytest

from tests.conftest import House
from tests.jobs import disturbed


@pytest.fixture(scope="session")
def tonight(published: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with a release, and much to do. Do not change it."""
    house = disturbed.copy(published, tmp_path_factory.mktemp("tonight") / "house")
    disturbed.busy_night(house)
    return house


@pytest.fixture(scope="session")
def undisturbed(tonight: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The same house after a night without disturbance. Do not change it."""
    house = disturbed.copy(tonight, tmp_path_factory.mktemp("undisturbed") / "house")
    ran = house.job()
    assert ran.code == 0, ran.err
    assert all(step["state"] == "done" for step in house.journal()[-1]["steps"])
    return house
