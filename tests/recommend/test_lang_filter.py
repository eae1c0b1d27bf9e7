"""A language is found in every region and in any spelling; a region is found alone."""

import sqlite3
from contextlib import closing

import pytest

from simrec.recommend.query import Filters

LANGS = ["en", "en-GB", "EN_us", "eng", "zh-Hans-CN", "zh_TW", "de", None]


@pytest.mark.parametrize(
    ("lang", "found"),
    [
        ("en", ["en", "en-GB", "EN_us"]),
        ("EN", ["en", "en-GB", "EN_us"]),
        ("en-gb", ["en-GB"]),
        ("en_US", ["EN_us"]),
        ("zh", ["zh-Hans-CN", "zh_TW"]),
        ("zh-hans", ["zh-Hans-CN"]),
        ("%", []),
        ("fr", []),
    ],
)
def test_a_language_is_found_in_every_region(lang: str, found: list[str]) -> None:
    condition, values = Filters(lang=lang).where()
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE articles (lang TEXT)")
        database.executemany("INSERT INTO articles VALUES (?)", [(each,) for each in LANGS])
        rows = database.execute(f"SELECT lang FROM articles WHERE {condition}", values)
        assert [row[0] for row in rows] == found
