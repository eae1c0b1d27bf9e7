"""Fixtures of the tests of training."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import House, new_house


@pytest.fixture(scope="session")
def house_of_articles(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with articles ingested and no encoder. Do not change it."""
    house = new_house(tmp_path_factory.mktemp("articles"))
    assert house.step("ingest").code == 0
    return house


@pytest.fixture
def ingested(house_of_articles: House, tmp_path: Path) -> House:
    """A copy of the house with articles and no encoder, to be changed."""
    shutil.copytree(house_of_articles.folder, tmp_path / "house")
    return House(tmp_path / "house")
