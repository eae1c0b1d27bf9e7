"""Crontab lines and systemd units that run the jobs of one workspace by one installation."""

import shlex
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from string import Template

from simrec.config import Config
from simrec.scheduling.needs import Needs, needs_of

TEMPLATES = Path(__file__).parent / "templates"
WEEKLY_TRAINING = "tensorflow"  # installed with the extra `train`
SERVER = "uvicorn"  # installed with the extra `serve`
OPEN_NETWORK = "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"
NO_NETWORK = "PrivateNetwork=true\nRestrictAddressFamilies=AF_UNIX"
OWN_TEMPORARY_FOLDER = "PrivateTmp=true"
SHARED_TEMPORARY_FOLDER = "ReadWritePaths=/tmp /var/tmp"


@dataclass(frozen=True)
class Schedule:
    """Who runs the jobs of which workspace, with which configuration; paths are absolute."""

    config: Config
    config_path: Path
    workspace: Path
    user: str
    retrain: bool

    @property
    def needs(self) -> Needs:
        """What a night reads and writes."""
        return needs_of(self.config, self.workspace)

    def command(self, *words: str) -> list[str]:
        """Return a simrec command of this installation on the workspace."""
        places = ["-c", str(self.config_path), "-w", str(self.workspace)]
        return [*installed_command(), *words, *places]


@dataclass(frozen=True)
class Unit:
    """A job under systemd: its words after `simrec`, what it is, and when it runs."""

    name: str
    words: tuple[str, ...]
    purpose: str
    calendar: str


def installed_command() -> list[str]:
    """Return what runs simrec from anywhere: its script, or this Python."""
    script = Path(sys.executable).parent / "simrec"
    return [str(script)] if script.exists() else [sys.executable, "-m", "simrec"]


def can_train() -> bool:
    """Tell whether this installation has what `simrec retrain` needs."""
    return find_spec(WEEKLY_TRAINING) is not None


def crontab(schedule: Schedule) -> str:
    """Return the lines of a crontab; cron mails what a job writes to stderr."""
    retrain = f"30 2 * * 0  {_cron(schedule, 'retrain')}\n"
    return read_template("crontab").substitute(
        nightly_days="1-6" if schedule.retrain else "*",
        nightly=_cron(schedule, "nightly"),
        retrain=retrain if schedule.retrain else "",
        housekeeping=_cron(schedule, "housekeeping"),
        monitor=_cron(schedule, "status", "--line"),
    )


def _cron(schedule: Schedule, *words: str) -> str:
    return shlex.join(schedule.command(*words)).replace("%", r"\%")


def units(schedule: Schedule) -> dict[str, str]:
    """Return the text of each systemd unit by the name of its file."""
    texts = {}
    for unit in _jobs(schedule):
        name = f"simrec-{unit.name}"
        texts[f"{name}.service"] = _service(unit, schedule)
        texts[f"{name}.timer"] = read_template("job.timer").substitute(
            purpose=unit.purpose, calendar=unit.calendar
        )
    if find_spec(SERVER):
        texts["simrec-serve.service"] = _server(schedule)
    if schedule.config.engine.kind == "dask":
        for name in ("simrec-scheduler.service", "simrec-worker@.service"):
            texts[name] = _cluster(name, schedule)
    return texts


def _jobs(schedule: Schedule) -> list[Unit]:
    days = "Mon..Sat " if schedule.retrain else ""
    jobs = [
        Unit("nightly", ("nightly",), "related articles, every night", f"{days}*-*-* 02:30:00"),
        Unit("housekeeping", ("housekeeping",), "verify and tidy up", "Sun *-*-* 06:00:00"),
        Unit("monitor", ("status", "--line"), "is the last night good?", "*-*-* *:05:00"),
    ]
    if schedule.retrain:
        purpose = "train on the articles of now, every week"
        jobs.append(Unit("retrain", ("retrain",), purpose, "Sun *-*-* 02:30:00"))
    return jobs


def _service(unit: Unit, schedule: Schedule) -> str:
    needs = schedule.needs
    command = schedule.command(*unit.words)
    if unit.name != "monitor":
        command += ["--verbose", "--log-format", "json"]
    path = str(schedule.config_path.with_suffix(".env")).replace("%", "%%")
    variables = f"EnvironmentFile=-{path}\n"  # all of the line is the path, quotes among it
    return read_template("job.service").substitute(
        purpose=unit.purpose,
        user=schedule.user,
        command=" ".join(map(_argument, command)),
        variables=variables if needs.variables else "",
        written=" ".join(_unit_word(str(path)) for path in needs.written),
        temporary=SHARED_TEMPORARY_FOLDER if needs.temporary else OWN_TEMPORARY_FOLDER,
        network=OPEN_NETWORK if needs.network else NO_NETWORK,
    )


def _server(schedule: Schedule) -> str:
    command = [*installed_command(), "serve", "-w", str(schedule.workspace)]
    return read_template("simrec-serve.service").substitute(
        user=schedule.user,
        command=" ".join(map(_argument, command)),
        temporary="" if schedule.needs.temporary else OWN_TEMPORARY_FOLDER,
    )


def _cluster(name: str, schedule: Schedule) -> str:
    dask = Path(sys.executable).parent / "dask"
    address = schedule.config.engine.scheduler or "tcp://10.0.0.1:8786"
    return read_template(name).substitute(
        user=schedule.user,
        dask=_unit_word(str(dask)),
        address=_argument(address),
        host=_argument(address.partition("://")[2].rpartition(":")[0]),
        workspace=_unit_word(str(schedule.workspace)),
    )


def _argument(text: str) -> str:
    """Return a word of a command as systemd reads it, in which $ begins a variable."""
    return _unit_word(text.replace("$", "$$"))


def _unit_word(text: str) -> str:
    """Return a word of a unit: % begins a specifier, and what holds blanks is quoted."""
    text = text.replace("%", "%%")
    if not set(text) & set(" \t\"'\\;"):
        return text
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def read_template(name: str) -> Template:
    """Return a template of this package."""
    return Template((TEMPLATES / name).read_text(encoding="utf-8"))
