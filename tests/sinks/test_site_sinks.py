"""Sinks for sites: columns, nested lists, data files, a file an article, front matter."""

import csv
import json
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from simrec import Hit
from simrec.articles.sources.front_matter import split_front_matter
from simrec.config_file import load
from simrec.errors import ConfigError
from simrec.sinks.file_names import LONGEST_NAME, file_name
from simrec.sinks.front_matter_edit import NotEditableError, set_field
from tests.sinks.in_process import in_process
from tests.sinks.site import Site

COLUMNS = "columns = ['title', 'url', 'date', 'account', 'image']"
KILL = "os.kill(os.getpid(), 9)"


def kill_at_rename(folder: str, times: int) -> str:
    """Python that kills its process before files get names in a folder for so many times."""
    return (
        f"times = {times}\n"
        "def kill(event, arguments):\n"
        "    global times\n"
        f"    if event == 'os.rename' and {folder!r} in str(arguments[1]):\n"
        "        times -= 1\n"
        f"        if times == 0: {KILL}\n"
        "sys.addaudithook(kill)"
    )


def advance(site: Site) -> None:
    workspace = ("-w", site.workspace)
    releases = {row["release"] for row in in_process("releases", "--json", *workspace).rows}
    (other,) = releases - {site.current}
    assert in_process("rollback", other, *workspace).code == 0


def entries(hits: list[Hit]) -> list[dict[str, Any]]:
    """What a page is to show of a list, but its pictures."""
    rows = []
    for hit in hits:
        date = hit.published_at and hit.published_at[:10]
        columns = {"title": hit.title, "url": hit.url, "date": date, "account": hit.account}
        rows.append({"id": hit.id, "score": hit.score, **columns})
    return rows


def without(rows: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in names} for row in rows]


def test_every_form_holds_the_lists_with_their_columns(site: Site) -> None:
    forms = ["csv", "parquet", "jsonl", "nested", "data", "files"]
    site.sinks(
        *[f"path = 'out/{form}'\nformat = '{form}'\nplaces = 4\n{COLUMNS}" for form in forms],
        f"url = 'sqlite:///out/site.db'\nplaces = 4\n{COLUMNS}",
        "path = 'out/accounts'\nformat = 'files'\ntables = ['similar_accounts']",
    )
    (site.folder / "out").mkdir()
    site.export()
    lists = {name: entries(hits) for name, hits in site.lists(4).items()}
    assert len(lists) == 48 and all(len(rows) == 4 for rows in lists.values())
    out = site.folder / "out"

    names = ("title", "url", "date", "account")
    flat = [
        (name, rank, *row.values()) for name in lists for rank, row in enumerate(lists[name], 1)
    ]
    with (out / "csv" / "similar_articles.csv").open(newline="") as file:
        rows = [
            (row["article"], int(row["rank"]), row["similar"], float(row["score"]),
             *[row[name].removeprefix("'") or None for name in names])
            for row in csv.DictReader(file)
        ]  # fmt: skip
    assert rows == flat
    table = parquet.read_table(out / "parquet" / "similar_articles.parquet").to_pylist()
    with closing(sqlite3.connect(out / "site.db")) as db:
        db.row_factory = sqlite3.Row
        stored = [dict(row) for row in db.execute("SELECT * FROM similar_articles ORDER BY 1, 2")]
    lines = (out / "jsonl" / "similar_articles.jsonl").read_text().splitlines()
    for found in (table, stored, [json.loads(line) for line in lines]):
        assert [
            (row["article"], row["rank"], row["similar"], round(row["score"], 6), *[row[name] for name in names])
            for row in found
        ] == flat  # fmt: skip

    nested = {}
    for line in (out / "nested" / "similar_articles.jsonl").read_text().splitlines():
        row = json.loads(line)
        nested[row["article"]] = without(row["similar"], "score_rank", "reason", "rules", "image")
    data = json.loads((out / "data" / "similar_articles.json").read_text())
    files = {}
    for path in (out / "files").glob("*.json"):
        if path.name != "_release.json":
            row = json.loads(path.read_text())
            assert path.name == file_name(row["article"], ".json")
            files[row["article"]] = without(row["similar"], "reason", "image")
    assert nested == lists
    assert files == lists
    assert {name: without(rows, "reason", "image") for name, rows in data.items()} == lists
    by_hand = {name: without(rows, "image") for name, rows in data.items()}
    images = {row["id"]: row["image"] for rows in data.values() for row in rows}
    accounts = [json.loads(path.read_text()) for path in (out / "accounts").glob("[!_]*.json")]
    assert {row["account"] for row in accounts} >= {"George Washington"}

    number_of = {}
    for path in site.content.rglob("*.md"):
        front = split_front_matter(path.read_bytes().decode(), ()).values
        number_of[str(path.relative_to(site.content))] = front.get("image")
    assert images == {name: number_of[name] for name in images}
    assert None in images.values() and len(set(images.values())) > 10
    ran = site.simrec(
        "export", out / "by hand", "--format=data", "--columns=title, url", "--places=1"
    )
    assert ran.code == 0
    data = json.loads((out / "by hand" / "similar_articles.json").read_text())
    assert data == {name: without(rows[:1], "date", "account") for name, rows in by_hand.items()}
    assert "8 sinks hold" in site.export().err
    assert site.last_steps()["export"]["state"] == "skipped", "they hold it already"
    site.sinks(f"path = 'out/data'\nformat = 'data'\nplaces = 2\n{COLUMNS}")
    site.export()
    data = json.loads((out / "data" / "similar_articles.json").read_text())
    assert {len(rows) for rows in data.values()} == {2}, "another number of places is written"


@pytest.mark.parametrize("address", ["lake", "file://{0}/lake"])
def test_parquet_is_parted_by_a_column(site: Site, address: str) -> None:
    lake = site.folder / "lake"
    sink = f"path = '{address.format(site.folder)}'\nformat = 'parquet'\nplaces = 3\n"
    site.sinks(sink + "columns = ['url']")
    site.export()
    site.sinks(sink + "columns = ['account', 'image']\npartition_by = 'image'")
    site.export()
    assert not (lake / "similar_articles.parquet").exists(), "it is parted now"
    assert (lake / "similar_accounts.parquet").exists()
    before = set(lake.glob("similar_articles/*/*"))
    for release in range(2):
        parts = pyarrow.dataset.dataset(lake / "similar_articles", partitioning="hive")
        found = [
            (row["article"], row["rank"], row["similar"], row["account"])
            for row in parts.to_table().to_pylist()
        ]
        ids = {row[0] for row in found}
        lists = {name: hits for name, hits in site.lists(3).items() if name in ids}
        assert sorted(found) == sorted(
            (name, rank, hit.id, hit.account)
            for name, hits in lists.items()
            for rank, hit in enumerate(hits, 1)
        )
        assert len(ids) == 48 - release
        site.export()
        assert site.last_steps()["export"]["state"] == "skipped"
        if release == 0:
            advance(site)
            (site.content / site.ids()[0]).unlink()  # as before the newer release
            site.export()
    after = set(lake.glob("similar_articles/*/*"))
    assert {path.name for path in after} == {"part-0.parquet"}
    assert any("image=%2Fpictures%2F" in str(path) for path in after)
    assert any("__HIVE_DEFAULT_PARTITION__" in str(path) for path in after)
    listed = set(json.loads((lake / "release.json").read_text())["files"])
    assert {str(path.relative_to(lake)) for path in after} | {"similar_accounts.parquet"} == listed
    assert before - after or after - before, "values came or went"


def test_columns_of_a_database_change_with_their_articles(site: Site) -> None:
    site.sinks(f"url = 'sqlite:///site.db'\nplaces = 4\ntables = ['similar_articles']\n{COLUMNS}")

    def stored() -> dict[tuple[str, int], tuple[Any, ...]]:
        with closing(sqlite3.connect(site.folder / "site.db")) as db:
            rows = db.execute("SELECT * FROM similar_articles").fetchall()
        return {row[:2]: row for row in rows}

    site.export()
    before = stored()
    assert {row[-1] for row in before.values()} >= {None, "/pictures/11.png"}
    advance(site)
    said = site.export().err
    after = stored()
    added = len(after.keys() - before.keys())
    removed = len(before.keys() - after.keys())
    changed = len([key for key in after.keys() & before.keys() if after[key] != before[key]])
    assert f"{added} rows added, {changed} changed, {removed} removed" in said
    assert 0 < changed < len(after) / 2
    (site.folder / "site.db").unlink()
    site.export()
    assert stored() == after
    site.sinks(f"url = 'sqlite:///site.db'\nplaces = 2\ntables = ['similar_articles']\n{COLUMNS}")
    site.export()
    assert {rank for _, rank in stored()} == {1, 2}


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """The inode and content of every file but the record."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != "_release.json"
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {name: content for name, (_, content) in snapshot(folder).items()}


def test_only_files_that_changed_are_written_and_a_killed_run_is_gone_on_with(site: Site) -> None:
    site.sinks(f"path = 'out'\nformat = 'files'\nplaces = 3\n{COLUMNS}")
    site.export(-signal.SIGKILL, kill_at_rename("/out/", 7))
    out = site.folder / "out"
    assert len(list(out.glob("*.json"))) == 6
    site.export()
    before = snapshot(out)
    advance(site)
    site.export(-signal.SIGKILL, kill_at_rename("/out/", 2))
    assert "removed" in site.export().err
    after = snapshot(out)
    stays = [name for name in after if before.get(name) == after[name]]
    assert len(after) == 47 and len(before) == 48
    assert len(stays) < len(after)
    for name in after.keys() & before.keys():
        assert (after[name][1] != before[name][1]) == (after[name] != before[name])
    shutil.rmtree(out)
    site.export()
    assert contents(out) == {name: content for name, (_, content) in after.items()}
    stranger = out / file_name(site.ids()[3], ".json")
    stranger.write_text('{"name": "of somebody else"}')
    (out / "notes.json").write_text("{}")
    site.sinks(
        "path = 'out'\nformat = 'files'", "path = 'x'\nformat = 'nested'\ntables = ['duplicates']"
    )
    before = snapshot(out)
    says = site.export(3).err
    assert f"{stranger}: simrec did not write this file" in says
    assert "format nested is of lists, and duplicates has none" in says
    assert snapshot(out) == before


def body_of(content: bytes) -> bytes:
    return content[content.index(b"\n", content.index(b"date")) :]


def test_front_matter_gets_the_lists_and_nothing_else_changes(site: Site) -> None:
    site.sinks("path = 'content'\nformat = 'front_matter'\nplaces = 3\ncolumns = ['title', 'url']")
    plain = site.content / "posts" / "plain.md"
    plain.write_text("No front matter here, and nothing is to be added.\n")
    for path in site.content.rglob("*.md"):
        path.chmod(0o640)
    before = contents(site.content)
    assert site.job().code == 0, "the posts come from here now"
    after = snapshot(site.content)
    lists = site.lists(3)
    for name, (_, content) in after.items():
        if name == "posts/plain.md":
            assert content == before[name]
            continue
        values = split_front_matter(content.decode(), ()).values
        expected = []
        for hit in lists[name]:
            url = {"url": hit.url} if hit.url else {}
            expected.append({"id": hit.id, "title": hit.title, **url})
        assert values.pop("related") == expected, name
        assert values == split_front_matter(before[name].decode(), ()).values
        old_lines = before[name].splitlines(keepends=True)
        kept = iter(content.splitlines(keepends=True))
        assert all(line in kept for line in old_lines), "every line of before, in order"
        assert content.endswith(body_of(before[name])[-200:])
        assert (b"\r\n" in content) == (b"\n" not in content.replace(b"\r\n", b""))
    assert {path.stat().st_mode & 0o777 for path in site.content.rglob("*.md")} == {0o640}
    steps = site.job()
    assert steps.code == 0 and site.last_steps()["publish"]["state"] == "skipped"
    assert snapshot(site.content) == after, "the same articles: nothing follows"
    assert "posts/plain.md: no front matter" in steps.err

    site.sinks("path = 'content'\nformat = 'front_matter'\nplaces = 2\nkey = 'read-on'")
    site.export(-signal.SIGKILL, kill_at_rename("/content/", 5))
    site.export()
    for name, content in contents(site.content).items():
        if name != "posts/plain.md":
            values = split_front_matter(content.decode(), ()).values
            assert values["read-on"] == [hit.id for hit in lists[name][:2]]
    assert not [path for path in site.content.rglob(".*")]
    site.sinks("path = 'before'\nformat = 'front_matter'")
    assert "no article came from a Markdown file below this folder" in site.export(3).err


@pytest.mark.parametrize(
    ("sink", "says"),
    [
        ("format = 'files'\ntables = ['similar_articles', 'similar_accounts']", "writes one table"),
        ("format = 'front_matter'\ntables = ['similar_accounts']", "front matter is of articles"),
        ("columns = ['text']", "the values are 'title', 'url', 'date'"),
        ("columns = ['url', 'url']", "names one twice"),
        ("format = 'front_matter'\nkey = 'a: b'", "give letters, digits"),
    ],
)
def test_a_sink_that_cannot_be_meant_is_one_sentence(tmp_path: Path, sink: str, says: str) -> None:
    path = tmp_path / "simrec.toml"
    path.write_text(f"[[sinks]]\npath = 'out'\n{sink}")
    with pytest.raises(ConfigError, match=says):
        load(path)


ids = st.text(min_size=1, max_size=300) | st.text(alphabet="aA._~/ con1", min_size=1, max_size=12)


@given(st.lists(ids, unique=True, min_size=1, max_size=30))
def test_no_two_ids_share_a_file_and_none_leaves_its_folder(names: list[str]) -> None:
    encodable = [name for name in names if name.isprintable()]
    found = [file_name(name, ".json") for name in encodable]
    assert len({name.lower() for name in found}) == len(encodable)
    for name, file in zip(encodable, found, strict=True):
        assert file.isascii() and "/" not in file and file[0] not in "._"
        assert len(file) <= LONGEST_NAME
        if "~~" not in file:
            parts = file.removesuffix(".json").split("~")
            content = parts[0].encode()
            for part in parts[1:]:
                content += bytes.fromhex(part[:2]) + part[2:].encode()
            assert content.decode() == name


def test_names_of_files_are_as_documented() -> None:
    documented = {
        "42": "42.json",
        "posts/Über uns.md": "posts~2f~c3~9cber~20uns.md.json",
        "..": "~2e..json",
        "_release": "~5frelease.json",
        "con": "~63on.json",
        "aux.txt": "~61ux.txt.json",
        "console": "console.json",
        "a" * 195: "a" * 195 + ".json",
    }
    assert {name: file_name(name, ".json") for name in documented} == documented
    assert len(file_name("a" * 196, ".json")) == 100 + 2 + 64 + 5


keys = st.sampled_from(["title", "date", "tags", "related", "x y", "Related", "relatedx"])
values = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])) | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
linked = st.lists(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
    | st.dictionaries(
        st.sampled_from(["id", "title"]), st.text(st.characters(exclude_categories=["Cc", "Cs"])), min_size=1
    ),
    max_size=4,
)  # fmt: skip


def yaml_block(fields: dict[str, Any], style: bool | None) -> str:
    import yaml

    return yaml.safe_dump(fields, allow_unicode=True, default_flow_style=style, sort_keys=False)


@given(st.dictionaries(keys, values, min_size=1, max_size=4), linked, st.booleans(), st.booleans())
def test_a_field_is_set_and_every_other_byte_stays(
    fields: dict[str, Any], entries: list[Any], is_flow: bool, is_crlf: bool
) -> None:
    block = yaml_block(fields, None if is_flow else False)
    text = f"---\n# first\n{block}# last: x\n---\n\nBody\n---\nrelated: no\n"
    if is_crlf:
        text = text.replace("\n", "\r\n")
    try:
        edited = set_field(text, "related", entries)
    except NotEditableError:
        return
    assert set_field(edited, "related", entries) == edited
    front = split_front_matter(edited, ())
    expected = {**split_front_matter(text, ()).values, "related": entries}
    if not entries and "related" not in fields:
        del expected["related"]
    assert front.values == expected
    assert edited[edited.index("Body") :] == text[text.index("Body") :]
    assert "# first" in edited and "# last: x" in edited


TEXTS: dict[str, tuple[str, str]] = {
    "added last": ("---\ntitle: a\n# end\n---\nx", '---\ntitle: a\n# end\nr:\n  - "7"\n---\nx'),
    "replaced": (
        "---\nr:\n- 1\n-  2\n\n# of b\nb: 2 # c\n---\nx",
        '---\nr:\n  - "7"\n\n# of b\nb: 2 # c\n---\nx',
    ),
    "a value over lines": (
        '---\nr: ["a",\n  "b"] # was\nb: |\n  r: no\n---\n',
        '---\nr:\n  - "7"\nb: |\n  r: no\n---\n',
    ),
    "TOML": (
        '+++\na = 1\n\n[x]\nr = 2\n+++\nx',
        '+++\na = 1\n\nr = [\n  "7",\n]\n[x]\nr = 2\n+++\nx',
    ),
    "TOML replaced": (
        '+++\nr = [\n 1, # one\n 2]\nb = """\nr = 1\n"""\n+++\nx',
        '+++\nr = [\n  "7",\n]\nb = """\nr = 1\n"""\n+++\nx',
    ),
    "a mark of order": ("\ufeff---\na: 1\n---\n", '\ufeff---\na: 1\nr:\n  - "7"\n---\n'),
    "an empty block": ("---\n---\nx", '---\nr:\n  - "7"\n---\nx'),
}  # fmt: skip


@pytest.mark.parametrize("case", TEXTS)
def test_a_field_stands_where_people_would_write_it(case: str) -> None:
    before, after = TEXTS[case]
    assert set_field(before, "r", ["7"]) == after


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Only text\n", "no front matter"),
        ("---\nr: 1\n", "no front matter"),
        ("---\n- a\n---\n", "no front matter"),
        ('{\n"r": 1\n}\nx', "front matter in JSON"),
        ("---\ntitle: Tides: high\n---\n", "cannot be read"),
        ("---\na: &x [1]\nr: &y [2]\nb: *y\n---\n", "cannot be read"),
        ("---\nr: 1\nr: 2\n---\n", "cannot be replaced alone"),
        ("---\n{a: 1, r: 2}\n---\n", "cannot be re"),
        ("+++\n[[r]]\na = 1\n+++\n", "cannot be re"),
    ],
)
def test_a_file_that_cannot_be_edited_is_left(text: str, says: str) -> None:
    with pytest.raises(NotEditableError, match=says):
        set_field(text, "r", ["7"])
