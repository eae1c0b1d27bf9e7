"""A site with two releases, for all tests of what sites take."""

import shutil
from pathlib import Path

import pytest

from tests.sinks.site import Site, write_posts


@pytest.fixture(scope="session")
def site_of_two(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with two releases, of which the older is current: one post changed, one is gone."""
    site = Site(tmp_path_factory.mktemp("site"))
    write_posts(site.content)
    site.sinks()
    assert site.job().code == 0
    shutil.copytree(site.content, site.folder / "before")
    gone, changed, *_ = sorted(site.content.rglob("*.md"))
    text = changed.read_bytes()
    changed.write_bytes(text.replace(b"title", b"title", 1) + b"\nMuch more of the harbour.\n")
    gone.unlink()
    config = site.folder / "config.toml"
    config.write_text(config.read_text() + "[ingest]\nsync = true\n")
    assert site.job().code == 0
    assert site.simrec("rollback").code == 0
    shutil.move(site.content, site.folder / "after")
    shutil.move(site.folder / "before", site.content)
    return site


@pytest.fixture
def site(site_of_two: Site, tmp_path: Path) -> Site:
    """A copy of the site, to be changed. Its articles came from where it was made."""
    shutil.copytree(site_of_two.folder, tmp_path / "site")
    return Site(tmp_path / "site")
