"""Records that are written in a format come back equal: SIMREC_LONG=1 tries 2,500 files of each."""

import csv
import io
import json
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pyarrow
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import read_all
from simrec.config import Fields, SourceConfig

FILES = settings(max_examples=2_500 if os.environ.get("SIMREC_LONG") else 60)
Records = list[dict[str, str]]

cells = st.text(
    st.sampled_from('""\',;\t|\\\n\r nt0N=')
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"),
    max_size=12,
).filter(lambda text: text != r"\N")


def records_of(cell: st.SearchStrategy[str]) -> st.SearchStrategy[Records]:
    rows = st.lists(st.fixed_dictionaries({"title": cell, "text": cell}), min_size=1, max_size=8)
    return rows.map(lambda given: [{"id": f"a{n}", **row} for n, row in enumerate(given)])


def read(name: str, content: bytes) -> list[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        rows = list(read_all(open_sources(SourceConfig(path=str(path)), Fields())))
    assert not [row.problem for row in rows if row.problem]
    return [row.record for row in rows]


unicodes = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])


def _has_break(records: Records) -> bool:
    return any(set(value) & {"\r", "\n"} for record in records for value in record.values())


@FILES
@given(
    records_of(cells),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    unicodes,
)
def test_csv(records: Records, delimiter: str, quoting: int, end: str, encoding: str) -> None:
    # Python leaves \r without quotes where lines end in \n, and the other way round.
    assume(quoting != csv.QUOTE_MINIMAL or end == "\r\n" or not _has_break(records))
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerow(["id", "title", "text"])
    writer.writerows([record["id"], record["title"], record["text"]] for record in records)
    assert read("a.csv", out.getvalue().encode(encoding)) == records


@FILES
@given(
    records_of(cells.filter(lambda cell: "\r" not in cell and '""' not in cell)),
    st.sampled_from(["\n", "\r\n"]),
    unicodes,
)
def test_tsv_with_the_escapes_of_mysql(records: Records, end: str, encoding: str) -> None:
    lines = ["id\ttitle\ttext"]
    for record in records:
        escaped = [
            value.replace("\\", r"\\") for value in (record["id"], record["title"], record["text"])
        ]
        lines.append("\t".join(v.replace("\t", r"\t").replace("\n", r"\n") for v in escaped))
    assert read("a.tsv", end.join([*lines, ""]).encode(encoding)) == records


letters = st.text(st.sampled_from("äöüßéèàñç Abcdef,\"'"), min_size=8, max_size=40)


@FILES
@given(records_of(letters), st.booleans(), st.sampled_from(["jsonl", "json"]), unicodes)
def test_json(records: Records, escaped: bool, suffix: str, encoding: str) -> None:
    lines = [json.dumps(record, ensure_ascii=escaped) for record in records]
    text = "\n".join(lines) if suffix == "jsonl" else f"[{', '.join(lines)}]"
    assert read(f"a.{suffix}", text.encode(encoding)) == records


@FILES
@given(records_of(cells), st.booleans(), st.sampled_from(["jsonl", "json"]))
def test_json_of_any_characters(records: Records, escaped: bool, suffix: str) -> None:
    lines = [json.dumps(record, ensure_ascii=escaped) for record in records]
    text = "\n".join(lines) if suffix == "jsonl" else f"[{', '.join(lines)}]"
    assert read(f"a.{suffix}", text.encode()) == records


@FILES
@given(records_of(cells))
def test_parquet(records: Records) -> None:
    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(records), out)
    assert read("a.parquet", out.getvalue()) == records


@FILES
@given(records_of(cells), st.booleans())
def test_sqlite(records: Records, as_bytes: bool) -> None:
    query = "SELECT id, title, text FROM articles ORDER BY rowid"
    with tempfile.TemporaryDirectory() as folder:
        with closing(sqlite3.connect(f"{folder}/a.db")) as db:
            db.execute("CREATE TABLE articles(id, title, text)")
            for record in records:
                texts = [record[name] for name in ("id", "title", "text")]
                values = [text.encode() if as_bytes else text for text in texts]
                db.execute("INSERT INTO articles VALUES (?, ?, ?)", values)
            db.commit()
        source = SourceConfig(url=f"sqlite:///{folder}/a.db", query=query)
        rows = list(read_all(open_sources(source, Fields())))
    assert [(row.record, row.problem) for row in rows] == [(record, "") for record in records]
