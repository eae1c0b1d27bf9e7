"""What every request passes: its id, the log, the token, the prefix, and headers for safety."""

import base64
import binascii
import hmac
import logging
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simrec.serve.pages import HTML, PageRoutes
from simrec.serve.problems import PROBLEM_TYPE, RequestError, as_request_error
from simrec.serve.serve_metrics import ServeMetrics
from simrec.serve.settings import ServeSettings

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
API = "/v1/"
LOGGED_CHARS = 300  # of an address
OPEN_PATHS = ("/v1/health",)  # a monitor needs no token
CHALLENGE = {"WWW-Authenticate": 'Bearer, Basic realm="simrec", charset="UTF-8"'}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

logger = logging.getLogger(__name__)


@dataclass
class Exchange:
    """One request with its answer, as the log has it."""

    scope: Scope
    request_id: str
    started: float
    status: int = 0
    has_begun: bool = False


class Door:
    """The outermost application: it answers what the others raise, and logs each request."""

    def __init__(
        self,
        app: ASGIApp,
        settings: ServeSettings,
        metrics: ServeMetrics,
        paths: Iterable[str],
        pages: PageRoutes | None,
    ) -> None:
        """Paths are counted by their own names; pages, if there are any, also show problems."""
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._paths = frozenset(paths)
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; what is not HTTP goes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, _request_id(scope), time.perf_counter())
        path = self._enter_prefix(scope)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                exchange.has_begun = True
                self._add_headers(message, exchange)
            await send(message)

        try:
            self._check_token(scope, path)
            await self._app(scope, receive, send_safely)
        except Exception as error:
            if exchange.has_begun:
                raise
            response = self._problem(error, exchange, path)
            await response(scope, receive, send_safely)
        finally:
            self._log(exchange, path)

    def _enter_prefix(self, scope: Scope) -> str:
        """Let a request reach its route whether or not the proxy left the prefix in its path."""
        prefix = self._settings.prefix
        path = str(scope["path"])
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            path = path.removeprefix(prefix) or "/"
        scope["path"] = path
        scope["app"] = self  # so that the router raises what it cannot answer
        return path

    def _check_token(self, scope: Scope, path: str) -> None:
        """Raise RequestError 401 unless the request has the token, as bearer or as a password."""
        token = self._settings.token
        if not token or path in OPEN_PATHS or scope["method"] == "OPTIONS":
            return
        given = _given_token(Headers(scope=scope).get("authorization", ""))
        if not hmac.compare_digest(given.encode(), token.encode()):
            detail = "send the token of this server: Authorization: Bearer TOKEN"
            raise RequestError(401, detail, CHALLENGE)

    def _problem(self, error: Exception, exchange: Exchange, path: str) -> Response:
        """Return what is wrong, as JSON of the API and as a page elsewhere."""
        problem = as_request_error(error, exchange.request_id)
        content: str | bytes = problem.as_json(exchange.request_id)
        kind = PROBLEM_TYPE
        if self._pages and not path.startswith(API):
            content = self._pages.problem(problem, path, exchange.request_id)
            kind = HTML
        headers = {"Cache-Control": "no-store", **problem.headers}
        return Response(content, problem.status, headers, kind)

    def _add_headers(self, message: Message, exchange: Exchange) -> None:
        headers = MutableHeaders(scope=message)
        headers["X-Request-ID"] = exchange.request_id
        for name, value in SAFETY.items():
            headers.setdefault(name, value)
        headers.setdefault("Content-Security-Policy", POLICY)

    def _log(self, exchange: Exchange, path: str) -> None:
        seconds = time.perf_counter() - exchange.started
        name = path if path in self._paths else "other"
        self._metrics.count(name, exchange.status, seconds)
        if not logger.isEnabledFor(logging.INFO):
            return
        fields = {
            "method": exchange.scope["method"],
            "address": _shown_address(exchange.scope),
            "status": exchange.status,
            "ms": round(1000 * seconds, 1),
            "request_id": exchange.request_id,
        }
        message = " ".join(map(str, fields.values()))
        logger.info("%s", message, extra={"fields": fields})


def _request_id(scope: Scope) -> str:
    """Return the id that a proxy gave the request, if it is one, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if REQUEST_ID.fullmatch(given):
                return str(given)
    return secrets.token_hex(8)


def _given_token(authorization: str) -> str:
    """Return the token of a header: a bearer's, or a password, which browsers ask people for."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return decoded.partition(":")[2]
    return ""


def _shown_address(scope: Scope) -> str:
    """Return the path and query of a request for the log, on one line and not too long."""
    address = scope.get("raw_path", b"").decode("latin-1")
    if scope["query_string"]:
        address += f"?{scope['query_string'].decode('latin-1')}"
    if len(address) > LOGGED_CHARS:
        address = f"{address[:LOGGED_CHARS]}…"
    return address if address.isprintable() else ascii(address)
