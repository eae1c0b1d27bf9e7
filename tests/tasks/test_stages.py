"""Index and recommendations as tasks: a release has the same bytes, whichever engine and kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT, House, Ran, environment, new_house
from tests.jobs.disturbed import KILL, LONG, at_event
from tests.tasks.clusters import Cluster, cluster, copy, refusal, released, until

# Some hundred articles are then as many parts, slices and shards as a million are.
CHANGED = {
    "lexical_weight = 0": "lexical_weight = 0.5",
    "max_exposure = 0": "max_exposure = 2\ndiversity = 0.2",
    "collapse_duplicates = false": "collapse_duplicates = true",
    "[index]": '[index]\nkind = "ivf_pq"\nmemory_mib = 0.401',  # slices of 128 rows
    "[engine]": "[engine]\nmax_part_rows = 128",
}
PARTS = 4
SLICES = [f"neighbours-{number}-of-{PARTS}" for number in range(1, PARTS + 1)]
STAGES = ["add", *SLICES, "rerank", "lists", "evidence", "shared-words"]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose articles are encoded and not indexed. Do not change it."""
    house = new_house(tmp_path_factory.mktemp("embedded") / "house")
    config = house.folder / "config.toml"
    text = config.read_text()
    for old, new in CHANGED.items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    for step in ("ingest", "embed"):
        ran = house.step(step)
        assert ran.code == 0, ran.err
    return house


@pytest.fixture(scope="module")
def alone(embedded: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The same after a night in one process that knows no Dask. Do not change it."""
    house = copy(embedded, tmp_path_factory.mktemp("alone") / "house")
    _engine(house, "workers = 1")
    ran = house.job(before="sys.modules['distributed'] = None")
    assert ran.code == 0, ran.err
    return house


@pytest.fixture
def fresh(embedded: House, tmp_path: Path) -> House:
    return copy(embedded, tmp_path / "house")


def _engine(house: House, lines: str) -> None:
    path = house.folder / "config.toml"
    path.write_text(path.read_text().replace("[engine]", f"[engine]\n{lines}"))


def part(path: Path) -> str:
    """A part without its workspace: the stage and its name."""
    return "/".join(path.parts[-2:])


@contextmanager
def night(house: House) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", house.job_code("nightly", "")]
    with subprocess.Popen(
        command, env=environment(), cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as job:
        yield job


def started(there: Cluster, stage: str) -> list[tuple[int, str]]:
    return [(process, part(path)) for process, path in there.started if path.parent.name == stage]


def test_two_processes_and_a_cluster_make_what_one_process_makes(
    fresh: House, alone: House, embedded: House, tmp_path: Path
) -> None:
    two = copy(embedded, tmp_path / "two")
    _engine(two, "workers = 2")
    ran = two.job()
    assert ran.code == 0, ran.err
    with cluster(tmp_path / "cluster") as there:
        there.work_for(fresh)
        ran = fresh.job()
        assert ran.code == 0, ran.err
    assert released(two) == released(fresh) == released(alone)
    counts = Counter(path.parent.name for _, path in there.started)
    assert [counts[stage] for stage in STAGES] == [PARTS] * len(STAGES)
    assert set(Counter(path for _, path in there.started).values()) == {1}, "exactly once"


def test_a_night_of_change_is_the_same_on_a_cluster(alone: House, tmp_path: Path) -> None:
    here, there = copy(alone, tmp_path / "here"), copy(alone, tmp_path / "there")
    for house in (here, there):
        articles = house.articles
        for article in (articles[3], articles[150], articles[300]):
            article["text"] += " It was said again."
        house.write_articles(
            [*articles, {**articles[7], "id": "new", "text": articles[7]["text"][:400]}]
        )
        assert house.step("ingest").code == 0
    assert here.job().code == 0
    with cluster(tmp_path / "cluster") as workers:
        path = there.folder / "config.toml"
        path.write_text(
            path.read_text().replace(
                "workers = 1", f'kind = "dask"\nscheduler = "{workers.address}"'
            )
        )
        ran = there.job()
        assert ran.code == 0, ran.err
    assert "4 new rows and 3 gone" in there.last_steps()["index"]["what"]
    assert Counter(path.parent.name for _, path in workers.started)["neighbours"] == PARTS
    assert released(here) == released(there)


@pytest.mark.parametrize("stage", [SLICES[1], "lists"] if LONG else ["lists"])
def test_a_worker_is_killed(fresh: House, alone: House, tmp_path: Path, stage: str) -> None:
    with cluster(tmp_path / "cluster", seconds=0.3) as there:
        there.work_for(fresh)
        with night(fresh) as job:
            until(lambda: len(started(there, stage)) >= 3, "nothing was started")
            killed, of = started(there, stage)[-1]
            os.kill(killed, signal.SIGKILL)
            err = job.communicate(timeout=120)[1]
            assert job.returncode == 0, err
        again = [process for process, path in started(there, stage) if path == of]
    assert len(again) == 2, "the kill proved nothing"
    assert again[0] == killed != again[1]
    assert released(fresh) == released(alone)


def test_the_job_is_killed_and_goes_on_where_it_was(
    fresh: House, alone: House, tmp_path: Path
) -> None:
    """On another engine too, since all write the same parts. The status says how far it is."""
    with cluster(tmp_path / "cluster", seconds=0.3) as there:
        there.work_for(fresh)
        with night(fresh) as job:
            until(lambda: len(started(there, SLICES[2])) >= 2, "nothing was started")
            job.kill()
        (parts,) = (fresh.workspace / "staging").glob("*/parts")

        def noted() -> set[str]:
            return {part(path) for path in parts.glob("*/[!.]*")} - {"parts/plan.json"}

        until(lambda: {path for _, path in started(there, SLICES[2])} <= noted(), "what runs ends")
        time.sleep(0.5)
        ended = noted()
        done = sum(path.startswith(SLICES[2]) for path in ended)
        assert 1 <= done < PARTS, "the kill came too late to prove anything"
        assert sum(path.startswith(SLICES[1]) for path in ended) == PARTS, (
            "needed by what is missing"
        )
        assert not any(path.startswith(SLICES[0]) for path in ended), "not needed any more"
        said = fresh.simrec("status").out
        assert f"{SLICES[2]} {done} of {PARTS}" in said, said
        before = len(there.started)
        ran = fresh.job()
        assert ran.code == 0, ran.err
        again = {part(path) for _, path in there.started[before:]}
    assert not again & ended, "what was done is not done again"
    assert sum(path.startswith("neighbours") for path in again) == 2 * PARTS - done
    assert released(fresh) == released(alone)
    assert not list((fresh.workspace / "staging").iterdir())


def test_the_scheduler_goes_away_and_one_machine_ends_the_night(
    fresh: House, alone: House, tmp_path: Path
) -> None:
    with cluster(tmp_path / "cluster", seconds=0.3) as there:
        there.work_for(fresh)
        with night(fresh) as job:
            until(lambda: len(started(there, SLICES[1])) >= 2, "nothing was started")
            there.scheduler.kill()
            err = job.communicate(timeout=120)[1]
        said = refusal(Ran(job.returncode, "", err))
        assert (job.returncode, f"the Dask scheduler {there.address} went away" in said) == (
            3,
            True,
        )
    path = fresh.folder / "config.toml"
    path.write_text(path.read_text().replace('kind = "dask"', 'kind = "local"'))
    ran = fresh.job()
    assert ran.code == 0, ran.err
    assert released(fresh) == released(alone)


def test_parts_of_another_plan_are_not_used(fresh: House, alone: House) -> None:
    """A part of tonight's plan is used: where its bytes cannot be read, the night stops."""
    _engine(fresh, "workers = 1")
    for plan, code in (("index of simrec 0", 0), (None, 1)):
        first_part = f"{SLICES[0]}/."
        ran = fresh.job(before=at_event(first_part, ("os.mkdir",), KILL))
        assert ran.code == -signal.SIGKILL
        (parts,) = (fresh.workspace / "staging").glob("*/parts")
        known = json.loads((parts / "plan.json").read_text())
        (parts / "plan.json").write_text(json.dumps({**known, "plan": plan or known["plan"]}))
        (parts / SLICES[0] / "00000").mkdir()
        (parts / SLICES[0] / "00000" / "packed.npy").write_bytes(b"nothing that can be read")
        ran = fresh.job()
        assert ran.code == code, ran.err
        if plan:
            assert "holds parts of another plan" in ran.err
            assert released(fresh) == released(alone)
            (fresh.workspace / "CURRENT").unlink()
            for release in (fresh.workspace / "releases").iterdir():
                release.rename(fresh.folder / release.name)


def test_parts_that_outlived_their_step_are_not_published(fresh: House, alone: House) -> None:
    """Killed between the last file of a step and the removal of its parts, at two steps."""
    for removal, last in enumerate(("graph.npy", "items.db"), 1):  # first those that were left go
        dies = at_event("/.parts.", ("os.rename",), KILL, when=f"== {removal}")
        ran = fresh.job(before=dies)
        assert ran.code == -signal.SIGKILL
        (staged,) = (fresh.workspace / "staging").iterdir()
        assert {last, "parts"} <= {path.name for path in staged.iterdir()}
    ran = fresh.job()
    assert ran.code == 0, ran.err
    assert released(fresh) == released(alone)
    assert not (fresh.workspace / "releases" / fresh.current / "parts").exists()


def test_a_worker_with_a_full_disk_is_a_sentence_and_nothing_is_lost(
    fresh: House, alone: House, tmp_path: Path
) -> None:
    full = tmp_path / "full"
    full.touch()
    happens = f"""
        if os.path.exists({str(full)!r}) and "neighbours" in str(task.path):
            raise OSError(28, "No space left on device", str(task.path))"""
    with cluster(tmp_path / "cluster", happens=happens) as there:
        there.work_for(fresh)
        ran = fresh.job()
        assert (
            ran.code,
            "No space left on device (ENOSPC); nothing published was changed" in refusal(ran),
        ) == (3, True)
        full.unlink()
        ran = fresh.job()
        assert ran.code == 0, ran.err
    assert released(fresh) == released(alone)
