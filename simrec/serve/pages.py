"""The pages for people: each is a path, a question, and a view of the release."""

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simrec.errors import ReleaseError
from simrec.files import JsonObject
from simrec.serve import questions, views
from simrec.serve.current_release import CurrentRelease, OpenRelease
from simrec.serve.decoding import from_query
from simrec.serve.endpoints import Endpoint
from simrec.serve.problems import RequestError
from simrec.serve.rendering import STATIC, Templates, static_files
from simrec.serve.search_slots import SearchSlots

HTML = "text/html"
# Texts may change within a release, so that a page is asked for anew each time.
NOT_KEPT = {"Cache-Control": "private, no-cache"}
STATIC_AGE = {"Cache-Control": "public, max-age=3600"}
# The report holds its own style and script; its own policy names the script by its hash.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Page(NamedTuple):
    """A page: its template has the name of its view."""

    path: str
    template: str
    question: type[Struct]
    view: Callable[[OpenRelease, Any], object]


PAGES = (
    Page("/", "home", questions.NoParameters, views.home),
    Page("/search", "search", questions.BrowseQuestion, views.search),
    Page("/article", "article", questions.ArticleQuestion, views.article),
    Page("/pair", "pair", questions.PairQuestion, views.pair),
    Page("/account", "account", questions.AccountQuestion, views.account),
    Page("/accounts", "accounts", questions.AccountsQuestion, views.accounts),
    Page("/newest", "newest", questions.NoParameters, views.newest),
    Page("/weak", "weak", questions.NoParameters, views.weak_lists),
    Page("/never", "never", questions.NoParameters, views.never_recommended),
    Page("/changes", "changes", questions.NoParameters, views.changes),
)


class PageRoutes:
    """Makes the routes of the pages, which share the release and the threads for searches."""

    def __init__(self, current: CurrentRelease, slots: SearchSlots, templates: Templates) -> None:
        self._current = current
        self._slots = slots
        self._templates = templates

    def all(self, document: JsonObject) -> list[BaseRoute]:
        """Return all routes; the document is that of the API."""
        routes: list[BaseRoute] = [Route(page.path, self._endpoint(page)) for page in PAGES]
        routes.append(Route("/report", self._report))
        routes.append(Route("/v1/docs", self._documentation(document)))
        for path, content in static_files().items():
            routes.append(Route(path, _static(content, STATIC[path])))
        return routes

    def problem(self, problem: RequestError, path: str, request_id: str) -> str:
        """Return a page that says what is wrong."""
        sentence = problem.detail[:1].upper() + problem.detail[1:]
        values = {
            "problem": problem,
            "sentence": sentence,
            "near_path": path if path in ("/article", "/account") else "/article",
            "request_id": request_id,
        }
        return self._templates.render("problem", path, values)

    def _endpoint(self, page: Page) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            asked = from_query(request.scope["query_string"], page.question)
            with self._current.borrowed() as release:
                html = await self._slots.run(self._render, page, release, asked)
            return Response(html, media_type=HTML, headers=NOT_KEPT)

        return endpoint

    def _render(self, page: Page, release: OpenRelease, asked: Struct) -> str:
        values = {"view": page.view(release, asked), "manifest": release.manifest}
        return self._templates.render(page.template, page.path, values)

    async def _report(self, _: Request) -> Response:
        """Return the report of the release that answers."""
        with self._current.borrowed() as release:
            path = release.folder.report_page
            try:
                html = await self._slots.run(path.read_bytes)
            except FileNotFoundError:
                raise ReleaseError("this release has no report; the next one has") from None
        headers = {**NOT_KEPT, "Content-Security-Policy": REPORT_POLICY}
        return Response(html, media_type=HTML, headers=headers)

    def _documentation(self, document: JsonObject) -> Endpoint:
        html = self._templates.render("api", "/v1/docs", {"document": document})

        async def endpoint(_: Request) -> Response:
            return Response(html, media_type=HTML, headers=NOT_KEPT)

        return endpoint


def _static(content: bytes, kind: str) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        return Response(content, headers={**STATIC_AGE, "Content-Type": kind})

    return endpoint
