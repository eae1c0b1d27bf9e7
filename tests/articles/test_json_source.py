"""JSON documents, JSONL in other encodings, and pipes."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import Row, read_all
from simrec.config import Fields, SourceConfig
from simrec.errors import UsageError
from tests.articles.test_ingest import ingest, stored
from tests.conftest import House

RECORDS = [{"id": n, "text": f'Größe "{n}" 潮\n'} for n in range(1, 4)]


def read(path: Path, content: str | bytes, **options: Any) -> list[Row]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_all(open_sources(SourceConfig(path=str(path), **options), Fields())))


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "document",
    [
        RECORDS,
        {"articles": RECORDS},
        {"data": {"items": RECORDS, "count": 3, "links": []}},
        {"authors": [{"name": "Ada"}], "posts": RECORDS},
    ],
)
def test_a_list_of_records_is_found(tmp_path: Path, document: Any, indent: int | None) -> None:
    rows = read(tmp_path / "a.json", json.dumps(document, indent=indent))
    assert [row.record for row in rows] == RECORDS
    assert [row.line for row in rows] == [1, 2, 3]


def test_one_object_is_one_record_and_lines_are_jsonl(tmp_path: Path) -> None:
    record = {"id": "a", "text": "b", "tags": [{"name": "sea"}]}
    assert [row.record for row in read(tmp_path / "a.json", json.dumps(record, indent=1))] == [
        record
    ]
    lines = "".join(json.dumps(record) + "\n" for record in RECORDS)
    assert [row.record for row in read(tmp_path / "a.json", lines)] == RECORDS


def test_several_lists_are_named(tmp_path: Path) -> None:
    (row,) = read(tmp_path / "a.json", json.dumps({"a": RECORDS, "b": RECORDS}))
    assert row.end
    assert "lists of objects under 'a', 'b'" in row.problem


def test_records_before_a_cut_are_kept(tmp_path: Path) -> None:
    *rows, last = read(tmp_path / "a.json", json.dumps(RECORDS, indent=1)[:-30])
    assert [row.record for row in rows] == RECORDS[:2]
    assert last.end
    assert "the 2 records before it stay" in last.problem


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("utf-16", "潮水"), ("cp1252", "Die Fähre fährt täglich über den Fluß"), ("utf-32", "潮")],
)
def test_jsonl_of_other_encodings(tmp_path: Path, encoding: str, text: str) -> None:
    records = [{"id": "a", "text": "plain"}, {"id": "b", "text": text}]
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path = tmp_path / "a.jsonl"
    assert [row.record for row in read(path, lines.encode(encoding))] == records
    assert [row.record for row in read(path, lines.encode(encoding), encoding=encoding)] == records


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    for pattern in ("a.jsonl", "*.jsonl"):
        with pytest.raises(UsageError, match=r"a.jsonl: a pipe or a device, which can be read"):
            open_sources(SourceConfig(path=str(tmp_path / pattern)), Fields())


def test_a_json_document_is_ingested(empty_house: Callable[..., House]) -> None:
    house = empty_house([])
    path = house.folder / "a.json"
    path.write_text(json.dumps({"articles": RECORDS}))
    assert ingest(house, path).code == 0
    assert stored(house).keys() == {"1", "2", "3"}
