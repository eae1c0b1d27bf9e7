"""The site that the tests of the server share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import House
from tests.serve.site import Server, build_site, served


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A released workspace. Do not change it."""
    return build_site(tmp_path_factory.mktemp("site") / "house")


@pytest.fixture(scope="session")
def server(site: House) -> Iterator[Server]:
    """A server of the site, with defaults."""
    with served(site, "--log-format", "json") as running:
        yield running


@pytest.fixture
def site_copy(site: House, tmp_path: Path) -> House:
    """A copy of the site, to be changed."""
    shutil.copytree(site.folder, tmp_path / "house")
    return House(tmp_path / "house")
