"""Sources, sinks and mirrors in a bucket: S3 of a real server, or a folder by its address."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

import simrec
from simrec.articles.sources import bucket_copy
from simrec.bucket import Bucket, BucketObject
from simrec.bucket_url import BucketUrl
from simrec.cli import cli
from simrec.config import Config
from simrec.errors import ConfigError, ReleaseError, SimrecError
from simrec.scheduling.needs import needs_of
from simrec.sinks import mirror_pull
from simrec.sinks.mirror_store import MirrorStore
from simrec.workspace import Workspace
from tests.conftest import speeches
from tests.sinks import s3
from tests.sinks.in_process import in_process
from tests.sinks.site import Site, write_posts

KINDS = [
    "file",
    pytest.param("s3", marks=pytest.mark.skipif(not s3.is_wanted(), reason="SIMREC_LONG=1")),
]
KILL = "os.kill(os.getpid(), 9)"


@pytest.fixture(scope="module")
def s3_server() -> Iterator[None]:
    before = dict(os.environ)
    with s3.server():
        yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty place in a bucket."""
    if request.param == "file":
        return f"file://{tmp_path}/bucket"
    request.getfixturevalue("s3_server")
    return f"s3://news/{tmp_path.name}"


@pytest.fixture
def s3_place(s3_server: None, tmp_path: Path) -> str:
    return f"s3://news/{tmp_path.name}"


def call(*arguments: object) -> str:
    """Run a command in this process; return what it printed, or raise its SimrecError."""
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    if isinstance(result.exception, SimrecError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def upload(folder: Path, address: str) -> None:
    url = BucketUrl.parse(address)
    bucket = Bucket(url)
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.upload(path, f"{url.key}/{path.relative_to(folder)}")


def objects(address: str) -> dict[str, bytes]:
    """What lies below an address, by what follows it."""
    url = BucketUrl.parse(address)
    bucket = Bucket(url)
    found = {}
    for each in bucket.objects(url.key):
        found[each.key.removeprefix(f"{url.key}/")] = bucket.read(each.key) or b""
    return found


def articles(workspace: Path) -> list[str]:
    return sorted(call("articles", "-n", 1000, "--json", "-w", workspace).splitlines())


def test_sources_are_read_as_files_are(place: str, tmp_path: Path) -> None:
    write_posts(tmp_path / "posts")
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in range(3):
        rows = speeches()[100 + 10 * number : 110 + 10 * number]
        (parts / f"part-{number}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    upload(tmp_path / "posts", f"{place}/posts")
    upload(parts, f"{place}/parts")
    call("ingest", tmp_path / "posts", *parts.iterdir(), "-w", tmp_path / "local")
    sources = (f"{place}/posts/", f"{place}/parts/part-[0-9].jsonl")
    ws = tmp_path / "ws"
    call("ingest", *sources, "-w", ws)
    assert articles(ws) == articles(tmp_path / "local")
    assert len(articles(ws)) == 78
    assert not (ws / "staging" / "pipes").exists(), "copies are removed"

    bucket = Bucket(BucketUrl.parse(place))
    key = BucketUrl.parse(place).key
    bucket.write(
        f"{key}/parts/part-1.jsonl", b'{"id": "new", "text": "High water."}\n{"text": 1}\n'
    )
    sync = ("--sync", "-w", ws)
    call("ingest", *sources, *sync)
    rejects = list(map(json.loads, call("rejects", "--json", "-w", ws).splitlines()))
    assert (f"{place}/parts/part-1.jsonl", 2) in [(each["file"], each["line"]) for each in rejects]
    assert len(articles(ws)) == 79, "what a file with a bad row lacks is not deleted"
    bucket.write(f"{key}/parts/part-1.jsonl", b'{"id": "new", "text": "High water."}\n')
    call("ingest", *sources, *sync)
    assert len(articles(ws)) == 69
    before = articles(ws)
    for absent in (f"{place}/nowhere", f"{place}/parts/*.csv"):
        with pytest.raises(SimrecError, match="no such bucket, object or prefix"):
            call("ingest", absent, sources[1], *sync)
        assert articles(ws) == before, "what cannot be read deletes nothing"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("s3://key:secret@bucket/x", "by the environment, such as AWS_ACCESS_KEY_ID"),
        ("s3:///x", "s3: no address of a bucket"),
        ("s3://bucket/x?region=a&nonsense=1", "s3://bucket/x: Unexpected query parameter"),
        pytest.param(
            "s3://bucket/x?endpoint_override=127.0.0.1:1&scheme=http&region=a",
            "Could not connect to server; nothing was changed",
            marks=pytest.mark.skipif(not s3.is_wanted(), reason="waits long: SIMREC_LONG=1"),
        ),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_one_sentence(
    tmp_path: Path, address: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        call("ingest", address, "-w", tmp_path / "ws")
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_keys_that_cannot_be_names_are_not_read(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server may have any keys; none of them is written outside the folder of copies."""
    keys = ["a/../../evil.md", "/root.md", "a//b.md", f"{'x' * 300}.md", "a", "a/good.md"]
    copied = []
    monkeypatch.setattr(Bucket, "objects", lambda *_: [BucketObject(key, 1) for key in keys])
    monkeypatch.setattr(Bucket, "download", lambda _, key, path: copied.append((key, path)))
    url = BucketUrl.parse(f"file://{tmp_path}")
    bucket_copy.copy_prefix(url._replace(key=""), tmp_path / "copies")
    assert copied == [("a/good.md", tmp_path / "copies" / "a" / "good.md")]
    assert "5 objects are not read, whose keys cannot be names of files" in caplog.text


def kill_at(call: str, times: int) -> str:
    """Python that kills its process when a method is called for so many times."""
    module, kind, method = call.rsplit(".", 2)
    return (
        f"from {module} import {kind}\n"
        f"whole, left = {kind}.{method}, [{times}]\n"
        "def method(*arguments):\n"
        "    left[0] -= 1\n"
        f"    if not left[0]: {KILL}\n"
        "    return whole(*arguments)\n"
        f"{kind}.{method} = method"
    )


def advance(site: Site) -> None:
    workspace = ("-w", site.workspace)
    releases = {row["release"] for row in in_process("releases", "--json", *workspace).rows}
    (other,) = releases - {site.current}
    assert in_process("rollback", other, *workspace).code == 0


def test_sinks_hold_what_folders_hold(site: Site, place: str) -> None:
    rest = "places = 3\ncolumns = ['title', 'url']"
    forms = ("nested", "parquet", "files")
    sinks = [f"path = '{place}/{form}'\nformat = '{form}'\n{rest}" for form in forms]
    local = [f"path = 'out/{form}'\nformat = '{form}'\n{rest}" for form in forms]
    for before in (kill_at("simrec.bucket.Bucket.write", 9), ""):
        site.sinks(*sinks, *local)
        site.export(-signal.SIGKILL if before else 0, before)
    for form in forms:
        found = objects(f"{place}/{form}")
        folder = site.folder / "out" / form
        expected = {path.name: path.read_bytes() for path in folder.iterdir()}
        for content in (found, expected):
            for record in ("_release.json", "_files.json"):
                content.pop(record, None)
        assert found == expected and found
    assert "6 sinks hold" in site.export().err
    assert site.last_steps()["export"]["state"] == "skipped"
    advance(site)
    assert f"{place}/files: " in site.export().err
    found = objects(f"{place}/files")
    expected = {path.name for path in (site.folder / "out" / "files").glob("*.json")}
    assert found.keys() - {"_files.json"} == expected and len(expected) == 48
    name = sorted(found)[5]
    url = BucketUrl.parse(f"{place}/files")
    Bucket(url).remove(f"{url.key}/_files.json")
    with pytest.raises(ConfigError, match="simrec did not write this object"):
        call("export", f"{place}/files", "--format", "files", "-w", site.workspace)
    assert objects(f"{place}/files")[name] == found[name]


def test_a_mirror_is_pulled_and_answers(site: Site, tmp_path: Path) -> None:
    mirror = f"file://{tmp_path}/mirror"
    server = tmp_path / "server"
    with pytest.raises(ReleaseError, match="no release is mirrored here yet"):
        call("pull", mirror, "-w", server)
    with (site.folder / "config.toml").open("a") as file:
        file.write(f"[[mirrors]]\npath = '{mirror}'\n")
    assert "files uploaded, 0 removed" in site.export().err
    site.export()
    assert site.last_steps()["export"]["state"] == "skipped"
    name = site.ids()[0]
    for _ in range(2):
        assert call("pull", mirror, "-w", server).strip() == site.current
    with simrec.open(server) as pulled, simrec.open(site.workspace) as original:
        assert pulled.similar(name, n=9) == original.similar(name, n=9)
        assert pulled.similar_to_text("the harbour") == original.similar_to_text("the harbour")
    shutil.rmtree(server)
    release = tmp_path / "mirror" / "releases" / site.current
    table = release / "items.db"
    content = table.read_bytes()
    table.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ReleaseError, match=r"items.db: damaged \(checksum\)"):
        call("pull", mirror, "-w", server)
    index = release.with_suffix(".json")
    listed = json.loads(index.read_text())
    listed["files"][0]["path"] = f"releases/{site.current}/../../../evil"
    index.write_text(json.dumps(listed))
    with pytest.raises(ReleaseError, match="'../../../evil' is no name of a file"):
        call("pull", mirror, "-w", server)
    (tmp_path / "mirror" / "CURRENT").write_text('{"release_id": "../../x"}')
    with pytest.raises(ReleaseError, match="'../../x' is no release id"):
        call("pull", mirror, "-w", server)
    assert not (server / "CURRENT").exists()


@pytest.mark.skipif(not s3.is_wanted(), reason="installs a server: SIMREC_LONG=1")
def test_a_mirror_moves_by_conditional_writes(site: Site, s3_place: str, tmp_path: Path) -> None:
    with (site.folder / "config.toml").open("a") as file:
        file.write(f"[[mirrors]]\npath = '{s3_place}'\nkeep = 1\n")
    server = tmp_path / "server"
    old = site.current
    site.export()
    assert call("pull", s3_place, "-w", server).strip() == old
    advance(site)
    upload_call = "simrec.sinks.mirror_store.MirrorStore.upload"
    site.export(-signal.SIGKILL, kill_at(upload_call, 4))
    assert call("pull", s3_place, "-w", server).strip() == old, "the old one answers"
    rival = (
        "from simrec.sinks.mirror_store import MirrorStore\n"
        "move = MirrorStore.move_pointer\n"
        "def moved(store, before, release_id):\n"
        "    move(store, before, 'f' * 16)\n"
        "    move(store, before, release_id)\n"
        "MirrorStore.move_pointer = moved"
    )
    assert "another writer has moved CURRENT meanwhile" in site.export(3, rival).err
    with pytest.raises(ReleaseError, match="CURRENT names f{16}, which is not there"):
        call("pull", s3_place, "-w", server)
    site.export()
    assert call("pull", s3_place, "-w", server).strip() == site.current
    with simrec.open(server) as pulled, simrec.open(site.workspace) as original:
        name = site.ids()[9]
        assert pulled.similar(name, n=9) == original.similar(name, n=9)
    store = MirrorStore.open(s3_place)
    assert store.release(old) is None and not store.sizes(f"releases/{old}")
    held = store.release(site.current)
    assert held
    damaged = msgspec.structs.replace(held, files=held.files[:-1])
    shutil.rmtree(server)
    store.write_release(damaged)
    with pytest.raises(ReleaseError, match="no whole encoder"):
        mirror_pull.pull(Workspace.create(server), s3_place, keep=1)


def test_a_unit_has_the_network_and_keys_for_buckets_and_writes_no_folder_of_theirs() -> None:
    bucket = "s3://news/x"
    parts = {
        "sources": [{"path": bucket}],
        "sinks": [{"path": bucket}],
        "mirrors": [{"path": bucket}],
    }
    for name, value in parts.items():
        needs = needs_of(msgspec.convert({name: value}, Config), Path("/ws"))
        assert (needs.network, needs.variables) == (True, True), name
        assert (needs.written, needs.read) == ([Path("/ws")], [])
    assert not needs_of(Config(), Path("/ws")).network
