"""A real cluster writes what one machine writes, to the byte, whichever process dies."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from simrec import __version__
from simrec.tasks.dask import DaskEngine
from tests.conftest import CONFIG, ROOT, House, Ran, environment, new_house, run
from tests.tasks.clusters import (
    Cluster,
    cluster,
    copy,
    joined,
    refusal,
    released,
    start_worker,
    until,
)
from tests.tasks.test_local import square

SHARDS = 7  # of 64 texts each, and as many of terms
BATCH_BYTES = 16_000  # of files, that one task reads
SOON = 5  # seconds


def _with_words(house: House) -> None:
    path = house.folder / "config.toml"
    path.write_text(path.read_text().replace("lexical_weight = 0", "lexical_weight = 0.5"))


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with articles in its store and no vectors. Do not change it."""
    house = new_house(tmp_path_factory.mktemp("ingested") / "house")
    _with_words(house)
    ran = house.step("ingest")
    assert ran.code == 0, ran.err
    return house


@pytest.fixture(scope="module")
def alone(ingested: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The same after a nightly job in one process without Dask. Do not change it."""
    house = copy(ingested, tmp_path_factory.mktemp("alone") / "house")
    house.configure("workers = 1\n")
    _with_words(house)
    ran = house.job(before="sys.modules['distributed'] = None")
    assert ran.code == 0, ran.err
    return house


@pytest.fixture
def fresh(ingested: House, tmp_path: Path) -> House:
    return copy(ingested, tmp_path / "house")


def stored(house: House) -> list[list[tuple[object, ...]]]:
    """All rows of the article store, but for what sources it knows, which have other paths."""
    with closing(sqlite3.connect(house.workspace / "articles.db")) as db:
        tables = ("articles", "texts", "rejects")
        return [sorted(db.execute(f"SELECT * FROM {table}")) for table in tables]


def shards(house: House) -> dict[str, bytes]:
    """What the tasks wrote, by path; the questions of the suites are encoded by the job itself."""
    folders = [
        folder
        for folder in (house.workspace / "embeddings").glob("*")
        if not folder.name.endswith("-asked")
    ]
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for folder in folders
        for path in folder.glob("[!.]*")
    }


def test_two_processes_write_what_one_writes(fresh: House, alone: House) -> None:
    fresh.configure("workers = 2\n")
    _with_words(fresh)
    assert fresh.step("embed").code == 0
    assert shards(fresh) == shards(alone)
    assert len(shards(alone)) == 2 * SHARDS


def test_a_night_on_a_cluster_is_a_night_alone(fresh: House, alone: House, tmp_path: Path) -> None:
    """Also with the engine from the command line, and while somebody reads.

    What a reader of the articles holds open SQLite leaves beside their file, where no other host
    may look.
    """
    (fresh.workspace / "articles.db").unlink()
    with (
        closing(sqlite3.connect(fresh.workspace / "articles.db")) as reader,
        cluster(tmp_path / "cluster") as there,
    ):
        reader.execute("PRAGMA journal_mode = WAL").fetchone()
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        there.work_for(fresh)
        config = fresh.folder / "config.toml"
        local = f'kind = "local"\nbatch_bytes = {BATCH_BYTES}'
        config.write_text(config.read_text().replace('kind = "dask"', local))
        ran = run("-c", fresh.job_code("nightly", "sys.argv += ['--engine', 'dask']"))
    assert ran.code == 0, ran.err
    assert sum(path.parent.parent.name == "staging" for _, path in there.started) >= 8
    assert stored(fresh) == stored(alone)
    assert shards(fresh) == shards(alone)
    assert fresh.current == alone.current
    assert Counter(shard.name for _, shard in there.shards) == Counter(
        Path(name).name for name in shards(alone)
    )
    assert released(fresh) == released(alone)


def test_a_worker_is_killed(fresh: House, alone: House, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster", seconds=0.5) as there:
        there.work_for(fresh)
        with _embedding(fresh) as job:
            until(lambda: len(there.shards) >= 4, "nothing was started")
            killed, shard = there.shards[-1]
            os.kill(killed, signal.SIGKILL)
            err = job.communicate(timeout=120)[1]
            assert job.returncode == 0, err
        again = [process for process, of in there.shards if of == shard]
    assert len(again) == 2, "the kill proved nothing"
    assert again[0] == killed != again[1]
    assert shards(fresh) == shards(alone)


def test_the_job_is_killed_and_goes_on_where_it_was(
    fresh: House, alone: House, tmp_path: Path
) -> None:
    with cluster(tmp_path / "cluster", seconds=0.5) as there:
        there.work_for(fresh)
        with _embedding(fresh) as job:
            until(lambda: len(shards(fresh)) >= 2, "nothing was written")
            job.kill()
        until(lambda: len(shards(fresh)) == len(there.shards), "what runs on the workers ends")
        before, ended = len(there.shards), shards(fresh)
        assert 2 <= len(ended) < SHARDS, "the kill came too late to prove anything"
        assert fresh.step("embed").code == 0
        done = {shard.name for _, shard in there.shards[before:]}
    assert done == {Path(name).name for name in shards(alone).keys() - ended.keys()}
    assert len(there.shards) == 2 * SHARDS, "none was done again"
    assert shards(fresh) == shards(alone)


def test_a_night_that_brings_in_changes_survives_a_worker(fresh: House, tmp_path: Path) -> None:
    """Tasks tell from the store what has not changed; a worker dies of one, and another does it."""
    articles = [
        {**one, "text": one["text"] + " Again."} if n % 9 == 0 else one
        for n, one in enumerate(fresh.articles)
    ]
    fresh.write_articles([*articles[:-3], {"id": "", "text": "Nobody's."}, articles[5]])
    other = copy(fresh, tmp_path / "other")
    (other.folder / "config.toml").write_text(
        CONFIG.replace('"articles.jsonl"', f'"{fresh.folder}/articles.jsonl"')
    )
    alone = other.step("ingest")
    assert "0 new, 45 changed, 353 unchanged, 0 deleted, 2 rejected" in alone.err
    dies = f"""
        try:
            os.open({str(tmp_path / "dead")!r}, os.O_CREAT | os.O_EXCL)
            os._exit(1)
        except FileExistsError:
            pass"""
    with cluster(tmp_path / "cluster", happens=dies) as there:
        there.work_for(fresh)
        config = fresh.folder / "config.toml"
        cut = f"[engine]\nbatch_bytes = {BATCH_BYTES}"
        config.write_text(config.read_text().replace("[engine]", cut))
        ran = fresh.step("ingest")
    assert ran.code == 0, ran.err
    summaries = [run.err.partition("ingest: ")[2].partition(" (")[0] for run in (ran, alone)]
    assert "45 changed" in summaries[0]
    assert summaries[0] == summaries[1]
    assert max(Counter(path for _, path in there.started).values()) == 2, "the death proved nothing"
    assert stored(fresh) == stored(other)


@contextmanager
def _embedding(house: House) -> Iterator[subprocess.Popen[str]]:
    """Start the step in a folder that is not the workers', with a path from there."""
    workspace = os.path.relpath(house.workspace, ROOT)
    command = ["-m", "simrec", "embed", "-w", workspace, "-c", str(house.folder / "config.toml")]
    command = [sys.executable, *command]
    with subprocess.Popen(
        command, env=environment(), cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as job:
        yield job


def test_the_scheduler_goes_away(fresh: House, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster", seconds=0.5) as there:
        there.work_for(fresh)
        with _embedding(fresh) as job:
            until(lambda: len(there.shards) >= 3, "nothing was started")
            there.scheduler.kill()
            err = job.communicate(timeout=120)[1]
        said = refusal(Ran(job.returncode, "", err))
        assert (job.returncode, f"the Dask scheduler {there.address} went away" in said) == (
            3,
            True,
        )


def test_tasks_that_fail_are_named_and_the_others_are_done(
    fresh: House, alone: House, tmp_path: Path
) -> None:
    bad = sorted(Path(name).name for name in shards(alone) if not name.startswith("tfidf"))[:2]
    fails = f"""
        if task.path.name in {bad} and not os.path.exists({str(tmp_path / "mended")!r}):
            from simrec.errors import ReleaseError
            raise ReleaseError("it cannot be read")"""
    with cluster(tmp_path / "cluster", happens=fails) as there:
        there.work_for(fresh)
        ran = fresh.step("embed")
        assert ran.code == 5
        assert f"2 of {SHARDS} tasks failed, what the others wrote stays: " in refusal(ran)
        assert all(name in refusal(ran) for name in bad)
        assert "it cannot be read" in refusal(ran)
        tries = Counter(shard.name for _, shard in there.shards)
        assert sorted(tries.values()) == [1] * (SHARDS - 2) + [4, 4]
        assert {Path(name).name for name in shards(fresh)} == tries.keys() - set(bad)
        (tmp_path / "mended").touch()
        assert fresh.step("embed").code == 0
    assert shards(fresh) == shards(alone)


def test_few_tasks_are_with_the_scheduler_at_a_time(tmp_path: Path) -> None:
    """All are run in the end; after a failure no more are submitted."""
    with cluster(tmp_path / "cluster") as there:
        few = DaskEngine(there.address, wait_seconds=30, max_submitted=3)
        assert sorted(few.run(square, range(20))) == [number**2 for number in range(20)]
        one = DaskEngine(there.address, wait_seconds=30, max_submitted=1)
        with pytest.raises(ValueError, match="negative: -1") as error:
            list(one.run(square, [-1, -2, 3]))
        started = {str(number) for _, number in there.started}
    assert error.value.__notes__ == ["1 of 3 tasks failed, what the others wrote stays: -1"]
    assert started == {"-1", *map(str, range(20))}


def test_a_task_that_workers_die_of_is_named(fresh: House, alone: House, tmp_path: Path) -> None:
    """Tasks that waited on the worker are named too: Dask blames them alike, hence `ALLOWED`."""
    due = {Path(name).name for name in shards(alone) if not name.startswith("tfidf")}
    deadly = min(due)
    dies = f"if task.path.name == {deadly!r}: os._exit(1)"
    with cluster(tmp_path / "cluster", happens=dies, deaths_allowed=0) as there:
        there.work_for(fresh)
        ran = fresh.step("embed")
    assert (ran.code, "every worker that tried died of it" in refusal(ran)) == (3, True)
    named = {name for name in due if name in refusal(ran)}
    assert deadly in named
    written = {Path(name).name for name in shards(fresh)}
    assert deadly not in written
    assert set() != due - named <= written


def test_no_worker_is_left(fresh: House, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster", happens="os._exit(1)") as there:
        there.work_for(fresh, SOON)
        ran = fresh.job()
    assert (ran.code, f"no worker at the scheduler {there.address}" in refusal(ran)) == (3, True)


def test_workers_that_write_elsewhere_are_found_out(fresh: House, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster", happens="return len(task.keys)") as there:
        there.work_for(fresh)
        ran = fresh.step("embed")
    assert (ran.code, "do all workers see the disk that this machine sees?" in refusal(ran)) == (
        5,
        True,
    )


def test_a_worker_of_another_version_is_refused_by_name(fresh: House, tmp_path: Path) -> None:
    other = "import simrec; simrec.__version__ = '0.0.9'\n"
    with cluster(tmp_path / "cluster") as there:
        there.work_for(fresh)
        with _one_more(there, other) as address:
            ran = fresh.step("embed")
    wanted = f"the worker {address} runs simrec 0.0.9 and not {__version__}: install the same there"
    assert (ran.code, wanted in refusal(ran), there.shards) == (3, True, [])


@contextmanager
def _one_more(there: Cluster, before: str) -> Iterator[str]:
    """Start one more worker, which runs `before` first; yield its address."""
    process = start_worker(there.folder, before, "late.log")
    try:
        yield joined(there.folder / "late.log")
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_joins_late_is_asked_for_its_version_too(
    fresh: House, tmp_path: Path
) -> None:
    """It answers as it should the first time, as if it had not been there."""
    later = (
        "import simrec.tasks.dask as d; known = d._versions(); answers = iter([known])\n"
        "d._versions = lambda: next(answers, {**known, 'simrec': '0.0.9'})\n"
    )
    with cluster(tmp_path / "cluster", before=later) as there:
        there.work_for(fresh)
        ran = fresh.step("embed")
    assert (ran.code, f"runs simrec 0.0.9 and not {__version__}" in refusal(ran), there.shards) == (
        3,
        True,
        [],
    )


def test_no_scheduler_and_none_named_are_one_sentence_each(fresh: House) -> None:
    fresh.configure(f'kind = "dask"\nscheduler = "tcp://127.0.0.1:9"\nwait_seconds = {SOON}\n')
    ran = fresh.job()
    assert (
        ran.code,
        "no Dask scheduler answers at tcp://127.0.0.1:9 (engine.scheduler)" in refusal(ran),
    ) == (3, True)
    fresh.configure('kind = "dask"\n')
    ran = fresh.step("embed")
    assert (ran.code, "engine.scheduler has to name the scheduler" in refusal(ran)) == (3, True)


AUTHORITY = (
    "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca-key.pem -out ca.pem"
)
REQUEST = "req -newkey rsa:2048 -nodes -subj /CN=cluster -keyout key.pem -out request.pem"
SIGN = (
    "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -out cert.pem"
)


def certificates(folder: Path) -> dict[str, str]:
    """Make an authority and a certificate signed by it; return Dask's variables that name them."""
    if shutil.which("openssl") is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)("there is no openssl on this machine")
    folder.mkdir()
    for command in (AUTHORITY, REQUEST, SIGN):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    own = {
        f"{who}__{what}": f"{what.lower()}.pem"
        for who in ("SCHEDULER", "WORKER", "CLIENT")
        for what in ("CERT", "KEY")
    }
    return {
        f"DASK_DISTRIBUTED__COMM__TLS__{key}": str(folder / name)
        for key, name in {"CA_FILE": "ca.pem", **own}.items()
    }


def test_with_certificates(
    fresh: House, alone: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is heard who has none, or one of another authority."""
    variables, others = (certificates(tmp_path / name) for name in ("tls", "other"))
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__DEFAULT_SCHEME", "tls")
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION", "true")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with cluster(tmp_path / "cluster") as there:
        assert there.address.startswith("tls://127.0.0.1:")
        there.work_for(fresh, SOON)
        for name, value in others.items():
            monkeypatch.setenv(name, value)
        assert "TLS certificate does not match" in refusal(fresh.job())
        for name in (
            *others,
            "DASK_DISTRIBUTED__COMM__DEFAULT_SCHEME",
            "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION",
        ):
            monkeypatch.delenv(name)
        ran = fresh.step("embed")
        assert (ran.code, "names no certificates to show" in refusal(ran)) == (3, True)
        config = fresh.folder / "config.toml"
        config.write_text(config.read_text().replace("tls://", "tcp://"))
        ran = fresh.job()
        assert (ran.code, "no Dask scheduler answers at tcp://" in refusal(ran), there.started) == (
            3,
            True,
            [],
        )
        config.write_text(config.read_text().replace("tcp://", "tls://"))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert fresh.step("embed").code == 0
    assert shards(fresh) == shards(alone)


def test_without_its_extra_it_is_one_sentence(fresh: House) -> None:
    fresh.configure('kind = "dask"\nscheduler = "tcp://127.0.0.1:9"\n')
    ran = fresh.job(before="sys.modules['distributed'] = None")
    assert (ran.code, "pip install 'simrec[cluster]'" in refusal(ran)) == (3, True)
