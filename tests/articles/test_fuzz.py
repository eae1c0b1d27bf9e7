"""Whatever a file holds, ingest ends in a sentence and no stack trace, and keeps every valid row.

Five tests of 60 files each; SIMREC_LONG=1 reads 12,500 in all.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from simrec.articles.ingest import ingest
from simrec.articles.store import Store
from simrec.config import Config, Fields, IngestConfig, SourceConfig
from simrec.errors import SimrecError

FILES = settings(max_examples=2_500 if os.environ.get("SIMREC_LONG") else 60)
FIELDS = [field for field in Fields.__struct_fields__ if field != "id"]

text = st.text(max_size=30)
valid = st.fixed_dictionaries({
    "text": st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=40),
    "published_at": st.dates().map(str),
    "account": st.sampled_from(["Ada", "号", ""]),
})  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text
    | st.just("<p>")
    | st.just("9" * 5_000)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=8
)
odd_rows = st.dictionaries(st.sampled_from([*FIELDS, "id"]) | text, values, max_size=6)
odd_lines = st.one_of(
    st.binary(max_size=60),
    values.map(lambda value: json.dumps(value).encode()),
    odd_rows.map(lambda row: json.dumps(row).encode()),
    odd_rows.map(lambda row: json.dumps(row).encode()[:-3]),
    st.sampled_from(
        [
            b"[" * 100_000,
            b'{"id": "\\ud800", "text": "x"}',
            b"\xef\xbb\xbf{}",
            b"\x00",
            b'{"id": 1e999}',
        ]
    ),
)


def read(name: str, content: bytes) -> dict[str, str]:
    """Ingest a file of that name and content; return the texts that are stored by id."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        config = Config(
            sources=(SourceConfig(path=str(path)),), ingest=IngestConfig(max_reject_share=1.0)
        )
        with Store.open(Path(folder) / "articles.db", create=True) as store:
            try:
                ingest(store, config, "2026-01-01")
            except SimrecError as error:
                assert str(error)
            store.verify()
            stored = [(article, store.text_of(article)) for article in store.ids()]
            return {article: text_of[2] for article, text_of in stored if text_of}


def one_line(line: bytes) -> bytes:
    return line.replace(b"\n", b" ").replace(b"\r", b" ")


def numbered(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"id": f"valid-{number}", **row} for number, row in enumerate(rows)]


def expect(rows: list[dict[str, str]], stored: dict[str, str]) -> None:
    assert {
        row["id"]: unicodedata.normalize("NFC", row["text"]) for row in rows
    }.items() <= stored.items()


lines = st.lists(valid | odd_lines, max_size=12)


@FILES
@given(lines)
@example([{"text": "a"}, b"[" * 100_000, {"text": "b"}])
def test_jsonl(given_lines: list[Any]) -> None:
    rows = iter(numbered([line for line in given_lines if isinstance(line, dict)]))
    kept: list[dict[str, str]] = []
    written = []
    for line in given_lines:
        if isinstance(line, dict):
            kept.append(next(rows))
            written.append(json.dumps(kept[-1]).encode())
        else:
            written.append(one_line(line))
    expect(kept, read("a.jsonl", b"\n".join(written)))


@FILES
@given(lines, st.sampled_from(",;\t|"))
def test_csv(given_lines: list[Any], delimiter: str) -> None:
    """An odd line has no quotes: an open one may rightly take the next rows with it."""
    columns = ["id", "text", "published_at", "account", "title", "tags"]
    rows = iter(numbered([line for line in given_lines if isinstance(line, dict)]))
    kept, written = [], [delimiter.join(columns).encode()]
    for line in given_lines:
        if isinstance(line, dict):
            kept.append(next(rows))
            cells = io.StringIO()
            csv.writer(cells, delimiter=delimiter).writerow(
                [kept[-1].get(column, "") for column in columns]
            )
            written.append(cells.getvalue().rstrip("\r\n").encode())
        else:
            written.append(one_line(line).replace(b'"', b""))
    expect(kept, read("a.csv", b"\r\n".join(written)))


@FILES
@given(st.lists(valid, max_size=6), st.data())
def test_parquet_of_any_types(given_rows: list[dict[str, str]], data: st.DataObject) -> None:
    """Optional columns of any type; with a byte changed, the file only has to end in a sentence."""
    rows = numbered(given_rows)
    table = pyarrow.Table.from_pylist(
        [{"id": row["id"], "text": row["text"]} for row in rows] or [{"id": "", "text": ""}]
    )
    kinds = [
        pyarrow.int64(),
        pyarrow.bool_(),
        pyarrow.binary(),
        pyarrow.timestamp("ns"),
        pyarrow.list_(pyarrow.date32()),
    ]
    for name in ("tags", "account", "published_at", "title"):
        kind = data.draw(st.sampled_from([None, *kinds]))
        if kind is not None:
            table = table.append_column(name, pyarrow.nulls(len(table), kind))
    out = io.BytesIO()
    parquet.write_table(table, out)
    expect(rows, read("a.parquet", out.getvalue()))
    damaged = bytearray(out.getvalue())
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    read("a.parquet", bytes(damaged))


def test_a_parquet_column_whose_name_is_no_text_is_damage() -> None:
    out = io.BytesIO()
    parquet.write_table(pyarrow.table({"id": ["1"], "text": ["Two."], "title": ["Three"]}), out)
    assert read("a.parquet", out.getvalue().replace(b"title", b"\xf4itle")) == {}


PACKERS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
NAMES = ["a.jsonl", "a.csv", "a.parquet"]
pages = st.lists(
    st.sampled_from(["<p>", "</div>", "<title>", "<!--", "&#0;", "---\n", "a: [", "# ", "\ufeff"])
    | text
)


def test_a_parquet_value_that_python_cannot_hold_costs_that_value() -> None:
    columns = {
        "id": pyarrow.array([b"good", b"bad \xff", b"late"]).view(pyarrow.string()),
        "text": pyarrow.array(["some words"] * 3),
        "published_at": pyarrow.array([0, 0, 10**15], pyarrow.timestamp("s")),
    }
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out)
    assert read("a.parquet", out.getvalue()) == {"good": "some words", "late": "some words"}


@FILES
@given(
    name=st.sampled_from(NAMES),
    packer=st.sampled_from(list(PACKERS)),
    content=st.binary(max_size=300) | st.lists(odd_lines, max_size=5).map(b"\n".join),
    cut=st.integers(0, 200),
    flipped=st.integers(0, 200),
)
@example(name="a.csv", packer="", content=b"id\rtext", cut=0, flipped=0)
@example(name="a.jsonl", packer=".bz2", content=b"{}", cut=0, flipped=0)
def test_any_bytes(name: str, packer: str, content: bytes, cut: int, flipped: int) -> None:
    packed = bytearray(PACKERS[packer](content))
    if packer and flipped < len(packed):
        packed[flipped] ^= 16
    read(
        name + packer, bytes(packed[: max(0, len(packed) - cut)] if packer and cut < 50 else packed)
    )


@FILES
@given(
    st.lists(st.sampled_from([".html", ".md", ".txt"]), min_size=1, max_size=3),
    pages,
    st.binary(max_size=20),
)
def test_pages(suffixes: list[str], page: list[str], tail: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, suffix in enumerate(suffixes):
            content = "".join(page).encode(errors="surrogatepass") + tail
            (Path(folder) / f"odd{number}{suffix}").write_bytes(content)
        (Path(folder) / "valid.txt").write_text("Just some words.")
        config = Config(
            sources=(SourceConfig(path=folder),), ingest=IngestConfig(max_reject_share=1.0)
        )
        with Store.open(Path(folder) / "articles.db", create=True) as store:
            ingest(store, config, "2026-01-01")
            assert store.text_of("valid.txt") is not None
