"""Every kind of source keeps one contract, and the keys that stores hold stay valid."""

import gzip
import json
import pickle
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow
import pytest
import yaml
from pyarrow import parquet

from simrec.articles.article import Article
from simrec.articles.clean_tasks import MappedSource, cut_batches
from simrec.articles.mapping import Mapping
from simrec.articles.row_outcome import Parsed, Rejected, SyncState, parse_since_cursor
from simrec.articles.sources.folder_source import FolderSource
from simrec.articles.sources.front_matter import split_front_matter
from simrec.articles.sources.jsonl_source import JsonlSource
from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import Cursor, Record, Row, Source, Split, read_all, read_rows
from simrec.config import Fields, IngestConfig, SourceConfig
from simrec.config_file import load
from simrec.errors import ConfigError
from simrec.source_formats import FORMATS, SOURCE_FORMATS
from tests.articles.test_ingest import ingest, stored, write_jsonl
from tests.conftest import House
from tests.golden.test_golden import unpack

MAPPING = Mapping(Fields(), "auto", IngestConfig())
RECORDS = [{"id": f"a{n}", "title": f"Title {n}", "text": f"Words, {n} of them."} for n in range(9)]
ITEM = "<item><guid>{id}</guid><title>{title}</title><description>{text}</description></item>"


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def write_gzip(path: Path, records: list[dict[str, str]]) -> None:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))


def write_csv(path: Path, records: list[dict[str, str]]) -> None:
    rows = [f'{record["id"]},{record["title"]},"{record["text"]}"\n' for record in records]
    path.write_text("id,title,text\n" + "".join(rows))


def write_parquet(path: Path, records: list[dict[str, str]]) -> None:
    parquet.write_table(pyarrow.Table.from_pylist(records), path)


def write_feed(path: Path, records: list[dict[str, str]]) -> None:
    items = "".join(ITEM.format(**record) for record in records)
    path.write_text(f"<rss version='2.0'><channel>{items}</channel></rss>")


def write_folder(path: Path, records: list[dict[str, str]]) -> None:
    path.mkdir(exist_ok=True)
    for record in records:
        front = f"---\nid: {record['id']}\ntitle: {record['title']}\n---\n"
        (path / f"{record['id']}.md").write_text(f"{front}{record['text']}\n")


WRITERS: dict[str, Callable[[Path, list[dict[str, str]]], object]] = {
    "a.jsonl": write_jsonl,
    "a.jsonl.gz": write_gzip,
    "a.csv": write_csv,
    "a.parquet": write_parquet,
    "a.rss": write_feed,
    "folder": write_folder,
}


def open_one(path: Path) -> Source:
    (source,) = open_sources(SourceConfig(path=str(path)), Fields())
    return source


def articles(rows: Iterator[Row]) -> list[dict[str, str]]:
    parsed = [MAPPING.article(row.record)[0] for row in rows]
    return [{"id": one.id, "title": one.title, "text": one.text} for one in parsed]


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_keeps_the_contract_of_a_source(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path, RECORDS)
    source = open_one(path)
    assert source.name == str(path)
    assert pickle.loads(pickle.dumps(source)) == source
    assert articles(read_all([source])) == RECORDS
    for max_bytes in (1, 100, 10**9):
        splits = list(source.splits(max_bytes))
        rows = [row for split in splits for row in read_rows(source, split)]
        assert rows == list(read_all([source]))
    assert sum(split.size for split in splits) == sum(
        file.stat().st_size for file in ([path] if path.is_file() else path.iterdir())
    )
    assert source.cursor("int 7") == Cursor()
    before = source.fingerprint()
    assert before == open_one(path).fingerprint()
    WRITERS[name](path, [{**RECORDS[0], "text": "Other words."}, *RECORDS[1:]])
    assert source.fingerprint() != before
    assert articles(read_all([source]))[0]["text"] == "Other words."


def test_a_query_keeps_the_contract_of_a_source(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "news.db")) as db, db:
        db.execute("CREATE TABLE news (id, title, text, at)")
        rows = [
            (record["id"], record["title"], record["text"], n) for n, record in enumerate(RECORDS)
        ]
        db.executemany("INSERT INTO news VALUES (?, ?, ?, ?)", rows)
    config = SourceConfig(
        url=f"sqlite:///{tmp_path}/news.db", query="SELECT * FROM news", watermark="at"
    )
    (source,) = open_sources(config, Fields())
    assert pickle.loads(pickle.dumps(source)) == source
    assert articles(read_all([source])) == RECORDS
    assert source.fingerprint() is None
    (split,) = source.splits(1)
    assert source.cursor(None) == Cursor(None, "int 8")
    assert source.cursor("int 6") == Cursor("int 6", "int 8")
    assert source.cursor("int 9") == Cursor(None, "int 8"), "it went back: all is read again"
    assert articles(read_rows(source, split, "int 6")) == RECORDS[6:]
    assert [record["id"] for record in source.ids()] == [record["id"] for record in RECORDS]


def test_every_format_has_a_source_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    for name in FORMATS:
        path = tmp_path / "articles"
        path.touch()
        (source,) = open_sources(SourceConfig(path=str(path), format=name), Fields())
        assert type(source).__name__ == f"{name.capitalize()}Source"
    (tmp_path / "config.toml").write_text("[[sources]]\npath = 'a'\nformat = 'xls'\n")
    says = f"format is 'xls'; the formats are {', '.join(SOURCE_FORMATS)}"
    with pytest.raises(ConfigError, match=says):
        load(tmp_path / "config.toml")


@dataclass(frozen=True)
class Failing:
    """A source with a watermark, whose library fails after two rows."""

    error: Exception
    name: str = "failing"

    @property
    def identity(self) -> Record:
        return {"name": self.name}

    def fingerprint(self) -> str | None:
        return None

    def splits(self, max_bytes: int) -> Iterator[Split]:
        yield Split(0)

    def cursor(self, previous: str | None) -> Cursor:
        return Cursor("int 1", "int 9")

    def rows(self, split: Split, since: str | None = None) -> Iterator[Row]:
        for number in (1, 2):
            yield Row(self.name, number, RECORDS[number])
        raise self.error

    def ids(self) -> Iterator[Record]:
        raise AssertionError("a damaged source cannot tell what it holds")

    def take_remarks(self) -> list[tuple[str, str]]:
        return []


def never_unchanged(article_id: str, source_key: bytes) -> bool:
    return False


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("so it is"),
        KeyError("so it is"),
        RecursionError("so it is"),
        UnicodeEncodeError("utf-8", "x", 0, 1, "so it is"),
    ],
)
def test_whatever_a_library_raises_ends_its_source_and_moves_no_cursor(error: Exception) -> None:
    present: list[str] = []
    sync = SyncState({}, {}, present.extend)
    outcomes = list(parse_since_cursor(Failing(error), Split(0), MAPPING, never_unchanged, sync))
    assert [type(outcome) for outcome in outcomes] == [Parsed, Parsed, Rejected]
    last = outcomes[-1]
    assert isinstance(last, Rejected)
    assert (last.file, last.line, last.end) == ("failing", 3, True)
    assert last.reason == f"cannot be read from here on ({type(error).__name__}: {error})"
    assert (sync.current, present) == ({}, [])


def test_errors_that_are_no_damage_pass_through() -> None:
    with pytest.raises(ConfigError, match="so it is"):
        list(read_rows(Failing(ConfigError("so it is")), Split(0)))


def test_a_source_that_does_not_fit_into_memory_costs_itself_alone() -> None:
    *rows, last = read_rows(Failing(MemoryError()), Split(0))
    assert (len(rows), last.line, last.end) == (2, 3, True)
    assert "there is not enough memory to read it from here on" in last.problem


def test_a_feed_that_is_none_costs_that_feed_alone(fresh: House) -> None:
    (fresh.folder / "1.rss").write_text("Service unavailable")
    write_jsonl(fresh.folder / "2.jsonl", [{"id": f"b{n}", "text": "Words."} for n in range(40)])
    (fresh.folder / "3").mkdir()
    (fresh.folder / "3" / "page.txt").write_text("A page.")
    ran = ingest(fresh, fresh.folder / "[123]*")
    assert (ran.code, "Traceback" in ran.err) == (3, False), ran.err
    assert "1.rss, line 1: not RSS or Atom (it is no XML" in ran.err
    assert stored(fresh).keys() == {"page.txt", *(f"b{n}" for n in range(40))}


def test_batches_are_cut_by_bytes_and_named_by_what_they_hold(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    write_folder(inner, RECORDS)
    sources = [open_one(write_jsonl(tmp_path / f"{n}.jsonl", RECORDS[n:])) for n in range(5)]
    mapped = [MappedSource(source, MAPPING) for source in sources]
    fingerprints = {source.name: source.fingerprint() for source in sources}
    sizes = [Path(source.name).stat().st_size for source in sources]
    for batch_bytes in (1, sizes[0], sum(sizes)):
        batches = list(cut_batches(mapped, fingerprints, batch_bytes))
        rows = [
            row
            for batch in batches
            for source, split in batch.splits
            for row in read_rows(source, split)
        ]
        assert rows == list(read_all(sources))
        assert len({batch.name for batch in batches}) == len(batches)
        for batch in batches:
            size = sum(split.size for _, split in batch.splits)
            assert len(batch.splits) == 1 or size <= batch_bytes
    assert len(batches) == 1

    late = fingerprints | {sources[1].name: None}
    names = [batch.name for batch in cut_batches(mapped, late, sum(sizes))]
    assert [bool(name) for name in names] == [True, False, True]

    def name_of(source: Source, mapping: Mapping = MAPPING) -> str:
        mapped = [MappedSource(source, mapping)]
        (batch,) = cut_batches(mapped, {source.name: source.fingerprint()}, 10**9)
        return batch.name

    other_mapping = Mapping(Fields(text="title"), "auto", IngestConfig())
    mapped = [MappedSource(sources[0], MAPPING), MappedSource(sources[1], other_mapping)]
    batches = list(cut_batches(mapped, fingerprints, sum(sizes)))
    assert [batch.mapping for batch in batches] == [MAPPING, other_mapping]

    outer = FolderSource(tmp_path, Fields())
    names = [name_of(sources[0]), name_of(sources[0], other_mapping), name_of(open_one(inner))]
    assert len({*names, name_of(outer)}) == 4, "ids are paths below the folder that is named"


def test_keys_are_those_that_stores_hold() -> None:
    """With other values every row of every store would be parsed again, and every query read again."""
    record = {"id": "a", "text": "Words.", "when": date(2024, 5, 31)}
    assert MAPPING.source_key(record).hex() == "1c600aa4969707a167ebc94c69c4baee"
    fields = Fields(text="body", account="by.name")
    other = Mapping(fields, "html", IngestConfig(max_title_chars=7))
    record = {"id": 1, "body": "<p>é", "tags": ["x", None]}
    assert other.source_key(record).hex() == "a8987c041435734e976eabd8000470ea"
    config = SourceConfig(url="postgresql://me@host/news", query="SELECT 1", watermark="at")
    (source,) = open_sources(config, Fields())
    assert MAPPING.source_key(source.identity).hex() == "9222b6c3c20810013690c78d0dfe6185"
    article = Article("a", "T", "Words.", "Ada", "2024-05-31", None, "en", None, ("x",))
    assert article.row_key.hex() == "39726d0e522951f6953e82eedd0f13d0"
    assert article.text_key.hex() == "ec8a682e043853f68ce86221208b94eb"


@pytest.mark.parametrize("release_format", [1, 2, 3])
def test_rows_of_an_older_store_are_the_same_articles(tmp_path: Path, release_format: int) -> None:
    house = unpack(release_format, tmp_path)
    keys = {article["id"]: MAPPING.article(article)[0].row_key for article in house.articles}
    assert {row["id"]: row["row_key"] for row in stored(house).values()} == keys


POST = "---\n{front}\n---\n\nThe sea rises.\n"
FIELDS = Fields(published_at="date", account="author")


def post(folder: Path, text: str) -> Article:
    (folder / "post.md").write_text(text)
    (row,) = read_all([FolderSource(folder, FIELDS)])
    assert not row.problem
    return Mapping(FIELDS, "auto", IngestConfig()).article(row.record)[0]


@pytest.mark.parametrize(
    ("front", "values"),
    [
        ("title: A\ntags: [x, 1, true]\nday: 2024-05-31", None),
        ("nested: {day: 2024-05-31, n: 0x1f}\nlist:\n- a\n- b", None),
        ("draft: false\nn: 1_000\nnothing: ~\nat: 2024-05-31T10:00:00+02:00", None),
        ("title: Yes\ndraft: Yes", {"title": "Yes", "draft": True}),
        ("title: 2024-05-31\nday: 2024-05-31", {"title": "2024-05-31", "day": date(2024, 5, 31)}),
        ("title: 1984", {"title": 1984}),
        ("date: 2023-02-29\ntitle: A", {"date": "2023-02-29", "title": "A"}),
        ("", {}),
        ("# only a comment", {}),
    ],
)
def test_yaml_front_matter_has_the_values_of_yaml(front: str, values: Record | None) -> None:
    expected = yaml.safe_load(front) if values is None else values
    assert split_front_matter(POST.format(front=front), {"title"}) == (
        expected,
        "The sea rises.",
        (),
    )


def test_toml_front_matter(tmp_path: Path) -> None:
    text = (
        '+++\ntitle = "Spring tides"\ndate = 2024-05-31T10:00:00Z\nauthor = "Ada"\n'
        'tags = ["moon", "sea"]\n[params]\nn = 1\n+++\nThe sea rises.\n'
    )
    values, body, _ = split_front_matter(text, ())
    assert (values["date"], values["params"]) == (datetime(2024, 5, 31, 10, tzinfo=UTC), {"n": 1})
    assert body == "The sea rises."
    article = post(tmp_path, text)
    assert (article.title, article.account, article.published_at, article.tags) == (
        "Spring tides",
        "Ada",
        "2024-05-31T10:00:00Z",
        ("moon", "sea"),
    )


def test_json_front_matter() -> None:
    text = '{\n"title": "A",\n"draft": true\n}\n\nThe sea rises.'
    assert split_front_matter(text, ()) == ({"title": "A", "draft": True}, "The sea rises.", ())


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nA text that begins with a rule.\n\n---\n\nAnd goes on.",
        "---\n- a list\n- is no mapping\n---\nText.",
        "---\ntitle: a block without an end",
        "Text.\n\n---\ntitle: A\n---\nMore.",
        "+++ a plus is no block",
        "",
    ],
)
def test_a_text_without_front_matter_is_whole(text: str) -> None:
    assert split_front_matter(text, {"title"}) == ({}, text, ())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("---\na: [\n---\nText.", "front matter: while parsing a flow"),
        ("+++\na = \n+++\nText.", "front matter: Invalid value"),
        ("{\nnot json\n}\nText.", "front matter: Expecting property name"),
    ],
)
def test_front_matter_that_cannot_be_read_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        split_front_matter(text, ())


def test_of_a_bad_block_every_field_is_read_alone() -> None:
    block = (
        'title: Tides: high and low\nauthor: @ada\nquoted: "a \\d"\n'
        "tags:\n- sea\n- moon\nbad: [a\ndate: 2024-05-31"
    )
    front = split_front_matter(f"---\n{block}\n---\nText.", {"title"})
    assert front.values == {
        "title": "Tides: high and low",
        "author": "@ada",
        "quoted": "a \\d",
        "tags": ["sea", "moon"],
        "date": date(2024, 5, 31),
    }
    assert (front.body, front.problems) == ("Text.", ("bad: '[a' cannot be read",))
    front = split_front_matter("+++\ntitle = Tides\nn = 1\n+++\nText.", ())
    assert (front.values, front.problems) == ({"title": "Tides", "n": 1}, ())


def test_a_few_lines_cannot_become_very_many_values() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for number in range(1, 9):
        lines.append(f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]")
    block = "\n".join(lines)
    with pytest.raises(ValueError, match="front matter: more than 10,000 values"):
        split_front_matter(f"---\n{block}\n---\nText.", ())


def test_one_bad_value_costs_that_value(fresh: House) -> None:
    posts = fresh.folder / "posts"
    posts.mkdir()
    (posts / "day.md").write_text(POST.format(front="title: Bad\ndate: 2023-02-29\nauthor: Ada"))
    (posts / "diary.md").write_text(POST.format(front="title: 2024-05-31"))
    (posts / "yes.md").write_text(POST.format(front="title: Yes\nauthor: No"))
    fields = ("--field", "published_at=date", "--field", "account=author")
    ran = ingest(fresh, posts, *fields)
    assert (ran.code, "day.md, line 1: kept without published_at: '2023-02-29'" in ran.err) == (
        0,
        True,
    ), ran.err
    assert {
        row["id"]: (row["title"], row["account"], row["published_at"])
        for row in stored(fresh).values()
    } == {
        "day.md": ("Bad", "Ada", None),
        "diary.md": ("2024-05-31", None, None),
        "yes.md": ("Yes", "No", None),
    }
    rows = [{"id": "a", "title": True, "text": "Words."}, {"id": "b", "title": [1], "text": "Two."}]
    ran = ingest(fresh, write_jsonl(fresh.folder / "a.jsonl", rows))
    assert (ran.code, "line 2: kept without title: a list where text was expected" in ran.err) == (
        0,
        True,
    ), ran.err
    assert {key: row["title"] for key, row in stored(fresh).items() if len(key) == 1} == {
        "a": "",
        "b": "",
    }


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    source = JsonlSource(tmp_path / "gone.jsonl", Fields())
    for read in (
        source.fingerprint,
        lambda: list(source.splits(1)),
        lambda: list(read_all([source])),
    ):
        with pytest.raises(ConfigError, match=r"gone.jsonl: cannot be read \(No such file"):
            read()
