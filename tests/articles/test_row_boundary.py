"""Whatever a row makes simrec stumble over costs that row, and is named with file and line."""

import sqlite3
from collections.abc import Callable

import pytest

from simrec.articles.mapping import Mapping
from simrec.articles.outcomes import Parsed, Rejected
from simrec.articles.row_outcome import parse_row
from simrec.articles.sources.source import Row
from simrec.config import Fields, IngestConfig
from tests.articles.test_ingest import ingest, stored, write_jsonl
from tests.conftest import House

MAPPING = Mapping(Fields(), "auto", IngestConfig())


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def never_unchanged(article_id: str, source_key: bytes) -> bool:
    return False


class Odd:
    """A value that fails when it is looked at, as one of a driver may."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error


@pytest.mark.parametrize("field", ["title", "text", "account", "published_at", "status"])
@pytest.mark.parametrize("error", [RuntimeError, KeyError, RecursionError, ZeroDivisionError])
def test_an_exception_of_a_row_is_its_reject(field: str, error: type[Exception]) -> None:
    record = {"id": "a", "title": "A title", "text": "Words.", field: Odd(error("so it is"))}
    outcome = parse_row(Row("a.jsonl", 7, record), MAPPING, never_unchanged)
    assert isinstance(outcome, Rejected), outcome
    assert (outcome.file, outcome.line, outcome.id) == ("a.jsonl", 7, "a")
    assert outcome.reason == f"cannot be read ({error.__name__}: {error('so it is')})"


def test_an_error_of_the_store_is_not_blamed_on_a_row() -> None:
    def broken(article_id: str, source_key: bytes) -> bool:
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(sqlite3.OperationalError, match="disk I/O"):
        parse_row(Row("a.jsonl", 7, {"id": "a", "text": "Words."}), MAPPING, broken)
    outcome = parse_row(Row("a.jsonl", 7, {"id": "a", "text": "Words."}), MAPPING, never_unchanged)
    assert isinstance(outcome, Parsed)


def test_records_of_any_depth_are_taken_or_named(fresh: House) -> None:
    """However deep a record is, it is taken or named."""
    depths = range(880, 1_010)
    deep = [f'{{"id": "d{n}", "text": "Words.", "x": {"[" * n}{"]" * n}}}' for n in depths]
    whole = [{"id": f"a{n}", "text": "Words."} for n in range(40)]
    fresh.configure("")
    path = write_jsonl(fresh.folder / "a.jsonl", [*whole[:20], *deep, *whole[20:]])
    (fresh.folder / "config.toml").write_text(
        f"[[sources]]\npath = '{path}'\n[ingest]\nmax_reject_share = 1.0\n"
    )
    ran = fresh.step("ingest")
    assert (ran.code, "Traceback" in ran.err) == (0, False), ran.err
    rejected = fresh.simrec("rejects", "--json").rows
    assert {row["line"] for row in rejected} <= {*range(21, 21 + len(deep))}
    assert len(rejected) + len(stored(fresh)) == 40 + len(deep)
    assert len(stored(fresh)) > 60
    assert ingest(fresh, path, "-c", fresh.folder / "config.toml").code == 0
