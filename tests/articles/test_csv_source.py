"""CSV and TSV come in with the values that were written, or the broken row is named."""

import gzip
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from simrec.articles.mapping import Mapping
from simrec.articles.sources.csv_source import CsvSource
from simrec.articles.sources.source import Row, read_all
from simrec.config import Fields, IngestConfig
from simrec.errors import ConfigError
from tests.articles.test_ingest import ingest, stored
from tests.conftest import CASES, House

TIDE = "The tide at harbour number {n} is high at noon and low at dusk."
SPREADSHEETS = CASES / "29-spreadsheets-csv"


def read(path: Path) -> list[Row]:
    return list(read_all([CsvSource(path, Fields())]))


def written(folder: Path, content: str | bytes, name: str = "a.csv") -> list[Row]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path)


def records(rows: list[Row]) -> list[dict[str, str]]:
    assert not [row.problem for row in rows if row.problem]
    return [row.record for row in rows]


@pytest.mark.parametrize(
    "name",
    [
        "blank_tail",
        "cr",
        "header_commas",
        "header_nl",
        "leading_blank",
        "sep",
        "trailing_delim2",
        "utf16",
    ],
)
def test_what_spreadsheets_write(name: str) -> None:
    rows = records(read(SPREADSHEETS / f"{name}.csv"))
    title = "title (short)" if name == "header_nl" else "title"
    assert [(row["id"], row[title], row["text"]) for row in rows] == [
        (str(n), f"Tide table {n}", TIDE.format(n=n)) for n in range(1, 41)
    ]


def test_backslashes_of_mysql() -> None:
    assert records(read(SPREADSHEETS / "outfile.csv")) == [
        {"id": str(n), "title": f'Tide "table" {n}', "text": f"The tide, at harbour {n}\nis high"}
        for n in range(1, 41)
    ]


def test_a_tsv_has_no_quoting() -> None:
    rows = records(read(CASES / "02-csv-open-quote" / "mysql_batch.tsv"))
    assert len(rows) == 40
    assert (rows[19]["title"], rows[29]["title"]) == ('"High water', '"Low" water')
    assert rows[38]["text"] == TIDE.format(n=39)


def test_an_open_quotation_mark_is_damage_and_nothing_is_deleted(empty_house: object) -> None:
    house: House = empty_house([])  # type: ignore[operator]
    case = CASES / "02-csv-open-quote"
    path = house.folder / "in.csv"
    path.write_bytes((case / "whole.csv").read_bytes())
    assert ingest(house, path).code == 0
    path.write_bytes((case / "open_quote.csv").read_bytes())
    ran = ingest(house, path, "--sync")
    assert ran.code == 7
    assert "in.csv, line 35: the quotation mark that opens here is never closed" in ran.err
    assert len(stored(house)) == 40


@pytest.mark.parametrize(
    ("content", "lines", "ids"),
    [
        # The next quoted cell closes it: the row is damaged, those after it are not.
        ('id,text\n"1","a"\n"2","b\n"3","c"\n"4","d"\n', [3], ["1", "3", "4"]),
        ('id,text\n1,"a" b\n2,c\n', [2], ["2"]),
        # It took a line with it, and so has too many cells.
        ('id,text\n1,"a\n2,b"\n3,c,"\n4,d"\n5,e\n', [4], ["1", "4", "5"]),
        ('id,text\n1,"a\n2,"b"', [2], ["2"]),
    ],
)
def test_a_row_with_broken_quotes_is_named_and_costs_no_other(
    tmp_path: Path, content: str, lines: list[int], ids: list[str]
) -> None:
    rows = written(tmp_path, content)
    assert [row.line for row in rows if row.problem] == lines
    assert [row.record["id"] for row in rows if not row.problem] == ids
    assert all(row.end for row in rows if row.problem)


@pytest.mark.parametrize(
    ("name", "content", "record"),
    [
        ("a.csv", 'id,text\n1,5" disk "a"\n', {"id": "1", "text": '5" disk "a"'}),
        ("a.csv", 'id,text\n1,"C:\\"\n', {"id": "1", "text": "C:\\"}),
        ("a.csv", "id,text\n1,\\N\n", {"id": "1", "text": None}),
        ("a.csv", 'id,text\n"\\"1\\"","a\\tb\\\\"\n', {"id": '"1"', "text": "a\tb\\"}),
        ("a.csv", 'id,text\n"1","""a"""\n', {"id": "1", "text": '"a"'}),
        ("a.csv", 'id|text\n"1"|"a\r\nb"', {"id": "1", "text": "a\r\nb"}),
        ("a.csv", "\ufeffsep=|\nid|text\n1|a;b", {"id": "1", "text": "a;b"}),
        ("a.csv", 'id\ttext\n1\t"a ""b"""\n', {"id": "1", "text": 'a "b"'}),
        ("a.tsv", "id\ttext\n1\ta\\tb\\nc\\\\d\n", {"id": "1", "text": "a\tb\nc\\d"}),
        ("a.tsv", "id\ttext\n1\tC:\\Users\\new\n", {"id": "1", "text": "C:\\Users\\new"}),
        ("a.tsv", "id\ttext\n1\ta\\\nb\n", {"id": "1", "text": "a\nb"}),
        ("a.tsv", "id\ttext\n1\t\\N\n", {"id": "1", "text": None}),
        ("a.tsv", 'id\ttext\n1\t"He said ""no"""\n', {"id": "1", "text": 'He said "no"'}),
        ("a.tsv", 'id\ttext\n1\t"two\nlines"\n', {"id": "1", "text": "two\nlines"}),
        ("a.tsv", 'id\ttext\n1\t"no" quoting', {"id": "1", "text": '"no" quoting'}),
    ],
)
def test_quoting_and_escapes(
    tmp_path: Path, name: str, content: str, record: dict[str, str | None]
) -> None:
    assert records(written(tmp_path, content, name)) == [record]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "gbk", "cp1251"]
)
def test_encodings_are_found(tmp_path: Path, encoding: str) -> None:
    text = {
        "gbk": "潮水在中午达到最高点，晚上退去。港口的船只靠岸。",
        "cp1251": "Прилив в гавани высок в полдень.",
    }.get(encoding, "Die Fähre über den Fluß fährt täglich.")
    assert records(written(tmp_path, f"id,text\r\n1,{text}\r\n2,b\r\n".encode(encoding))) == [
        {"id": "1", "text": text},
        {"id": "2", "text": "b"},
    ]


def test_an_encoding_that_is_named_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,text\n1,Łódź\n".encode("cp1250"))
    (row,) = read_all([CsvSource(path, Fields(), "cp1250")])
    assert row.record == {"id": "1", "text": "Łódź"}


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 1: two columns are named 'text'"):
        written(tmp_path, "id,text,text\n1,a,b\n")
    assert records(written(tmp_path, "id,text,x,x\n1,a,b,c\n")) == [
        {"id": "1", "text": "a", "x": "c"}
    ]


def test_a_broken_archive_ends_where_it_breaks_off(tmp_path: Path) -> None:
    rows = "".join(f"{n},text number {n * n}\n" for n in range(5_000))
    content = gzip.compress(f"id,text\n{rows}".encode(), mtime=0)
    *good, last = written(tmp_path, content[:-2_000], "a.csv.gz")
    assert last.end
    assert "the file is damaged from here on" in last.problem
    assert [row.record["id"] for row in good] == [str(n) for n in range(len(good))]
    assert len(good) > 1_000


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("id,title,text\n1,One\rTwo,a\n2,T,b\n", [("1", "One\rTwo", "a"), ("2", "T", "b")]),
        ("id,title,text\r\n1,T,a\rb\r\n2,T,b\r\n", [("1", "T", "a\rb"), ("2", "T", "b")]),
        ('id,title,text\n1,"One\rTwo",a\n', [("1", "One\rTwo", "a")]),
        (
            "id,title,text\n1,T,a\r2,T,b\n3,T,c\n",
            [("1", "T", "a"), ("2", "T", "b"), ("3", "T", "c")],
        ),
        ("id,title,text\r1,T,a\r2,T,b\r", [("1", "T", "a"), ("2", "T", "b")]),
        ("id,title,text\r\r\n1,T,a\r\r\n2,T,b\r\r\n", [("1", "T", "a"), ("2", "T", "b")]),
        ('"id", "title", "text"\n1, "One, two", "a"\n', [("1", "One, two", "a")]),
    ],
)
def test_carriage_returns_and_blanks_before_quotation_marks(
    tmp_path: Path, content: str, rows: list[tuple[str, ...]]
) -> None:
    assert [tuple(record.values()) for record in records(written(tmp_path, content))] == rows


def test_empty_columns_need_no_name(tmp_path: Path) -> None:
    (record,) = records(written(tmp_path, "id,title,text,,\n1,T,a,,\n"))
    assert (record["id"], record["text"]) == ("1", "a")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.parquet"])
def test_a_text_that_is_nowhere_is_said(empty_house: object, name: str) -> None:
    house: House = empty_house([])  # type: ignore[operator]
    path = house.folder / name
    record = {"id": "1", "title": "Tides", "content": "Words"}
    if name == "a.parquet":
        parquet.write_table(pyarrow.Table.from_pylist([record]), path)
    elif name == "a.csv":
        path.write_text("id,title,content\n1,Tides,Words\n")
    else:
        path.write_text(json.dumps(record if name == "a.jsonl" else [record]))
    ran = ingest(house, path)
    says = f"{name}: there is no 'text', so that its articles have a title alone"
    assert (ran.code, says in ran.err, "to one of content" in ran.err) == (0, True, True), ran.err
    assert "have a title alone" not in ingest(house, path, "--field", "text=content").err
    assert stored(house)["1"]["text"] == "Words"


@pytest.mark.parametrize(
    ("field", "published"),
    [("draft", {"f", "n", "false", ""}), ("published", {"t", "y", "true", "", "2024-05-31"})],
)
def test_truth_as_databases_write_it(tmp_path: Path, field: str, published: set[str]) -> None:
    values = ["t", "f", "y", "n", "true", "false", "", "2024-05-31"]
    mapping = Mapping(Fields(), "auto", IngestConfig())
    lines = [f"{number},Words,{value}\n" for number, value in enumerate(values)]
    rows = written(tmp_path, f"id,text,{field}\n{''.join(lines)}")
    taken = {row.record[field] for row in rows if not mapping.unpublished_status(row.record)}
    assert taken == published | ({"2024-05-31"} if field == "draft" else set())
