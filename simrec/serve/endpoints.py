"""The endpoints of the API: decode a question, ask the release, encode its answer."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from simrec import __version__
from simrec.errors import ReleaseError
from simrec.serve.answers import HealthAnswer
from simrec.serve.current_release import CurrentRelease
from simrec.serve.decoding import from_body, from_query
from simrec.serve.operations import Operation
from simrec.serve.search_slots import SearchSlots
from simrec.serve.settings import ServeSettings

JSON = "application/json"
NOT_STORED = {"Cache-Control": "no-store"}

Endpoint = Callable[[Request], Awaitable[Response]]


class Endpoints:
    """Makes endpoints that share the release, the threads for searches and the settings."""

    def __init__(
        self, current: CurrentRelease, slots: SearchSlots, settings: ServeSettings
    ) -> None:
        self._current = current
        self._slots = slots
        self._settings = settings
        scope = "private" if settings.token else "public"
        self._cache_control = f"{scope}, max-age={settings.max_age}"

    def of(self, operation: Operation) -> Endpoint:
        """Return the endpoint of an operation."""

        async def endpoint(request: Request) -> Response:
            asked = await self._question(request, operation)
            with self._current.borrowed() as release:
                if operation.searches(asked):
                    answer = await self._slots.run(operation.ask, release, asked)
                else:
                    answer = operation.ask(release, asked)
                release_id = release.release_id
            body = msgspec.json.encode(answer)
            if operation.method == "POST" or operation.reads_texts(asked):
                return Response(body, media_type=JSON, headers=NOT_STORED)
            return self.cached(request, body, JSON, release_id)

        return endpoint

    def cached(self, request: Request, body: bytes | str, kind: str, release_id: str) -> Response:
        """Return what depends on the release alone; 304 if the client has it.

        Another simrec may answer otherwise from the same release.
        """
        tag = f'"{release_id}-{__version__}"'
        headers = {"ETag": tag, "Cache-Control": self._cache_control}
        if tag in _tags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=kind, headers=headers)

    async def health(self, request: Request) -> Response:
        """Say whether the newest release answers: 200 if any does, 503 if none."""
        problem = self._current.problem
        try:
            with self._current.borrowed() as release:
                answer = HealthAnswer("behind" if problem else "ok", release.release_id, problem)
                status = 200
        except ReleaseError:
            answer = HealthAnswer("down", None, problem)
            status = 503
        body = msgspec.json.encode(answer)
        return Response(body, status, headers=NOT_STORED, media_type=JSON)

    async def _question(self, request: Request, operation: Operation) -> msgspec.Struct:
        if operation.method == "POST":
            return await from_body(request, operation.question, self._settings.max_body_kib)
        return from_query(request.scope["query_string"], operation.question)


def _tags(header: str) -> list[str]:
    """Return the tags of an If-None-Match header, which a proxy may have made weak."""
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]
