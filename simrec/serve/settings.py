"""What a person may set of the server."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MAX_HEAD_BYTES = 32 * KIB  # of the request line and the headers of a request
BODY_SECONDS = 30  # for a request to send its body
WAITING_SEARCHES = 16  # for each that is at work; the others are told to come back
SHUTDOWN_SECONDS = 20  # for requests to end when the server is stopped


@dataclass(frozen=True)
class ServeSettings:
    """Where the server listens, whom it answers, and how much it takes on at once.

    token is empty where everybody is answered; prefix is the path at which a reverse proxy has the
    server, such as "/related", or empty. cors are the origins whose scripts may read answers, "*"
    for all. max_age is in seconds. Of texts and searches, max_searches are at work at once.
    """

    workspace: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    prefix: str = ""
    cors: tuple[str, ...] = ()
    max_age: int = 60
    max_body_kib: int = 256
    max_searches: int = 2
    has_pages: bool = True

    @property
    def is_open_to_all(self) -> bool:
        """Tell whether other machines may ask, and need no token."""
        return not self.token and not _is_loopback(self.host)

    @property
    def address(self) -> str:
        """The address for a browser on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.prefix}/"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
