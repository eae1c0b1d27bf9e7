"""A real S3 server of its own process, for tests that ask for it."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyarrow import fs

PACKAGES = ("moto[s3]", "flask", "flask-cors")
SECONDS = 60  # for the server to listen


def is_wanted() -> bool:
    return "SIMREC_LONG" in os.environ


def program() -> str:
    """The server's command; 140 MB of packages are installed where there is none."""
    found = shutil.which("moto_server")
    if found:
        return found
    folder = Path(tempfile.gettempdir()) / "simrec-moto"
    if not (folder / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", *PACKAGES], check=True)
        (folder / "done").touch()
    return str(folder / "bin" / "moto_server")


@contextmanager
def server() -> Iterator[dict[str, str]]:
    """Run a server with a bucket `news`; yield what the environment has to say of it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [program(), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }
        options = f"endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
        os.environ.update(environment)
        files, _ = fs.FileSystem.from_uri(f"s3://news?{options}&allow_bucket_creation=true")
        files.create_dir("news")
        yield environment
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the S3 server does not listen")
