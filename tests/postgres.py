"""A PostgreSQL of the tests' own: in a temporary folder, on a free port, gone at the end."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

PASSWORD = "p@ss/wörd"
FAST = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=20"]


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL on this machine."""
    found = shutil.which("initdb")
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)
    )
    return Path(found).parent if found else folders[-1] if folders else None


@contextmanager
def server(bin_folder: Path) -> Iterator[int]:
    """Run a server whose user is postgres and yield its port; as nobody if we are root, since it refuses root."""
    user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="simrec-postgres-"))
    (folder / "password").write_text(PASSWORD)
    if user:
        shutil.chown(folder, "nobody")
        shutil.chown(folder / "password", "nobody")
    data, options = folder / "data", [part for option in FAST for part in ("-c", option)]
    initdb = [
        bin_folder / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "scram-sha-256",
        "--no-sync",
        "-E",
        "UTF8",
    ]
    initdb += ["--locale=C.UTF-8", f"--pwfile={folder / 'password'}"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **user)
    port = free_port()
    command = [
        bin_folder / "postgres",
        "-D",
        data,
        "-k",
        folder,
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        *options,
    ]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stderr=log, cwd=folder, **user) as process,
    ):
        try:
            _wait(port, process)
            yield port
        finally:
            process.send_signal(signal.SIGINT)  # "fast": it does not wait for clients
    shutil.rmtree(folder)


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            connect(port).close()
            return
        except psycopg.OperationalError:
            assert process.poll() is None, "postgres ended at once"
            assert time.monotonic() < deadline, "postgres does not answer"
            time.sleep(0.05)


def connect(port: int, database: str = "postgres") -> "psycopg.Connection[Any]":
    """Connect as postgres, each statement a transaction of its own."""
    return psycopg.connect(
        host="127.0.0.1",
        port=port,
        user="postgres",
        password=PASSWORD,
        dbname=database,
        autocommit=True,
    )


@dataclass
class Database:
    """A database of one test."""

    port: int
    name: str

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{self.name}"

    def run(
        self, statement: str, rows: Sequence[Sequence[Any]] | None = None
    ) -> list[tuple[Any, ...]]:
        with connect(self.port, self.name) as connection, connection.cursor() as cursor:
            if rows is not None:
                cursor.executemany(statement, rows)
                return []
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
