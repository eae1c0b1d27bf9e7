"""Runs the application under uvicorn until it is told to stop."""

import errno
import logging
import socket
import sys

import uvicorn

from simrec.errors import ConfigError, UsageError
from simrec.serve.app import make_app
from simrec.serve.current_release import CurrentRelease
from simrec.serve.http_protocol import LimitedHttpProtocol
from simrec.serve.settings import SHUTDOWN_SECONDS, ServeSettings

BACKLOG = 2_048
SWITCH_SECONDS = 0.001  # a look-up waits no longer for a search to let it run
OPEN_TO_ALL = (
    "serve: %s is open to other machines, and whoever reaches it may read every article; "
    "set a token, or bind it to 127.0.0.1 behind a proxy that asks for a password"
)

logger = logging.getLogger(__name__)


def serve(settings: ServeSettings) -> None:
    """Answer until a signal comes; requests that have begun are answered before it ends.

    ReleaseError if there is no workspace, UsageError or ConfigError if nothing can listen there.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    with _listen(settings) as listener:
        _answer(settings, listener)


def _answer(settings: ServeSettings, listener: socket.socket) -> None:
    current = CurrentRelease(settings.workspace)
    if settings.is_open_to_all:
        logger.warning(OPEN_TO_ALL, settings.address)
    if current.problem:
        logger.warning("serve: %s", current.problem)
    config = uvicorn.Config(
        make_app(settings, current),
        http=LimitedHttpProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    logger.info("serve: %s (stop it with Ctrl-C)", settings.address)
    uvicorn.Server(config).run(sockets=[listener])


def _listen(settings: ServeSettings) -> socket.socket:
    """Return a socket that listens; the port is taken before anything else is opened."""
    where = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"{where}: cannot listen there: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"{where} is taken by another program; choose another --port, or end that"
            ) from error
        raise ConfigError(f"{where}: cannot listen there: {error.strerror}") from error
    return listener
