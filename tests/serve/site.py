"""A small site to serve: speeches, articles with hostile values, and a server of its own process."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from simrec.release import Release
from simrec.workspace import Workspace
from tests.conftest import ROOT, House, environment, new_house, speeches

CONFIG = """
[[sources]]
path = "articles.jsonl"
[evaluate]
sample = 20
[release]
keep = 9
"""
SEED = "1790-Washington-1/1"
# A title in HTML, whose text is a script.
SCRIPT = "&lt;script&gt;document.title = 'owned'&lt;/script&gt;"
IMAGE = '"&gt;&lt;img src=x onerror="document.title=1"&gt;'
# Ids, titles and addresses that break out of whatever does not escape them.
HOSTILE = (
    {"id": "../../etc/passwd", "title": SCRIPT, "url": "javascript:document.title='owned'"},
    {"id": "a b/c?d#e&f=%2F", "title": IMAGE},
    {"id": "文章/1", "title": "{{ 7 * 7 }} </textarea>", "account": '<b onclick="x()">&amp;'},
    {
        "id": "'); DROP TABLE articles; --",
        "title": "100%_of it \u202eevil",
        "url": "https://x.org/'",
    },
)


def hostile_articles() -> list[dict[str, Any]]:
    """Return speeches whose ids, titles and addresses are hostile."""
    return [{**speech, **values} for speech, values in zip(speeches()[200:], HOSTILE, strict=False)]


def build_site(folder: Path) -> House:
    """Return a house whose workspace has one release of the pretrained encoder."""
    articles = [
        {**speech, "url": f"https://speeches.org/{number}", "category": f"c{number % 3}"}
        for number, speech in enumerate(speeches()[:80])
    ]
    house = new_house(folder, [*articles, *hostile_articles()])
    (folder / "config.toml").write_text(CONFIG)
    ran = house.job()
    assert ran.code == 0, ran.err
    return house


def copy_release(workspace: Workspace) -> str:
    """Put the current release beside itself under another id, and return that."""
    release = Release.current(workspace)
    release_id = release.manifest.release_id[::-1]
    folder = workspace.release(release_id)
    shutil.copytree(release.folder.path, folder.path)
    replace(release.manifest, release_id=release_id).write(folder)
    return release_id


@dataclass
class Reply:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A server as its own process, and a client of it."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def get(self, path: str, headers: Mapping[str, str] | None = None, **values: Any) -> Reply:
        """Ask for a path, with parameters; a list repeats its parameter."""
        query = f"?{urlencode(values, doseq=True)}" if values else ""
        return self.ask("GET", f"{path}{query}", headers=headers)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a body: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask(
            "POST", path, content, {"Content-Type": "application/json", **(headers or {})}
        )

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        reply = Reply(response.status, response.headers, response.read())
        connection.close()
        return reply

    def raw(self, request: bytes) -> bytes:
        """Send bytes over a connection, and return all that comes back until it is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            try:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the server has closed it already
            received = b""
            try:
                while piece := connection.recv(1 << 16):
                    received += piece
            except OSError:
                pass
        return received

    def stop(self) -> str:
        """Stop the server, and return its log."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        return self.log.read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(
    house: House, *options: object, variables: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Yield a server that answers from a house's workspace."""
    port = free_port()
    log = house.folder / f"server-{port}.log"
    command = [sys.executable, "-m", "simrec", "serve", f"--port={port}", "-w", house.workspace]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*map(str, command), *map(str, options)],
            cwd=ROOT,
            env={**environment(), **(variables or {})},
            stderr=stderr,
            text=True,
        )
    server = Server(process, port, log)
    try:
        wait_for(server)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_for(server: Server) -> None:
    """Wait until the server listens."""
    while True:
        try:
            server.get("/v1/health")
            return
        except OSError:
            assert server.process.poll() is None, server.log.read_text()
            time.sleep(0.05)


def wait_until(server: Server, release: str | None, status: str = "ok") -> None:
    """Wait until the server answers from a release."""
    for _ in range(1_200):  # ends a hang; no test asserts a time
        health = server.get("/v1/health").json
        if (health["release"], health["status"]) == (release, status):
            return
        time.sleep(0.05)
    raise AssertionError(f"{health}: not {release}, {status}\n{server.log.read_text()}")
