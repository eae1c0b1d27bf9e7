"""The crontab and the units that init makes: they run as they stand, whatever paths are called."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import House, environment
from tests.setup.conftest import Say, at, write_posts

ODD = 'a %b $HOME "c"; d\'e'
SANDBOX = Path(__file__).parent / "sandbox.sh"


def value(unit: str, key: str) -> str:
    return next(line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}="))


@pytest.fixture
def units(tmp_path: Path, simrec: Say) -> dict[str, str]:
    """The units of a workspace with an odd name, a sink, a database, a monitor and a cluster."""
    folder = tmp_path / ODD
    write_posts(folder / "posts")
    (tmp_path / "units").mkdir()
    (folder / "simrec.toml").write_text(
        '[[sources]]\npath = "posts"\n[[sinks]]\npath = "out"\n'
        '[[sinks]]\nurl = "sqlite:///site/lists.db"\n[[sinks]]\nurl = "$SITE"\n'
        '[monitor]\nprometheus = "metrics/simrec.prom"\n'
        '[engine]\nkind = "dask"\nscheduler = "tls://10.0.0.7:8786"\n'
    )
    with at(folder):
        ran = simrec("init", "-w", "ws", "--units", tmp_path / "units", "--user", "daemon")
        assert ran.code == 0, ran.err
    texts = {path.name: path.read_text() for path in (tmp_path / "units").iterdir()}
    return {"crontab": ran.out, **texts}


def test_the_shell_of_cron_reads_the_paths(units: dict[str, str], tmp_path: Path) -> None:
    jobs = [line for line in units["crontab"].splitlines() if line[:1].isdigit()]
    assert len(jobs) == 4
    for line in jobs:
        command = " ".join(line.split(" ", 5)[5:]).strip()
        assert "%" not in command.replace(r"\%", ""), "cron ends a command at a percent sign"
        words = shlex.split(command.replace(r"\%", "%").removesuffix("> /dev/null"))
        folder = tmp_path / ODD
        assert words[-4:] == ["-c", str(folder / "simrec.toml"), "-w", str(folder / "ws")]
        assert Path(words[0]).name in ("simrec", "python", "python3")


def test_units_allow_what_the_configuration_asks_for(units: dict[str, str], tmp_path: Path) -> None:
    nightly = units["simrec-nightly.service"]
    folder = tmp_path / ODD
    written = shlex.split(value(nightly, "ReadWritePaths").replace("%%", "%"))
    needed = [folder / name for name in ("ws", "out", "site", "metrics")]
    assert written == list(map(str, needed))
    assert all(path.is_dir() for path in needed), "a unit does not start without them"
    assert "AF_INET6" in value(nightly, "RestrictAddressFamilies")
    assert "PrivateNetwork" not in nightly
    assert "simrec.env" in value(nightly, "EnvironmentFile")
    assert "--host 10.0.0.7 " in units["simrec-scheduler.service"]
    assert " tls://10.0.0.7:8786 " in units["simrec-worker@.service"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs Debian's systemd")
def test_systemd_verifies_the_units_and_calls_them_safe(
    units: dict[str, str], tmp_path: Path
) -> None:
    paths = sorted(path for path in (tmp_path / "units").iterdir() if "@" not in path.name)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    jobs = ["nightly", "housekeeping", "monitor"]
    for name in jobs:
        unit = tmp_path / "units" / f"simrec-{name}.service"
        command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(unit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-200:]  # 2.5 of 10, where 10 is exposed
        assert (tmp_path / "units" / f"simrec-{name}.timer").exists()


def test_a_night_ends_well_with_no_more_than_its_unit_allows(house: House) -> None:
    """The mounts and the missing network of the unit, without systemd."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("only root may mount")
    house.configure('[[sinks]]\npath = "out/lists"\n[[sinks]]\nurl = "sqlite:///site/lists.db"\n')
    house.write_articles([*house.articles, {"id": "new", "text": "Wheat and corn and cotton."}])
    before = house.current
    command = ["unshare", "--mount", "--net", "bash", str(SANDBOX), str(house.folder)]
    variables = {**environment(), "PYTHON": sys.executable}
    done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    if done.returncode == 77 or done.stderr.startswith("unshare: "):
        pytest.skip("no namespaces here")
    assert done.returncode == 0, done.stderr
    assert "elsewhere is read-only" in done.stdout
    assert house.current != before
    assert (house.folder / "out" / "lists" / "release.json").exists()
    assert (house.folder / "site" / "lists.db").exists()
