"""Take the pictures of README: an article's browse page, the report, and a question at a shell.

python demo/pictures.py WORKSPACE ARTICLE    # needs the extra `serve`, Playwright and Chromium
"""

import html
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SIMREC = [sys.executable, "-m", "simrec"]
WINDOW = {"width": 1280, "height": 860}
TERMINAL = """<body style="margin:0;background:#1b1e24"><pre style="margin:0;padding:18px 22px;
font:14px/1.45 'DejaVu Sans Mono',monospace;color:#d8dce3"><b style="color:#8fd19e">$ %s</b>\n%s</pre>
"""
STARTED = 30  # seconds


@contextmanager
def server(workspace: str) -> Iterator[str]:
    """Serve a workspace; yield the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*SIMREC, "serve", "-w", workspace, "--port", str(port), "--quiet"]
    with subprocess.Popen(command) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_for(address: str) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + STARTED
    while True:
        try:
            urlopen(f"{address}/v1/health").close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def take(browser: Browser, address: str, name: str) -> None:
    """Write the first screen of a page as a PNG."""
    page = browser.new_page(viewport=WINDOW)
    page.goto(address)
    page.screenshot(path=PICTURES / f"{name}.png")
    page.close()


def take_terminal(browser: Browser, command: list[str]) -> None:
    """Write what a command prints as a PNG."""
    done = subprocess.run(
        [*SIMREC, *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "112"},
    )
    page = browser.new_page(viewport={"width": 1000, "height": 100})
    shown = " ".join(["simrec", *command])
    page.set_content(TERMINAL % (html.escape(shown), html.escape(done.stdout)))
    page.locator("pre").screenshot(path=PICTURES / "terminal.png")
    page.close()


def main(workspace: str, article: str) -> None:
    """Take all pictures of a workspace."""
    PICTURES.mkdir(exist_ok=True)
    with server(workspace) as address, sync_playwright() as playwright:
        wait_for(address)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        take(browser, f"{address}/article?{urlencode({'id': article})}", "article")
        take(browser, f"{address}/report", "report")
        take_terminal(browser, ["similar", article, "-n", "3", "--explain", "-w", workspace])
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
