"""A night that is disturbed: what it has to do, what it ends in, and a reader meanwhile."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

from tests.conftest import CONFIG, ROOT, House, environment, speeches

LONG = bool(os.environ.get("SIMREC_LONG"))  # everywhere and often, instead of here and there

# Python that runs before the job: something happens at the n-th event about a path.
AT_EVENT = """
import atexit, os, sys, time
EVENTS = {events!r}
seen = 0
def is_write(event, arguments):
    if event != "open":
        return True
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
def about_to(event, arguments):
    global seen
    if event not in EVENTS or {inside!r} not in " ".join(map(str, arguments)):
        return
    if {any_open!r} or is_write(event, arguments):
        seen += 1
        if seen {when}:
            {happens}
sys.addaudithook(about_to)
atexit.register(lambda: print(seen))
"""
GROWS = ("open", "os.mkdir", "shutil.copytree", "sqlite3.connect")
CHANGES = (*GROWS, "os.remove", "os.rename", "shutil.rmtree")
KILL = "os.kill(os.getpid(), 9)"
FULL = "raise OSError(28, 'No space left on device', str(arguments[0]))"


def busy_night(house: House) -> None:
    """Give every step something to do: articles changed, new and gone, and no word weights."""
    more = '[ingest]\nsync = true\n[release]\nkeep = 2\n[[sinks]]\npath = "out"\n'
    (house.folder / "config.toml").write_text(
        CONFIG.replace("lexical_weight = 0", "lexical_weight = 0.5") + more
    )
    changed = [
        {**article, "text": article["text"] + " Again."} if n % 3 == 0 else article
        for n, article in enumerate(house.articles)
    ]
    house.write_articles([*changed[:-1], {**speeches()[7], "id": "new", "title": "A new one"}])


def at_event(inside: str, events: tuple[str, ...], happens: str, when: str = "== 1") -> str:
    """Return Python that does something at an event whose arguments contain a text.

    Reading counts as well.
    """
    return AT_EVENT.format(events=events, inside=inside, any_open=True, when=when, happens=happens)


def killed_at(house: House, n: int) -> str:
    """Return Python that kills the job's process at its n-th change of the workspace."""
    return _at_change(house, CHANGES, f"== {n}", KILL)


def full_from(house: House, n: int) -> str:
    """Return Python that lets the disk be full from the n-th file or folder on that is made."""
    return _at_change(house, GROWS, f">= {n}", FULL)


def _at_change(house: House, events: tuple[str, ...], when: str, happens: str) -> str:
    return AT_EVENT.format(
        events=events, inside=str(house.workspace), any_open=False, when=when, happens=happens
    )


def copy(house: House, folder: Path) -> House:
    shutil.copytree(house.folder, folder)
    return House(folder)


def contents(house: House) -> dict[str, str]:
    """Return the checksum of every file of the current release.

    Of the manifest it is all but the time when it was made, and its seal.
    """
    folder = house.workspace / "releases" / house.current
    manifest = json.loads((folder / "manifest.json").read_bytes())
    dateless = {
        name: value for name, value in manifest.items() if name not in ("created_at", "seal")
    }
    assert len(dateless) == len(manifest) - 2
    own = {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "manifest.json"
    }
    return {**own, "manifest.json": json.dumps(dateless)}


def ids(database: Path) -> list[str]:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT id FROM articles ORDER BY id")]


def stored_ids(house: House) -> list[str]:
    """Return the ids in the article store, in order."""
    return ids(house.workspace / "articles.db")


def released_ids(house: House) -> list[str]:
    return ids(house.workspace / "releases" / house.current / "items.db")


def expect_the_same(house: House, undisturbed: House) -> None:
    """Expect the release and the articles of an undisturbed night, to the byte."""
    assert house.current == undisturbed.current
    assert contents(house) == contents(undisturbed)
    assert released_ids(house) == stored_ids(house) == stored_ids(undisturbed)
    assert house.simrec("verify").code == 0


def changes(house: House, at: Callable[[House, int], str]) -> int:
    """Run a night and count the changes at which `at` would do something."""
    ran = house.job(before=at(house, 10**6))
    assert ran.code == 0, ran.err
    return int(ran.out.split()[-1])


def killed(house: House, seconds: float) -> bool:
    """Run the nightly job and kill it with its workers after so long; tell whether it still ran."""
    command = [
        ROOT / "jobs" / "nightly.py",
        "-c",
        house.folder / "config.toml",
        "-w",
        house.workspace,
    ]
    with subprocess.Popen(
        [sys.executable, *map(str, command)], env=environment(), start_new_session=True
    ) as job:
        try:
            code = job.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(job.pid, signal.SIGKILL)
            return job.wait() == -signal.SIGKILL
        assert code == 0, "a run that nobody disturbed"
        return False


READER = """
import sys, time
from contextlib import closing
from pathlib import Path
from simrec.release import Release
from simrec.workspace import Workspace
workspace, asked, told = Workspace.open(Path(sys.argv[1])), 0, set()
print("reading", flush=True)
while not Path(sys.argv[1] + ".enough").exists():
    release = Release.current(workspace)
    release.verify()
    with closing(release.folder.open_tables()) as db:
        similar = "SELECT count(*) FROM similar_articles JOIN articles ON row = article WHERE id = ?"
        assert db.execute(similar, (sys.argv[2],)).fetchone() == (10,)
    asked += 1
    told.add(release.manifest.release_id)
    time.sleep(0.02)
print(asked, *told)
"""


@contextmanager
def reader(house: House, asking_for: str, whole: set[str]) -> Iterator[None]:
    """Ask for one article over and over meanwhile, reading the release whole each time.

    At the end every question was answered, by one of the releases of these ids.
    """
    enough = Path(f"{house.workspace}.enough")
    command = [sys.executable, "-c", READER, str(house.workspace), asking_for]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout
        asking.stdout.readline()
        try:
            yield
        finally:
            enough.touch()
            told = asking.stdout.read().split()
            enough.unlink()
        assert asking.wait() == 0, "a question was not answered"
    assert int(told[0]) > 0
    assert set(told[1:]) <= whole


def flip(path: Path, place: int) -> None:
    """Flip a bit of one byte."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
