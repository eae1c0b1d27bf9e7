"""Nothing is asked of a network, nor written into a home, that nobody asked for."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, environment

QUESTION = """
import time
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
Encoder(PRETRAINED).encode(["Some words."])
time.sleep(2)  # what reports, reports a little later
"""


def test_encoding_writes_nothing_into_the_home_and_opens_no_connection(tmp_path: Path) -> None:
    """The inference library has telemetry on, where CI is not set in the environment."""
    home = tmp_path / "home"
    home.mkdir()
    known = environment()
    for name in ("CI", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"):
        known.pop(name, None)
    trace = tmp_path / "trace"
    tracer = []
    if shutil.which("strace"):
        tracer = ["strace", "-f", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace)]
    ran = subprocess.run(
        [*tracer, sys.executable, "-c", QUESTION],
        cwd=ROOT,
        env={**known, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr
    assert list(home.rglob("*")) == []
    asked = trace.read_text() if trace.exists() else ""
    assert "AF_INET" not in asked, asked
