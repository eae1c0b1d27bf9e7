"""The pages by a real browser and a real client: what they show is the release, whatever is in it."""

import shutil
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

import simrec
from tests.conftest import House, speeches
from tests.serve.site import HOSTILE, SEED, Server, served

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
PAGES = [
    "/",
    "/search",
    "/search?q=tariff%20on%20wool",
    "/newest",
    "/weak",
    "/never",
    "/changes",
    "/accounts",
    "/account?id=George%20Washington",
    f"/article?id={quote(SEED, safe='')}",
    "/v1/docs",
]
GONE = "1790-Washington-1/2"


@pytest.fixture(scope="module")
def house(site: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The site after another night, on which one article went and two came."""
    folder = tmp_path_factory.mktemp("pages") / "house"
    shutil.copytree(site.folder, folder)
    house = House(folder)
    config = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(f"{config}[ingest]\nsync = true\n")
    kept = [article for article in house.articles if article["id"] != GONE]
    came = [{**speech, "published_at": "1999-01-01"} for speech in speeches()[300:302]]
    house.write_articles([*kept, *came])
    ran = house.job()
    assert ran.code == 0, ran.err
    return house


@pytest.fixture(scope="module")
def pages(house: House) -> Iterator[Server]:
    with served(house, "--prefix", "/related", "--quiet") as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if BROWSER is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def ids(self, kind: str = "title", path: str = "/article") -> list[str]:
        """Return the ids that links of a class lead to, in order."""
        ids = []
        for tag, attributes in self.found:
            if tag == "a" and attributes.get("class") == kind:
                address = urlsplit(attributes["href"])
                if address.path.removeprefix("/related") == path:
                    ids += parse_qs(address.query)["id"]
        return ids


def read(server: Server, path: str, **values: Any) -> Elements:
    reply = server.get(path, **values)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8"), path
    return Elements(reply.body.decode())


def test_nothing_of_an_article_becomes_part_of_a_page(pages: Server) -> None:
    """Follow every link from the first page; what is hostile stays text everywhere."""
    waiting = ["/related/", *(f"/related/article?id={quote(h['id'], safe='')}" for h in HOSTILE)]
    seen: set[str] = set()
    shown = ""
    while waiting and len(seen) < 60:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        reply = pages.get(path)
        assert reply.status == 200, path
        if not reply.headers["Content-Type"].startswith("text/html") or path == "/related/report":
            continue
        assert "script-src 'self'" in reply.headers["Content-Security-Policy"]
        assert "unsafe" not in reply.headers["Content-Security-Policy"]
        page = Elements(reply.body.decode())
        shown += page.text
        for tag, attributes in page.found:
            assert tag not in ("img", "iframe", "object", "style", "base", "b"), (path, tag)
            assert not any(name.startswith("on") or name == "style" for name in attributes), path
            if tag == "script":
                assert attributes["src"].startswith("/related/static/"), path
            link = attributes.get("href", "")
            assert link.startswith(("/related/", "https://", "http://", "#")) or not link, link
            if link.startswith("/related/"):
                waiting.append(link)
    for hostile in HOSTILE:
        assert unescape(hostile["title"]) in shown
    assert unescape(str(HOSTILE[2]["account"])) in shown
    assert {urlsplit(path).path for path in seen} >= {"/related/pair", "/related/account"}


def test_an_article_is_shown_with_its_list_and_text(house: House, pages: Server) -> None:
    with simrec.open(house.workspace) as face:
        for article in [SEED, HOSTILE[1]["id"]]:
            page = read(pages, "/article", id=article)
            expected = [hit.id for hit in face.similar(article, 20)]
            assert page.ids()[: len(expected)] == expected
            (text,) = [a["text"] for a in house.articles if a["id"] == article]
            assert " ".join(text.split()) in " ".join(page.text.split())
        first = face.similar(SEED, 1)[0]
        assert (
            f"{first.score:.2f}" in page.text
            or f"{first.score:.2f}" in read(pages, "/article", id=SEED).text
        )
        reason = read(pages, "/pair", id=SEED, similar=first.id)
        (explained,) = face.search(
            simrec.Query(SEED), 1, simrec.Filters(among=[first.id]), False, True
        )
        assert explained.explanation
        for passage in explained.explanation.passages:
            assert passage in reason.text
        account = read(pages, "/account", id="George Washington")
        neighbours = [hit.id for hit in face.accounts("George Washington", 20)]
        assert account.ids(path="/account") == neighbours


def test_lists_for_editors_are_those_of_the_release(house: House, pages: Server) -> None:
    ids = [article["id"] for article in house.articles]
    with simrec.open(house.workspace) as face:
        best = {article: face.similar(article, 1) for article in ids}
        listed = {hit.id for article in ids for hit in face.similar(article, 20)}
        copies = {duplicate for article in ids for duplicate in face.show(article).duplicates}
    assert not copies, "the order below would leave them out"
    in_order = sorted(ids, key=lambda article: (best[article][0].score, article.encode()))
    assert read(pages, "/weak").ids() == in_order[:50]
    never = read(pages, "/never")
    assert sorted(never.ids()) == sorted(set(ids) - listed)
    dates = {article["id"]: article["published_at"] for article in house.articles}
    newest = read(pages, "/newest").ids()
    assert [dates[article] for article in newest] == sorted(dates.values(), reverse=True)[:50]


def test_changes_since_the_release_before(house: House, site: House, pages: Server) -> None:
    page = read(pages, "/changes")
    text = " ".join(page.text.split())
    with simrec.open(site.workspace) as before, simrec.open(house.workspace) as face:
        changed = 0
        for article in {a["id"] for a in [*site.articles, *house.articles]}:
            lists = []
            for recommender in (before, face):
                try:
                    lists.append({hit.id for hit in recommender.similar(article, 20)})
                except simrec.UnknownIdError:
                    lists.append(set())
            changed += lists[0] != lists[1]
    assert (
        f"Since release {site.current}: 2 articles came, 1 went, and {changed} lists have" in text
    )
    assert page.ids()[-2:] == [speech["id"] for speech in speeches()[300:302]]
    assert GONE in text
    shutil.rmtree(house.workspace / "releases" / site.current)
    text = " ".join(read(pages, "/changes").text.split())
    assert f"Since release {site.current}: {changed} lists have" in text
    assert "no longer kept" in text


def test_what_is_not_there_is_told_on_a_page(pages: Server) -> None:
    reply = pages.get("/article", id="1790-Washington-1/99")
    page = Elements(reply.body.decode())
    assert (reply.status, reply.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "No article '1790-Washington-1/99' in the current release" in page.text
    assert "1790-Washington-1/9" in page.ids()
    for path in (
        "/nowhere",
        "//etc/passwd",
        "/static/../../pyproject.toml",
        "/static/%2e%2e%2fpages.py",
    ):
        reply = pages.get(path)
        assert (reply.status, b"there is nothing" in reply.body.lower()) == (404, True), path
    assert pages.get("/article", id=[SEED, SEED]).status == 422
    found = read(pages, "/search", q=SEED)
    assert found.ids()[0] == SEED
    by_address = read(pages, "/search", q="http://speeches.org/3/")
    assert by_address.text.count("Exactly this") == 1
    assert "George Washington" in read(pages, "/search", q="washing").text
    report = pages.get("/report")
    assert (report.status, b"<!doctype html>" in report.body.lower()) == (200, True)


def test_the_api_alone(site: House) -> None:
    with served(site, "--no-pages", "--quiet") as server:
        reply = server.get("/")
        assert (reply.status, reply.headers["Content-Type"]) == (404, "application/problem+json")
        assert server.get("/v1/docs").status == 404


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_fit_a_screen_and_need_no_network(
    pages: Server, browser: Any, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width < 500
    )
    page = context.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    origin = f"http://127.0.0.1:{pages.port}/related"
    for path in [*PAGES, "/report", *(f"/article?id={quote(h['id'], safe='')}" for h in HOSTILE)]:
        page.goto(f"{origin}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") == width, path
        assert "owned" not in page.title().replace("'owned'", ""), path
    assert wrong == []
    assert all(url.startswith(origin) for url in asked), asked
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        paper, ink = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        brightness = [sum(map(int, colour[4:-1].split(","))) for colour in (paper, ink)]
        assert (brightness[0] > brightness[1]) == (scheme == "light")
    context.close()


def test_the_keyboard_is_enough(pages: Server, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"http://127.0.0.1:{pages.port}/related/")
    page.keyboard.press("/")
    page.keyboard.type("tariff on wool")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=tariff+on+wool")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    titles = page.locator("main a.title")
    first = titles.first.text_content()
    assert page.evaluate("document.activeElement.textContent") == first
    page.keyboard.press("Enter")
    page.wait_for_url("**/article?id=*")
    assert page.locator("h1").text_content() == first
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    page.close()


def test_no_script_is_needed(pages: Server, browser: Any) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"http://127.0.0.1:{pages.port}/related/")
    page.fill("#q", SEED)
    page.click("button")
    page.click("main a.title >> nth=0")
    page.click("text=Why?")
    assert page.locator("h1").text_content() == "Why these two are similar"
    page.close()
