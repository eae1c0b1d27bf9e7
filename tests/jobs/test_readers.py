"""Two runs at once, and readers while releases come and go."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import House, environment, speeches
from tests.jobs import disturbed

SEED = "1861-Lincoln-1/13"


def test_of_two_runs_at_once_one_works_and_one_exits_6(house: House) -> None:
    before = len(house.journal())
    house.write_articles([*house.articles, {**speeches()[3], "id": "new", "title": "New"}])
    slow = (
        "import time\n"
        "def embed_slowly(night):\n"
        "    time.sleep(3)\n"
        "    return steps.embed(night)\n"
        "STEPS = [steps.ingest, Step('embed', embed_slowly), steps.index, steps.recommend,"
        " steps.evaluate, steps.publish]"
    )
    command = [sys.executable, *map(str, house.own_job_command(slow))]
    runs = [
        subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = {run.communicate()[1].splitlines()[-1].partition(" ")[2]: run.returncode for run in runs}
    assert sorted(said.values()) == [0, 6]
    busy = runs[0] if runs[0].returncode == 0 else runs[1]
    assert f"{house.workspace}: process {busy.pid} is at work here" in next(
        iter(k for k, c in said.items() if c == 6)
    )
    assert [run["exit_code"] for run in house.journal()[before:]] == [0], (
        "who is refused writes nothing"
    )
    assert house.simrec("show", "new").code == 0


def test_readers_are_answered_while_releases_come_and_go(house: House) -> None:
    """A release stays while the next one answers; with keep = 1 it would go at once."""
    house.configure("[release]\nkeep = 2\n")
    known = {house.current}
    with disturbed.reader(house, SEED, known):
        for number in range(2):
            house.write_articles([*house.articles, {**speeches()[number], "id": f"new{number}"}])
            assert house.job().code == 0
            known.add(house.current)
    assert len(list((house.workspace / "releases").iterdir())) == 2
    house.configure("[release]\nkeep = 3\n")
    older = house.current
    house.write_articles(house.articles[:-1])
    house.configure("[release]\nkeep = 3\n[ingest]\nsync = true\n")
    assert house.job().code == 0
    with disturbed.reader(house, SEED, {older, newer := house.current}):
        for release in [older, newer] * 2:
            assert house.simrec("rollback", release).code == 0


def test_a_release_that_is_pruned_between_two_looks_is_looked_for_again(house: House) -> None:
    """The reader reads CURRENT; the next night publishes and prunes; the reader opens what it read."""
    before = house.current
    house.configure("[release]\nkeep = 1\n")
    house.write_articles([*house.articles, {**speeches()[0], "id": "new"}])
    night = (
        "import subprocess, sys, simrec.release as r\nopen_, nights = r.Release.open.__func__, []\n"
        "def late(cls, folder):\n"
        f"    nights or nights.append(subprocess.run([sys.executable, '-c', {house.job_code('nightly', '')!r}]))\n"
        "    return open_(cls, folder)\n"
        "r.Release.open = classmethod(late)\n"
        f"sys.argv = ['simrec', 'similar', {SEED!r}, '--json', '-w', {str(house.workspace)!r}]\n"
        "from simrec.cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", night], env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 10), done.stderr
    assert not Path(house.workspace / "releases" / before).exists()
