"""What a folder of texts is: notes, or the pages of a site that a generator makes of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin

from simrec.articles.sources.front_matter import load_site_config
from simrec.articles.sources.source import Record

CONFIGS = {
    "hugo": ("hugo.toml", "hugo.yaml", "hugo.yml", "config.toml", "config.yaml", "config.yml"),
    "jekyll": ("_config.yml", "_config.yaml", "_config.toml"),
    "eleventy": (
        ".eleventy.js",
        "eleventy.config.js",
        "eleventy.config.mjs",
        "eleventy.config.cjs",
    ),
}
PARENTS = 2  # folders above the one that is named, in which a configuration may lie
CONTENT = "content"  # where Hugo has its pages
DATED_POST = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})-(.+)")
NOTION_ID = re.compile(r"(.*\S)\s+[0-9a-f]{32}")


@dataclass(frozen=True)
class Site:
    """Who made a folder (hugo, jekyll, eleventy, obsidian, notion or ""), and its address.

    `above` are the folders of a site's pages above the one that is read; `by_path` says that a page
    is published under its path.
    """

    generator: str = ""
    base_url: str = ""
    above: tuple[str, ...] = ()
    by_path: bool = False

    def address(self, path: str) -> str:
        """Return the URL of a path of the site, or the path where its address is not known."""
        return urljoin(self.base_url.rstrip("/") + "/", path.lstrip("/")) if self.base_url else path


def find_site(root: Path, files: Iterable[PurePosixPath]) -> Site:
    """Tell a site or a collection of notes by its configuration, or by the names of its files."""
    if root.is_dir():
        for folder in [root, *list(root.absolute().parents)[:PARENTS]]:
            site = _configured(folder, root)
            if site:
                return site
    for file in files:
        if file.name == "_index.md":
            return Site("hugo", above=_above(root), by_path=True)
        if {"_posts", "_drafts"} & set(file.parts):
            return Site("jekyll")
        if NOTION_ID.fullmatch(file.stem):
            return Site("notion")
    return Site()


def _configured(folder: Path, root: Path) -> Site | None:
    if (folder / ".obsidian").is_dir():
        return Site("obsidian")
    for generator, names in CONFIGS.items():
        for name in names:
            values = _values(folder / name)
            base_url = _base_url(values)
            # Other programs have a config.toml too.
            if values is None or (name.startswith("config.") and not base_url):
                continue
            by_path = generator == "hugo" and not {"permalinks", "uglyurls"} & set(values)
            return Site(generator, base_url, _above(root), by_path)
    return None


def _above(root: Path) -> tuple[str, ...]:
    parts = root.absolute().parts
    return parts[parts.index(CONTENT) + 1 :] if CONTENT in parts else ()


def _values(config: Path) -> Record | None:
    """Return what a configuration says, by names in lower case; None where there is no such file.

    {} for one that cannot be read, or is a program.
    """
    if not config.is_file():
        return None
    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    values = load_site_config(text, config.suffix)
    return {str(name).lower(): value for name, value in values.items()}


def _base_url(values: Record | None) -> str:
    """Return the address of a site: of Jekyll, `url` and the path `baseurl`."""
    if not values:
        return ""
    base_url = str(values.get("baseurl") or "")
    if not base_url.startswith("http"):
        base_url = f"{values.get('url') or ''}{base_url}"
    return base_url if base_url.startswith(("http://", "https://")) else ""
