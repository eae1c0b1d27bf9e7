"""A small real corpus, a workspace built from it once, and ways to run simrec as its users do."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import mariadb, postgres

# A busy machine is no bug, and CI has to try the same examples every time.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.load_profile("house")

ROOT = Path(__file__).parent.parent
CASES = Path(__file__).parent / "data" / "cases"
SPEECHES = Path(__file__).parent / "data" / "speeches.jsonl"
CONFIG = """
[[sources]]
path = "articles.jsonl"
[encoder]
hidden = 16
dim = 32
vocab_size = 2000
[training]
epochs = 1
batch_size = 32
[index]
candidates = 20
[recommend]
similar_articles = 10
lexical_weight = 0
smoothing = 0
[rules]
collapse_duplicates = false
max_exposure = 0
[evaluate]
sample = 100
[engine]
shard_texts = 64
"""


@dataclass
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class House:
    """A folder with articles.jsonl, config.toml and a workspace, and commands to run on it."""

    folder: Path

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def current(self) -> str:
        return (self.workspace / "CURRENT").read_text().strip()

    @property
    def articles(self) -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in (self.folder / "articles.jsonl").read_text().splitlines()
        ]

    def write_articles(self, articles: list[dict[str, Any]]) -> None:
        lines = (json.dumps(article, ensure_ascii=False) + "\n" for article in articles)
        (self.folder / "articles.jsonl").write_text("".join(lines))

    def configure(self, more: str) -> None:
        (self.folder / "config.toml").write_text(CONFIG + more)

    def simrec(self, *arguments: object) -> Ran:
        return run("-m", "simrec", *arguments, "-w", self.workspace)

    def step(self, name: str, *arguments: object) -> Ran:
        return self.simrec(name, *arguments, "-c", self.folder / "config.toml", "-v")

    def job(self, name: str = "nightly", before: str = "") -> Ran:
        """Run a job file as cron does; `before` is Python that runs first in its process."""
        return run("-c", self.job_code(name, before))

    def job_code(self, name: str, before: str) -> str:
        """Return Python that runs a job file as a script does, after some lines of ours."""
        script = str(ROOT / "jobs" / f"{name}.py")
        arguments = [
            script,
            "-c",
            str(self.folder / "config.toml"),
            "-w",
            str(self.workspace),
            "-v",
        ]
        start = f"import os, runpy, sys\nsys.argv = {arguments!r}\n{before}\n"
        return f"{start}runpy.run_path({script!r}, run_name='__main__')"

    def own_job(self, steps: str) -> Ran:
        """Run a nightly job of the test's own: Python that defines STEPS."""
        return run(*self.own_job_command(steps))

    def own_job_command(self, steps: str) -> list[object]:
        script = self.folder / "nightly.py"
        script.write_text(
            f"from simrec import runner, steps\nfrom simrec.steps import Step\n{steps}\n"
            "runner.main(STEPS)\n"
        )
        config = self.folder / "config.toml"
        return [script, "-c", config, "-w", self.workspace, "-v"]

    def journal(self) -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in (self.workspace / "journal.jsonl").read_text().splitlines()
        ]

    def last_steps(self) -> dict[str, dict[str, Any]]:
        return {step["step"]: step for step in self.journal()[-1]["steps"]}


def run(*arguments: object, cwd: Path = ROOT) -> Ran:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(),
        timeout=3_600,  # ends a hang; no test asserts a time
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def speeches() -> list[dict[str, Any]]:
    return [json.loads(line) for line in SPEECHES.read_text().splitlines()]


def new_house(folder: Path, articles: list[dict[str, Any]] | None = None) -> House:
    folder.mkdir(parents=True, exist_ok=True)
    house = House(folder)
    house.configure("")
    house.write_articles(speeches() if articles is None else articles)
    return house


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose workspace has been trained and released. Do not change it."""
    folder = tmp_path_factory.mktemp("published") / "house"
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return retrained_house(folder)
    # One process trains, and the others copy: training costs more than most tests.
    common = tmp_path_factory.getbasetemp().parent / "published"
    with common.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not common.exists():
            shutil.copytree(retrained_house(folder).folder, common.with_suffix(".part"))
            common.with_suffix(".part").rename(common)
            return House(folder)
    shutil.copytree(common, folder)
    return House(folder)


def retrained_house(folder: Path) -> House:
    house = new_house(folder)
    ran = house.job("retrain")
    assert ran.code == 0, ran.err
    return house


def nightly_house(
    published: House, folder: Path, config: str, articles: list[dict[str, Any]] | None = None
) -> House:
    """A house with a configuration of its own, released with the encoder of the published one."""
    house = new_house(folder, articles)
    (house.folder / "config.toml").write_text(config)
    assert house.step("ingest").code == 0
    encoders = house.workspace / "encoders"
    shutil.copytree(published.workspace / "encoders", encoders, dirs_exist_ok=True)
    return after_a_night(house)


def first_house(folder: Path, config: str) -> House:
    """A house with a configuration of its own, released with the encoder in the box."""
    house = new_house(folder)
    (house.folder / "config.toml").write_text(config)
    return after_a_night(house)


def after_a_night(house: House) -> House:
    ran = house.job()
    assert ran.code == 0, ran.err
    return house


@pytest.fixture
def house(published: House, tmp_path: Path) -> House:
    """A copy of the published house, to be changed."""
    shutil.copytree(published.folder, tmp_path / "house")
    copied = House(tmp_path / "house")
    journal = copied.workspace / "journal.jsonl"
    journal.write_text(
        journal.read_text().splitlines(keepends=True)[0]
    )  # not what other tests have asked since
    return copied


@pytest.fixture
def empty_house(tmp_path: Path) -> Callable[[list[dict[str, Any]] | None], House]:
    """Make a house with articles and no workspace."""
    return lambda articles=None: new_house(tmp_path / "house", articles)


@pytest.fixture(scope="session")
def postgres_port() -> Iterator[int]:
    """A running PostgreSQL; without one its tests are skipped, but in CI they fail."""
    folder = postgres.binaries()
    if folder is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(
            "there is no PostgreSQL on this machine"
        )
    with postgres.server(folder) as port:
        yield port


@pytest.fixture
def database(postgres_port: int) -> postgres.Database:
    """An empty PostgreSQL database."""
    made = postgres.Database(postgres_port, f"test_{uuid.uuid4().hex}")
    postgres.Database(postgres_port, "postgres").run(f"CREATE DATABASE {made.name}")
    return made


@pytest.fixture(scope="session")
def mariadb_port() -> Iterator[int]:
    """A running MariaDB; without one, or without PyMySQL, its tests are skipped."""
    if not mariadb.is_installed():
        pytest.skip("there is no MariaDB on this machine, or no PyMySQL")
    with mariadb.server() as port:
        yield port


@pytest.fixture
def maria(mariadb_port: int) -> mariadb.MariaDb:
    """An empty MariaDB database."""
    made = mariadb.MariaDb(mariadb_port, f"test_{uuid.uuid4().hex}")
    mariadb.MariaDb(mariadb_port, "mysql").run(f"CREATE DATABASE {made.name}")
    return made
