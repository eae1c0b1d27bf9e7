"""A user sees what came in: articles, find and rejects by reason, on any terminal, into any pipe."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import House

ROWS = [
    {
        "id": "a/1",
        "title": "Tides & harbours",
        "text": "<p>High water.</p><p>Low water.</p>",
        "account": "Ada",
        "published_at": "2024-05-31",
        "url": "https://x.example/tides?a=1&b=2",
        "lang": "en-GB",
        "category": "Sea",
        "tags": ["ships", "sea level"],
    },
    {"id": "b/2", "text": "Bread of the Baker is fresh."},
    {"id": "b/3", "title": "潮汐", "text": "Words.", "published_at": "yesterday"},
    {"id": "b/4", "text": "Words.", "published_at": "tomorrow"},
]


@pytest.fixture
def house(empty_house: Callable[..., House]) -> House:
    house = empty_house([])
    house.write_articles(ROWS)
    assert house.step("ingest").code == 0
    return house


def test_articles_are_printed_as_taken_in(house: House) -> None:
    (article,) = house.simrec("articles", "a/1", "--json").rows
    assert article == {**ROWS[0], "image": None, "text": "High water.\n\nLow water."}
    out = house.simrec("articles", "a/1").out
    assert "url           https://x.example/tides?a=1&b=2\n" in out
    assert "tags          ships, sea level\n" in out
    assert out.endswith("High water.\n\nLow water.\n")
    ids = [row["id"] for row in house.simrec("articles", "--json", "-n", 2).rows]
    assert ids == ["a/1", "b/2"]
    assert len(house.simrec("articles", "--sample", "-n", 3, "--json").rows) == 3
    unknown = house.simrec("articles", "c")
    assert (unknown.code, "no article 'c'" in unknown.err) == (4, True)


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["HARBOURS", "tides"], ["a/1"]),
        (["x.example/tides?a=1"], ["a/1"]),
        (["b/"], ["b/2", "b/3", "b/4"]),
        (["baker"], ["b/2"]),
        (["潮"], ["b/3"]),
        (["nothing"], []),
    ],
)
def test_find_by_title_url_or_id(house: House, words: list[str], ids: list[str]) -> None:
    assert [row["id"] for row in house.simrec("find", *words, "--json").rows] == ids


def test_rejects_are_counted_by_reason(house: House) -> None:
    (reason,) = house.simrec("rejects", "--by-reason", "--json").rows
    assert (reason["count"], reason["reason"]) == (2, "kept without published_at: … is not a date")
    assert "'yesterday'" in reason["example"]
    (status,) = house.simrec("status", "--json").rows
    assert status["rejects_by_reason"] == "2 kept without published_at: … is not a date"


def test_a_terminal_that_is_no_utf8_is_no_error(house: House) -> None:
    plain = run(house, "articles b/3", encoding="latin-1")
    assert plain.returncode == 0
    assert b"\\u6f6e\\u6c50" in plain.stdout
    found = run(house, "articles b/3 --json", encoding="ascii")
    assert json.loads(found.stdout)["title"] == "潮汐"


def test_a_pipe_that_has_seen_enough_is_no_error(house: House) -> None:
    command = f"{sys.executable} -m simrec articles -w {house.workspace} | head -1"
    for _ in range(5):
        ran = subprocess.run(
            ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, check=False
        )
        assert (ran.returncode, ran.stderr) == (0, b"")


def run(house: House, arguments: str, encoding: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "simrec", *arguments.split(), "-w", str(house.workspace)]
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(command, capture_output=True, check=False, env=env)
