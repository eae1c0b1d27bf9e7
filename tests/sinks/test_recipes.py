"""The recipes of docs/sites.md, run as they stand there against the programs they are for."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

import simrec
from simrec import Hit
from simrec.sinks.file_names import file_name
from tests.conftest import ROOT
from tests.sinks.site import Site, write_posts

PAGE = (ROOT / "docs" / "sites.md").read_text()
LONG = pytest.mark.skipif(
    "SIMREC_LONG" not in os.environ, reason="installs packages: SIMREC_LONG=1"
)
LINK = re.compile(r'<a href="?([^">]*)"?>(.*?)</a>')


JS_COLUMNS = "columns = ['title', 'url']"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None: ...


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(program), reason=f"there is no {program} here")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def sinks(title: str) -> str:
    """The first configuration of a section, without the source, which the site has."""
    block = re.search(r"```toml\n(.*?)```", section(title), re.DOTALL)
    assert block
    return block[1].split("[[sinks]]")[1]


def block(title: str, name: str) -> str:
    """The block of a section that follows the line which names it."""
    found = re.search(rf"`{re.escape(name)}`[^`]*:\n\n```\w+\n(.*?)```", section(title), re.DOTALL)
    assert found, name
    return found[1]


def execute(*command: object, folder: Path) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=folder, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@needs("hugo")
def test_hugo(site: Site) -> None:
    site.sinks(sinks("Hugo"), "path = 'content'\nformat = 'front_matter'\nplaces = 2")
    assert site.job().code == 0
    write(site.folder / "hugo.toml", 'baseURL = "https://h.example/"\ntitle = "Harbour"\n')
    single = '<h1>{{ .Title }}</h1>{{ partial "related.html" . }}'
    single += '<p id="ids">{{ range .Params.related }}[{{ . }}]{{ end }}'
    write(
        site.folder / "layouts" / "_default" / "single.html", f"<i>{{{{ .File.Path }}}}</i>{single}"
    )
    name = "layouts/partials/related.html"
    write(site.folder / name, block("Hugo", name))
    kinds = "taxonomy,term,RSS,sitemap,home,section"
    config = ("--config", "hugo.toml", "--disableKinds", kinds, "--destination", "public")
    execute("hugo", *config, folder=site.folder)
    lists = site.lists(5)
    pages = list((site.folder / "public").rglob("index.html"))
    assert len(pages) == len(lists) == 48
    for page in pages:
        html = page.read_text()
        shown = re.search("<i>(.*?)</i>", html)
        assert shown
        hits = lists[unescape(shown[1])]
        check_links(html, hits)
        for path, title in LINK.findall(html):
            target = site.folder / "public" / unquote(unescape(path)).strip("/") / "index.html"
            assert f"<h1>{title}</h1>" in target.read_text()
        ids = re.findall(r"\[(.*?)\]", html.partition('id="ids"')[2])
        assert [unescape(each) for each in ids] == [hit.id for hit in hits[:2]]


def check_links(html: str, hits: list[Hit]) -> None:
    """The page links to the articles of a list in order, with their titles escaped."""
    assert [unescape(title) for _, title in LINK.findall(html)] == [hit.title for hit in hits]
    assert hits and "5 < 6" not in html


@needs("php")
def test_php_over_sqlite(site: Site) -> None:
    site.sinks(sinks("PHP"))
    site.export()
    write(site.folder / "related.php", block("PHP", "related.php"))
    for name, hits in list(site.lists(5).items())[::9]:
        ask = "$_GET = ['id' => $argv[1]]; include 'related.php';"
        html = execute("php", "-r", ask, name, folder=site.folder)
        check_links(html, hits)
        dates = [(hit.published_at or "")[:10] for hit in hits]
        assert re.findall("<time>(.*?)</time>", html) == dates
    assert execute("php", "-r", ask, "' OR 1=1 --", folder=site.folder) == ""


@needs("node")
def test_javascript_knows_the_files_of_ids(tmp_path: Path) -> None:
    names = [
        "42",
        "posts/Über uns.md",
        "..",
        "_a",
        "con",
        "aux.txt",
        "console",
        "A~b",
        "a/b\\c?",
        "你好 🌍",
    ]
    script = "globalThis.document = {querySelectorAll: () => []};\n" + block(
        "JavaScript", "related.js"
    )
    script += f"\nconsole.log(JSON.stringify({json.dumps(names)}.map(fileName)));"
    write(tmp_path / "names.js", script)
    found = json.loads(execute("node", "names.js", folder=tmp_path))
    assert found == [file_name(name, ".json") for name in names]


def test_javascript_shows_the_list_of_a_page(site: Site) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("there is no chromium here")
    site.sinks(f"path = 'public/related'\nformat = 'files'\nplaces = 5\n{JS_COLUMNS}")
    site.export()
    public = site.folder / "public"
    write(public / "related.js", block("JavaScript", "related.js"))
    name, hits = list(site.lists(5).items())[20]
    write(
        public / "index.html",
        f'<aside data-article="{name}"></aside><script src=related.js></script>',
    )
    handler = partial(QuietHandler, directory=str(public))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_selector("li")
            assert page.locator("li a").all_inner_texts() == [hit.title for hit in hits]
            browser.close()
        server.shutdown()


def small_site(folder: Path, content: str, form: str, sink: str) -> Site:
    """A site whose content lies in a folder of its own name."""
    site = Site(folder)
    write_posts(folder / content, [form])
    site.sinks(sink)
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('"content"', f'"{content}"'))
    assert site.job().code == 0
    return site


@LONG
@needs("npm")
def test_eleventy(tmp_path: Path) -> None:
    site = small_site(tmp_path, "posts", "yaml", sinks("Eleventy"))
    write(tmp_path / "_includes" / "post.njk", block("Eleventy", "_includes/post.njk"))
    write(tmp_path / "posts" / "posts.json", '{"layout": "post.njk"}')
    write(tmp_path / "package.json", "{}")
    execute("npm", "install", "--silent", "@11ty/eleventy@3", folder=tmp_path)
    execute("npx", "eleventy", "--output=public", folder=tmp_path)
    with simrec.open(site.workspace) as recommender:
        for page in (tmp_path / "public" / "posts").rglob("index.html"):
            name = str(page.parent.relative_to(tmp_path / "public" / "posts")) + ".md"
            html = page.read_text().rpartition("</main>")[2]
            check_links(html, recommender.similar(name, n=5))
            for path, _ in LINK.findall(html):
                assert (tmp_path / "public" / unquote(path).strip("/") / "index.html").is_file()


@LONG
def test_pelican(tmp_path: Path) -> None:
    site = small_site(tmp_path, "content", "pelican", sinks("Pelican"))
    execute(sys.executable, "-m", "venv", "venv", folder=tmp_path)
    execute("venv/bin/pip", "install", "-q", "pelican[markdown]", folder=tmp_path)
    conf = (
        f"SITENAME = 'h'\nTHEME = 'theme'\nTIMEZONE = 'UTC'\n{block('Pelican', 'pelicanconf.py')}"
    )
    conf += "DEFAULT_PAGINATION = False\nDIRECT_TEMPLATES = []\nFEED_ALL_ATOM = CATEGORY_FEED_ATOM = None\n"
    write(tmp_path / "pelicanconf.py", conf)
    names = ["article", "page", "author", "category", "tag", "index", "archives", "period_archives"]
    for name in names:
        write(tmp_path / "theme" / "templates" / f"{name}.html", "")
    template = "<i>{{ article.relative_source_path }}</i>" + block(
        "Pelican", "templates/article.html"
    )
    write(tmp_path / "theme" / "templates" / "article.html", template)
    (tmp_path / "theme" / "static").mkdir()
    execute("venv/bin/pelican", "content", "-s", "pelicanconf.py", folder=tmp_path)
    pages = 0
    with simrec.open(site.workspace) as recommender:
        for page in (tmp_path / "output").glob("*.html"):
            html = page.read_text()
            shown = re.search("<i>(.*?)</i>", html)
            if shown:
                pages += 1
                check_links(html, recommender.similar(unescape(shown[1]), n=5))
    assert pages == 48
