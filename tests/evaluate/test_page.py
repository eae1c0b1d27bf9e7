"""The report of a release: through the job and the command line, with hostile text, and in a real browser."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from simrec.evaluate import html
from simrec.evaluate.report_format import Difference, Maps, Report, SuiteSummary
from simrec.journal import read_runs
from tests.conftest import CONFIG, House, speeches

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7 * 7 }}"


def release(house: House) -> Path:
    return house.workspace / "releases" / house.current


def report(house: House) -> dict[str, Any]:
    return json.loads((release(house) / "report.json").read_bytes())


class Page(HTMLParser):
    """What a page holds: its tags with their attributes, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_what_the_json_holds(published: House) -> None:
    facts, shown = report(published), Page(release(published) / "report.html")
    assert facts["articles"]["count"] == 400
    assert "400 articles of 10 accounts" in shown.text
    assert "Every article has a list; " in shown.text
    links = [attrs["href"] for tag, attrs in shown.tags if tag == "a" and attrs["href"][0] == "#"]
    places = {attrs.get("id") for _, attrs in shown.tags}
    assert len(links) >= 8
    assert all(link[1:] in places for link in links), "the table of contents leads somewhere"
    open_at_first = [attrs for tag, attrs in shown.tags if tag == "details" and "open" in attrs]
    assert open_at_first == [], "measures are folded"
    for suite in facts["suites"]:
        assert f"{suite['suite'].capitalize()}, {suite['measure']}" in shown.text
        for value in suite["values"].values():
            assert f"{value:.3f}" in shown.text
        if "skipped" in suite:
            assert f"Not measured: {suite['skipped']}" in shown.text
    for seed in facts["seeds"]:
        assert all(f"{article['score']:.3f}" in shown.text for article in seed["similar"])
    assert len(facts["seeds"]) == 20
    assert sum(tag == "circle" and "data-t" in attrs for tag, attrs in shown.tags) == 400 + 10
    assert (release(published) / "report.html").stat().st_size < 1_000_000


def test_the_lowest_scored_seeds_are_those_of_the_release(published: House) -> None:
    seeds = [seed for seed in report(published)["seeds"] if seed["why"] == "lowest scores"]
    stored = np.load(release(published) / "vectors.npy").astype(np.float64)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    scores = stored @ stored.T - 2 * np.eye(400)
    worst = np.sort(scores.max(axis=1))[:10]
    assert [seed["similar"][0]["score"] for seed in seeds] == pytest.approx(worst, abs=6e-4)
    (first,) = published.simrec("similar", seeds[0]["id"], "-n", 1, "--json").rows
    assert first["id"] == seeds[0]["similar"][0]["id"]


def test_nothing_is_fetched_and_only_our_script_may_run(published: House) -> None:
    shown = Page(release(published) / "report.html")
    sources = [
        attrs[name]
        for _, attrs in shown.tags
        for name in ("src", "srcset", "data")
        if name in attrs
    ]
    assert sources == []
    assert {"link", "iframe", "object", "embed", "img"}.isdisjoint(tag for tag, _ in shown.tags)
    assert "@import" not in (release(published) / "report.html").read_text()
    assert [tag for tag, _ in shown.tags].count("script") == 1
    (policy,) = [
        attrs["content"]
        for _, attrs in shown.tags
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")


def test_hostile_text_is_only_text(house: House) -> None:
    text = speeches()[0]["text"]
    evil = [
        {
            "id": f"{EVIL}{n}",
            "title": EVIL,
            "text": f"{text} {n}",
            "account": EVIL,
            "category": EVIL,
            "url": url,
        }
        for n, url in enumerate(
            ["javascript:alert(3)", "https://example.org/?a=1&b='\"<x>", "data:text/html,x"]
        )
    ]
    house.write_articles([*house.articles, *evil])
    ran = house.job()
    assert ran.code == 0, ran.err
    seeds = report(house)
    assert seeds["duplicates"]["rows"] >= 2, "their texts hardly differ"
    title_without_tags = EVIL.rpartition(">")[2]
    assert title_without_tags in seeds["duplicates"]["first"][-1]["article"]
    assert (
        sum(
            seed["why"] == "lowest scores" and seed["id"].startswith(EVIL)
            for seed in seeds["seeds"]
        )
        <= 1
    )
    seeds["seeds"][0] = {
        "id": "x",
        "title": EVIL,
        "account": EVIL,
        "url": "JavaScript:alert(4)",
        "why": EVIL,
        "similar": [],
    }
    seeds["seeds"][1]["similar"][0]["reason"] = EVIL
    seeds["duplicates"] = {"rows": 1, "columns": [EVIL], "first": [{EVIL: EVIL}]}
    seeds["rejects"] = [{"reason": EVIL, "rows": 1, "first": EVIL}]
    maps = json.loads((release(house) / "map.json").read_bytes())
    run = msgspec.structs.replace(read_runs(house.workspace / "journal.jsonl")[-1], job=EVIL)
    content = html.render(msgspec.convert(seeds, Report), msgspec.convert(maps, Maps), [run])
    (house.folder / "evil.html").write_text(content)
    shown = Page(house.folder / "evil.html")
    assert [tag for tag, _ in shown.tags].count("script") == 1
    assert "img" not in [tag for tag, _ in shown.tags]
    assert not [name for _, attrs in shown.tags for name in attrs if name.startswith("on")]
    links = [attrs["href"] for tag, attrs in shown.tags if tag == "a"]
    assert all(link.startswith(("https://", "#")) for link in links)
    assert "{{ 7 * 7 }}" in shown.text
    assert EVIL in shown.text


def test_the_command_prints_the_path_and_writes_a_page_with_durations(
    published: House, tmp_path: Path
) -> None:
    assert published.simrec("report").out.strip() == str(release(published) / "report.html")
    ran = published.simrec("report", "--html", tmp_path / "page.html")
    assert (ran.code, ran.out.strip()) == (0, str(tmp_path / "page.html"))
    shown = Page(tmp_path / "page.html")
    assert "How long it took" in shown.text
    for step in published.journal()[0]["steps"]:
        assert step["what"] in shown.text
    assert "How long it took" not in Page(release(published) / "report.html").text
    ran = published.simrec("report", "--html", tmp_path / "no" / "page.html")
    assert (ran.code, "there is no folder" in ran.err) == (2, True)


def test_two_releases_are_compared_figure_by_figure(house: House) -> None:
    before = house.current
    house.configure("[ingest]\nsync = true\n")
    house.write_articles(house.articles[:-40])
    assert house.job().code == 0
    stability = report(house)["stability"]
    assert (stability["before"], stability["measure"], stability["articles"]) == (
        before,
        "overlap@10",
        360,
    )
    assert 0.5 < stability["value"] < 1
    rows = {
        row["fact"]: row
        for row in house.simrec("report", "--compare", before, house.current, "--json").rows
    }
    assert rows["articles"] == {"fact": "articles", "before": 400, "after": 360, "change": -40}
    assert rows["encoder"]["change"] == ""
    overlap = rows[f"rank-biased overlap of lists with {before}"]["after"]
    assert overlap == stability["rbo"]
    weak = rows["weak lists"]
    assert weak["after"] == report(house)["quality"]["weak"]
    effects = {effect["suite"]: effect for effect in report(house)["rule_effects"]}
    published_category = rows["lists: same category P@10"]["after"]
    assert published_category == effects["same category"]["published"]
    values = rows["split-half MRR, TF-IDF"]
    assert values["change"] == pytest.approx(values["after"] - values["before"], abs=1e-4)
    assert (
        "split-half MRR, simrec" in house.simrec("report", "--compare", before, house.current).out
    )
    ran = house.simrec("report", "--compare", before, "../x")
    assert (ran.code, "no release '../x'" in ran.err) == (5, True)
    (release(house) / "report.html").unlink()
    ran = house.simrec("report")
    assert (ran.code, "missing or cut short" in ran.err) == (5, True)


POOR = {
    "ten articles": [{**speech, "category": "one"} for speech in speeches()[:10]],
    "no titles, accounts, categories or dates": [
        {"id": s["id"], "text": s["text"]} for s in speeches()[:120]
    ],
    "one article": speeches()[:1],
    "all of one category, titles alone": [
        {"id": s["id"], "title": s["text"][:60], "category": "c", "account": "a"}
        for s in speeches()[:80]
    ],
}


@pytest.mark.parametrize("name", POOR)
def test_the_report_of_a_poor_corpus_says_what_is_missing(
    name: str, empty_house: Callable[..., House], tmp_path: Path
) -> None:
    house = empty_house(POOR[name])
    ran = house.job()  # with the encoder in the box: there is too little to train on
    assert ran.code == 0, ran.err
    facts, shown = report(house), Page(release(house) / "report.html")
    skipped = [suite for suite in facts["suites"] if "skipped" in suite]
    assert skipped
    assert all(f"Not measured: {suite['skipped']}" in shown.text for suite in skipped)
    assert len(facts["suites"]) == 6
    assert "Traceback" not in ran.err
    assert house.simrec("report", "--html", tmp_path / "page.html").code == 0


def test_a_night_that_changes_little_keeps_the_map(house: House) -> None:
    def points() -> dict[str, list[float]]:
        maps = json.loads((release(house) / "map.json").read_bytes())
        assert len(maps["articles"]["points"]) == 400
        places = dict(
            zip(
                maps["articles"]["marks"],
                (point[:2] for point in maps["articles"]["points"]),
                strict=True,
            )
        )
        return (
            places
            | {point[3]: point[:2] for point in maps["accounts"]["points"]}
            | {"added": maps["articles"]["added"]}
        )

    before, articles = points(), house.articles
    seeds = [seed["id"] for seed in report(house)["seeds"] if seed["why"] == "at random"]
    house.write_articles([{**articles[0], "text": "Peace and trade."}, *articles[1:]])
    assert house.job().code == 0
    now = points()
    assert (before["added"], now["added"]) == (0, 1)
    old_points = before.keys() & now.keys() - {"added"}
    assert len(old_points) == 399 + 10
    assert all(before[mark] == now[mark] for mark in old_points)
    assert len(set(seeds) & {seed["id"] for seed in report(house)["seeds"]}) >= 9, (
        "and so are the samples"
    )
    house.write_articles(
        [{**article, "text": f"{article['text']} {n}"} for n, article in enumerate(articles)]
    )
    assert house.job().code == 0
    last = points()
    assert last["added"] == 0, "where most is new, it is laid out anew"
    accounts = {article["account"] for article in articles}
    assert any(last[name] != now[name] for name in accounts), "and so are the accounts"


def summary(ahead_of: dict[str, Difference]) -> SuiteSummary:
    return SuiteSummary(
        suite="s",
        measure="MRR",
        queries=20,
        candidates=20,
        values={},
        intervals={},
        ahead_of=ahead_of,
    )


def test_the_verdict_counts_clear_differences() -> None:
    def suite(value: float, p_holm: float) -> SuiteSummary:
        alone = Difference(value=1, low=1, high=1, p=0)
        lead = Difference(value=value, low=value, high=value, p=0.04, p_holm=p_holm)
        return summary({"encoder alone": alone, "BM25": lead})

    ahead, level, behind = suite(0.1, 0.04), suite(0.1, 0.08), suite(-0.3, 0.04)
    assert (
        html.judge([ahead, level, behind]).headline
        == "Ahead of BM25 in 1 of 3 measures, behind in 1"
    )
    assert html.judge([level, level]).headline == "Level with BM25 in all 2 measures"
    assert html.judge([level, behind]).headline == "Behind BM25 in 1 of 2 measures"
    assert "Too few" in html.judge([summary({})]).headline


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if BROWSER is None:
        pytest.skip(
            "there is no Chromium here: the report was not looked at in a browser (apt-get install chromium)"
        )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(published: House, browser: Any, width: int, scheme: str) -> None:
    address = (release(published) / "report.html").absolute().as_uri()
    sheet = browser.new_page(viewport={"width": width, "height": 850}, color_scheme=scheme)
    messages = []
    requested = []
    sheet.on("console", lambda message: messages.append(message.text))
    sheet.on("pageerror", lambda error: messages.append(str(error)))
    sheet.on("request", lambda request: requested.append(request.url))
    sheet.goto(address)
    assert requested == [address], "nothing is fetched"
    assert sheet.evaluate("document.documentElement.scrollWidth") == width, "nothing sticks out"
    paper, ink = (
        sheet.evaluate(f"getComputedStyle(document.body).{name}")
        for name in ("backgroundColor", "color")
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (paper, ink)]
    assert (brightness[0] > brightness[1]) == (scheme == "light")
    sheet.emulate_media(media="print", color_scheme=scheme)
    assert sheet.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)", (
        "paper is white"
    )
    sheet.emulate_media(media="screen", color_scheme=scheme)
    note = sheet.locator("#note")
    assert not note.is_visible()
    point = sheet.locator(".map circle").first
    point.dispatch_event("pointerover", {"pointerType": "mouse"})
    assert note.is_visible()
    assert note.inner_text() == point.get_attribute("data-t")
    box = note.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    sheet.locator(".map svg").first.dispatch_event("pointerleave", {"pointerType": "mouse"})
    assert not note.is_visible()
    assert not sheet.locator(".bar circle").first.is_visible(), "measures are folded"
    for summary_line in sheet.locator("summary").all():
        summary_line.click()
    assert sheet.evaluate("document.documentElement.scrollWidth") == width, "nor when unfolded"
    for name in ("h1", ".bar circle >> nth=0", ".plot >> nth=0"):
        box = sheet.locator(name).bounding_box()
        assert box["width"] > 0
        assert box["height"] > 0
    assert messages == []
    sheet.close()


def titles_of(sheet: Any) -> set[str]:
    script = "[...document.querySelectorAll('.map circle')].map(dot => dot.dataset.t)"
    return set(sheet.evaluate(script))


def test_a_tap_and_the_arrow_keys_show_what_dots_are(published: House, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 850}, has_touch=True)
    sheet = context.new_page()
    sheet.goto((release(published) / "report.html").absolute().as_uri())
    note = sheet.locator("#note")
    point = sheet.locator(".map circle").nth(17)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    sheet.touchscreen.tap(box["x"] + 3, box["y"] + 3)  # a finger is not that exact
    titles = titles_of(sheet)
    assert note.is_visible(), "and stays when the finger is gone"
    assert note.inner_text() in titles
    sheet.touchscreen.tap(10, 10)
    assert not note.is_visible()

    sheet.locator(".map svg").first.focus()
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        sheet.keyboard.press(key)
        assert note.inner_text() in titles
        seen.append(sheet.locator(".map circle.on").bounding_box())
    assert seen[1]["x"] > seen[0]["x"]
    assert seen[2]["y"] > seen[1]["y"]
    assert seen[3]["x"] < seen[2]["x"]
    sheet.keyboard.press("Escape")
    assert not note.is_visible()
    context.close()


def test_print_shows_what_is_folded_and_keeps_colours(
    published: House, browser: Any, tmp_path: Path
) -> None:
    sheet = browser.new_page(color_scheme="dark")
    sheet.goto((release(published) / "report.html").absolute().as_uri())
    sheet.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    sheet.emulate_media(media="print")
    assert sheet.locator("details:not([open])").count() == 0
    assert sheet.locator(".suite").first.is_visible()
    assert not sheet.locator("nav").is_visible()
    styles = "e => [getComputedStyle(e).printColorAdjust, getComputedStyle(e).backgroundColor]"
    exact, colour = sheet.locator(".legend i").first.evaluate(styles)
    assert exact == "exact"
    assert colour not in ("rgba(0, 0, 0, 0)", "rgb(0, 0, 0)")
    breaks = sheet.locator("figure").first.evaluate("e => getComputedStyle(e).breakInside")
    assert breaks.startswith("avoid"), "no figure is split"
    sheet.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert sheet.locator("details[open]").count() == 0
    sheet.close()


def test_the_pointer_itself_shows_a_title(published: House, browser: Any) -> None:
    sheet = browser.new_page(viewport={"width": 1280, "height": 850})
    sheet.goto((release(published) / "report.html").absolute().as_uri())
    point = sheet.locator(".map circle").nth(17)
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    assert sheet.locator("#note").is_visible()
    titles = titles_of(sheet)
    assert sheet.locator("#note").inner_text() in titles
    sheet.close()


def test_an_approximate_index_has_a_curve_of_recall_against_work(
    house: House, browser: Any
) -> None:
    exact = Page(release(house) / "report.html")
    assert "there is no recall to be traded for speed" in exact.text
    assert "Recall against work" not in exact.text
    (house.folder / "config.toml").write_text(
        CONFIG.replace("[index]", '[index]\nkind = "ivf_flat"')
    )
    ran = house.job()
    assert ran.code == 0, ran.err
    index = report(house)["index"]
    assert (
        index["curve"]
        == json.loads((release(house) / "manifest.json").read_bytes())["index"]["curve"]
    )
    sheet = browser.new_page(viewport={"width": 390, "height": 850})
    sheet.goto((release(house) / "report.html").absolute().as_uri())
    sheet.locator("summary", has_text="Search.").click()
    points = sheet.locator(".curve circle").all()
    assert len(points) == len(index["curve"]) > 2
    for point, facts in zip(points, index["curve"], strict=True):
        shown = f"{facts['effort']} lists: {100 * facts['compared']:.2f} % of the rows, recall {facts['recall']:.3f}"
        assert point.get_attribute("data-t") == shown
        assert ("ink" in point.get_attribute("class")) == (facts["effort"] == index["effort"])
    frame, boxes = (
        sheet.locator(".curve").bounding_box(),
        [point.bounding_box() for point in points],
    )
    assert [box["x"] for box in boxes] == sorted(box["x"] for box in boxes)
    assert [box["y"] for box in boxes] == sorted((box["y"] for box in boxes), reverse=True), (
        "more work, more recall"
    )
    middle = boxes[-1]["y"] + boxes[-1]["height"] / 2 - frame["y"]
    low = min(facts["recall"] for facts in index["curve"])
    assert middle / frame["height"] == pytest.approx(
        (1 - index["curve"][-1]["recall"]) / ((1 - low) or 1), abs=0.02
    )
    points[1].scroll_into_view_if_needed()
    points[1].hover(force=True)
    assert sheet.locator("#note").inner_text() == points[1].get_attribute("data-t")
    sheet.close()
