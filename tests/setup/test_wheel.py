"""A clean virtual environment with only the wheel: from pip install to a related list."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.setup.conftest import write_posts


def ran(*command: object, cwd: Path) -> str:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=cwd, env=variables, check=False
    )
    assert done.returncode == 0, (command, done.stderr[-2000:])
    return done.stdout


@pytest.mark.skipif(not os.environ.get("SIMREC_LONG"), reason="SIMREC_LONG=1: downloads packages")
def test_the_wheel_alone_goes_from_posts_to_lists_and_nights(tmp_path: Path) -> None:
    write_posts(tmp_path / "posts")
    ran(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    ran(sys.executable, "-m", "venv", "clean", cwd=tmp_path)
    programs = tmp_path / "clean" / "bin"
    ran(programs / "pip", "install", wheel, cwd=tmp_path)
    simrec = programs / "simrec"
    assert "Look at it:" in ran(simrec, "run", "posts", "-w", "ws", cwd=tmp_path)
    assert len(ran(simrec, "similar", "post-07.md", "-w", "ws", cwd=tmp_path).splitlines()) == 11
    schedule = ran(simrec, "init", "posts", "-w", "ws", cwd=tmp_path)
    assert f"{simrec} nightly -c {tmp_path / 'simrec.toml'} -w {tmp_path / 'ws'}\n" in schedule
    assert "retrain" not in schedule, "there is no TensorFlow in it"
    assert ran(simrec, "nightly", "-c", "simrec.toml", "-w", "ws", cwd=tmp_path) == ""
    defaults = ran(simrec, "config", cwd=tmp_path)
    assert defaults == (ROOT / "configs" / "default.toml").read_text()
