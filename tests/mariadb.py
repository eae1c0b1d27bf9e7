"""A MariaDB of the tests' own: in a temporary folder, on a free port, gone at the end."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.postgres import free_port

FAST = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--skip-log-bin"]


def is_installed() -> bool:
    """Tell whether this machine has the server, and Python a driver."""
    try:
        import pymysql  # noqa: F401
    except ModuleNotFoundError:
        return False
    return bool(shutil.which("mariadbd") and shutil.which("mariadb-install-db"))


@contextmanager
def server() -> Iterator[int]:
    """Run a server whose root has no password and yield its port; as nobody if we are root."""
    folder = Path(tempfile.mkdtemp(prefix="simrec-mariadb-"))
    options = ["--no-defaults", f"--datadir={folder / 'data'}"]
    if os.getuid() == 0:
        shutil.chown(folder, "nobody")
        options.append("--user=nobody")
    install = ["mariadb-install-db", *options, "--auth-root-authentication-method=normal"]
    subprocess.run(install, check=True, capture_output=True, cwd=folder)
    port = free_port()
    address = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            ["mariadbd", *options, *address, *FAST], stderr=log, cwd=folder
        ) as process,
    ):
        try:
            _wait(port, process)
            yield port
        finally:
            process.terminate()
    shutil.rmtree(folder)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    import pymysql

    deadline = time.monotonic() + 60
    while True:
        try:
            MariaDb(port, "mysql").run("SELECT 1")
            return
        except pymysql.err.OperationalError:
            assert process.poll() is None, "mariadbd ended at once"
            assert time.monotonic() < deadline, "mariadbd does not answer"
            time.sleep(0.05)


@dataclass
class MariaDb:
    """A database of one test."""

    port: int
    name: str

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/{self.name}"

    def run(
        self, statement: str, rows: Sequence[Sequence[Any]] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a statement without strict mode, as old systems wrote their zero dates."""
        import pymysql

        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=self.name, autocommit=True
        )
        with connection, connection.cursor() as cursor:
            cursor.execute("SET sql_mode = ''")
            if rows is not None:
                cursor.executemany(statement, rows)
                return []
            cursor.execute(statement)
            return list(cursor.fetchall())
