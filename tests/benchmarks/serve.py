"""What `simrec serve` answers in a second: `python -m tests.benchmarks.serve WORKSPACE`.

Other work on the machine changes wall times, so the cost of a request is the processor time of the
server; its inverse is what one core answers. Look-ups ask for another article each time. Texts are
asked one after the other, first alone, then while the current release changes every few seconds.
"""

import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from simrec.release import Release, publish
from simrec.workspace import Workspace
from tests.benchmarks.face import sample
from tests.benchmarks.machine import ROOT, print_machine

LOOKUPS = 20_000
CONNECTIONS = 8
TEXTS = 400
PUBLISH_EVERY = 3.0  # seconds
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A server at work, as its own process."""

    process: subprocess.Popen[str]
    port: int

    def cpu_seconds(self) -> float:
        """Return the user and system time that all threads of the server took so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


@contextmanager
def served(workspace: Path, *options: str) -> Iterator[Server]:
    """Yield a server that answers from a workspace."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "simrec", "serve", "-w", str(workspace), f"--port={port}"]
    with subprocess.Popen([*command, "--quiet", *options], cwd=ROOT, text=True) as process:
        server = Server(process, port)
        try:
            wait_until_up(server)
            yield server
        finally:
            process.terminate()


def wait_until_up(server: Server) -> None:
    """Wait until the server answers."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", server.port)):
                connection = server.connect()
                connection.request("GET", "/v1/health")
                connection.getresponse().read()
                return
        except OSError:
            if server.process.poll() is not None:
                raise
            time.sleep(0.05)


def lookup_figures(server: Server, ids: list[str]) -> tuple[float, float]:
    """Return requests a second of one core of the server, and by the clock."""
    requests = [
        f"GET /v1/similar?id={quote(article_id, safe='')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for article_id in ids
    ]
    cpu = server.cpu_seconds()
    started = time.perf_counter()
    each = LOOKUPS // CONNECTIONS
    workers = []
    for number in range(CONNECTIONS):
        arguments = (server.port, requests, number * each, each)
        workers.append(threading.Thread(target=_ask_over_one_connection, args=arguments))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - started
    return LOOKUPS / (server.cpu_seconds() - cpu), LOOKUPS / seconds


def _ask_over_one_connection(port: int, requests: list[bytes], first: int, count: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        stream = connection.makefile("rb")
        for number in range(first, first + count):
            connection.sendall(requests[number % len(requests)])
            assert stream.readline().startswith(b"HTTP/1.1 200")
            length = 0
            while (line := stream.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            stream.read(length)


def text_figures(server: Server, texts: list[str]) -> tuple[float, float, float]:
    """Return the milliseconds of a text: median, 99th percentile, and CPU of the server."""
    connection = server.connect()
    milliseconds = []
    cpu = server.cpu_seconds()
    for number in range(TEXTS):
        body = json.dumps({"text": texts[number % len(texts)]})
        started = time.perf_counter()
        connection.request("POST", "/v1/similar", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200
        milliseconds.append(1000 * (time.perf_counter() - started))
    of_server = 1000 * (server.cpu_seconds() - cpu) / TEXTS
    return statistics.median(milliseconds), statistics.quantiles(milliseconds, n=100)[98], of_server


@contextmanager
def publishing(workspace: Workspace) -> Iterator[None]:
    """Change the current release every few seconds, between it and a copy of another id."""
    current = Release.current(workspace)
    other = copy_release(workspace, current)
    stopped = threading.Event()

    def change() -> None:
        number = 0
        while not stopped.wait(PUBLISH_EVERY):
            publish(workspace, (other, current.manifest.release_id)[number % 2])
            number += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def copy_release(workspace: Workspace, release: Release) -> str:
    """Publish-ready: the same release under another id, which is returned."""
    release_id = release.manifest.release_id[::-1]
    folder = workspace.release(release_id)
    shutil.copytree(release.folder.path, folder.path)
    replace(release.manifest, release_id=release_id).write(folder)
    return release_id


def main(root: Path) -> None:
    """Measure, and print a table."""
    print_machine(f"python -m tests.benchmarks.serve {root}")
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "workspace"
        shutil.copytree(root, copied)
        workspace = Workspace.open(copied)
        manifest = Release.current(workspace).manifest
        print(f"{root.name}, {manifest.articles:,} articles, index {manifest.index.kind}\n")
        ids, texts = sample(workspace)
        with served(copied) as server:
            of_core, by_clock = lookup_figures(server, ids)
            print(
                f"similar by id: {of_core:,.0f} requests/s of one core, {by_clock:,.0f} by the clock"
            )
            print("\n| a text | ms, median | ms, p99 | CPU ms of the server |\n|---|---|---|---|")
            print_texts("alone", text_figures(server, texts))
            with publishing(workspace):
                print_texts("beside publishing", text_figures(server, texts))


def print_texts(name: str, figures: tuple[float, float, float]) -> None:
    """Print a row."""
    print(f"| {name} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
