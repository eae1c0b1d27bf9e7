"""Folders of texts: exports of real systems come in with their values, nothing is lost in silence."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from simrec.articles.article import Article
from simrec.articles.mapping import Mapping
from simrec.articles.sources.folder_source import FolderSource
from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import Row, read_all
from simrec.config import Fields, IngestConfig, SourceConfig
from simrec.errors import ConfigError
from tests.articles.test_ingest import ingest, stored
from tests.conftest import CASES, House

EXPORTS = CASES.parent / "exports"
MAPPING = Mapping(Fields(), "auto", IngestConfig())


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def rows_of(path: Path, **keys: Any) -> list[Row]:
    return list(read_all(open_sources(SourceConfig(path=str(path), **keys), Fields())))


def articles_of(path: Path) -> dict[str, Article]:
    rows = rows_of(path)
    assert not [row.problem for row in rows if row.problem]
    articles = [MAPPING.article(row.record, row.body)[0] for row in rows]
    return {article.id: article for article in articles}


def drafts_of(path: Path) -> set[str]:
    return {str(row.record["id"]) for row in rows_of(path) if row.record.get("status") == "draft"}


def markdown(folder: Path, text: str, name: str = "post.md") -> Article:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return articles_of(folder)[name]


def test_hugo() -> None:
    articles = articles_of(EXPORTS / "hugo")
    assert articles == {
        "content/posts/draft.md": Article(
            "content/posts/draft.md",
            "Unfinished",
            "A draft.",
            published_at="2024-06-01",
            url="/posts/draft/",
        ),
        "content/posts/json.md": Article(
            "content/posts/json.md",
            "Low water",
            "Low water at six.",
            published_at="2024-05-30",
            url="/low-water/",
            tags=("sea",),
        ),
        "content/posts/spring-tides.md": Article(
            "content/posts/spring-tides.md",
            "Spring tides",
            "The sea rises when sun and moon pull together.\n\nThe pier\n\nSee low water too.",
            account="Ada Pier",
            published_at="2024-05-31T10:00:00Z",
            url="/posts/why-the-sea-rises/",
            category="Tides",
            tags=("sea", "moon"),
        ),
    }
    assert drafts_of(EXPORTS / "hugo") == {"content/posts/draft.md"}


@pytest.mark.parametrize(
    ("below", "config", "url"),
    [
        ("", 'baseURL = "https://sea.example/"', "https://sea.example/posts/low-water/"),
        ("content", 'baseURL = "https://sea.example/a"', "https://sea.example/a/posts/low-water/"),
        (
            "content/posts",
            'baseURL = "https://sea.example/"',
            "https://sea.example/posts/low-water/",
        ),
        ("", 'baseURL = "https://sea.example/"\n[permalinks]\nposts = "/:slug/"', None),
        ("", "sources = []", None),
    ],
)
def test_pages_of_hugo_have_the_address_of_their_site(
    tmp_path: Path, below: str, config: str, url: str | None
) -> None:
    posts = tmp_path / "content" / "posts"
    posts.mkdir(parents=True)
    (tmp_path / "config.toml").write_text(config)
    (posts / "Low Water.md").write_text("Low water at six.")
    (article,) = articles_of(tmp_path / below).values()
    assert article.url == url


def test_jekyll() -> None:
    articles = articles_of(EXPORTS / "jekyll")
    assert articles["_posts/2024-05-31-spring-tides.md"] == Article(
        "_posts/2024-05-31-spring-tides.md",
        "Spring tides: why",
        "When sun and moon pull together, readers see the sea rise.\n\nHigh water at noon",
        account="ada",
        published_at="2024-05-31",
        lang="en",
        category="Tides",
        tags=("sea", "moon"),
    )
    assert drafts_of(EXPORTS / "jekyll") == {
        "_posts/2024-05-30-hidden.md",
        "_drafts/thoughts.md",
    }


def test_eleventy() -> None:
    articles = articles_of(EXPORTS / "eleventy")
    low = articles["posts/low.md"]
    assert (low.title, low.text, low.url, low.published_at) == (
        "Yes",
        "Low water at six.",
        "/low/",
        None,
    )
    assert articles["posts/rule.md"].text == "A page that begins with a rule.\n\nAnd goes on."


def test_obsidian(tmp_path: Path) -> None:
    shutil.copytree(EXPORTS / "obsidian", tmp_path / "vault")
    (tmp_path / "vault" / ".obsidian").mkdir(exist_ok=True)
    (tmp_path / "vault" / ".obsidian" / "workspace.md").write_text("# Not a note")
    assert articles_of(tmp_path / "vault") == {
        "Notes/2024-05-31.md": Article(
            "Notes/2024-05-31.md",
            "2024-05-31",
            "Today the tide was high. See Low water. #moon",
            tags=("sea", "harbour/pier", "moon"),
        )
    }
    note = (
        "> [!note] Mind\n> the tide. ^b1\n\n%% to do %%[[Low water#Dawn]] `[[ -f x ]] #no` #4 a#b"
    )
    article = markdown(tmp_path / "vault", note, "b.md")
    assert article.text == "Mind the tide.\n\nLow water Dawn [[ -f x ]] #no #4 a#b"
    assert (article.title, article.tags) == ("b", ())


def test_notion() -> None:
    (article,) = articles_of(EXPORTS / "notion").values()
    assert article == Article(
        "Spring tides 0a1b2c3d4e5f60718293a4b5c6d7e8f9.md",
        "Spring tides",
        "When sun and moon pull together, the sea rises.",
        account="Ada Pier",
        published_at="2024-05-31T12:00:00Z",
        lang="en",
        tags=("Sea", "Moon"),
    )


def test_medium() -> None:
    articles = articles_of(EXPORTS / "medium")
    name = "posts/2024-05-31_Spring-tides-0a1b2c3d4e5f.html"
    assert articles[name] == Article(
        name,
        "Spring tides",
        "Why the sea rises.\n\nWhen sun and moon pull together, the sea rises.",
        account="Ada Pier",
        published_at="2024-05-31T10:00:00Z",
        url="https://medium.com/@ada/spring-tides-0a1b2c3d4e5f",
    )
    assert drafts_of(EXPORTS / "medium") == {"posts/draft_Half-a-thought-1b2c3d4e5f60.html"}


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
        archive.writestr("__MACOSX/posts/._141.spring-tides.html", "<p>no text</p>")
    return path


def test_substack_as_a_folder_and_as_a_zip(tmp_path: Path) -> None:
    articles = articles_of(EXPORTS / "substack")
    assert articles["posts/141.spring-tides.html"] == Article(
        "posts/141.spring-tides.html",
        "Spring tides",
        "Why the sea rises\n\nWhen sun and moon pull together, the sea rises.\n\nIt falls as far.",
        published_at="2024-05-31T10:00:00Z",
        category="newsletter",
    )
    assert drafts_of(EXPORTS / "substack") == {"posts/142.half-a-thought.html"}
    archive = zipped(EXPORTS / "substack", tmp_path / "export.zip")
    assert articles_of(archive) == articles
    assert drafts_of(archive) == drafts_of(EXPORTS / "substack")
    archive.write_bytes(archive.read_bytes()[:200])
    (row,) = rows_of(archive)
    assert (row.end, row.problem) == (True, "not a zip (File is not a zip file)")


BODY = "春天的潮水在中午最高，渔船此时进港。"
PAGE_URL = "http://mp.weixin.qq.com/s?__biz=MzA&mid=1&idx=1&sn=abc"


@pytest.mark.parametrize(
    "page",
    [
        EXPORTS / "wechat" / "spring.html",
        *(CASES / "04-wechat-page-hidden-body" / "pages").iterdir(),
        CASES / "30-pages-that-name-their-charset" / "pages" / "gbk.html",
    ],
    ids=lambda path: path.name,
)
def test_pages_of_wechat(page: Path) -> None:
    article = articles_of(page.parent)[page.name]
    assert (article.title, article.account, article.published_at, article.url) == (
        "潮汐与渔港",
        "渔港小报",
        "2024-05-31T12:00:00Z",
        PAGE_URL,
    )
    assert (len(article.text), article.text.count(BODY)) == (244, 3)


def test_case_30_a_page_says_how_it_is_encoded(tmp_path: Path) -> None:
    article = articles_of(CASES / "30-pages-that-name-their-charset" / "pages")["cp1252.html"]
    assert (article.title, article.text) == ("Café", "Crème brûlée")
    declared = {"shift_jis": "潮の満ち引き", "euc-kr": "밀물과 썰물", "koi8-r": "Прилив и отлив"}
    for charset, words in declared.items():
        page = f"<meta charset={charset}><p>{words}</p>"
        (tmp_path / f"{charset}.html").write_bytes(page.encode(charset))
    (tmp_path / "lie.html").write_text(f"<meta charset=gbk><p>{BODY}</p>")
    (tmp_path / "utf-16.html").write_bytes(f"<p>{BODY}</p>".encode("utf-16"))
    (tmp_path / "note.txt").write_bytes("Ebb und Flut – größer".encode("utf-16"))
    texts = {article.id: article.text for article in articles_of(tmp_path).values()}
    expected = {f"{charset}.html": words for charset, words in declared.items()}
    expected |= {"lie.html": BODY, "utf-16.html": BODY, "note.txt": "Ebb und Flut – größer"}
    assert texts == expected


@pytest.mark.parametrize("head", ["", "<meta charset=utf-8>", "<meta charset=hex>"])
def test_a_page_in_no_known_encoding_is_named(tmp_path: Path, head: str) -> None:
    (tmp_path / "a.html").write_bytes(f"{head}\n<p>caf".encode() + b"\xe9</p>")
    (row,) = rows_of(tmp_path)
    assert (row.line, row.problem.startswith("not valid UTF-8 (byte ")) == (2, True)


def test_what_a_page_says_of_itself(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<html lang=en-GB><head><title>Tides</title><meta name=author content='Ada &amp; Bo'>"
        "<meta property=article:published_time content=2024-05-31T10:00:00Z>"
        "<link rel=canonical href='https://sea.example/?a=1&amp;section=2'></head>"
        "<body><nav>Home</nav><p>The sea rises.</p></body></html>"
    )
    assert articles_of(tmp_path)["a.html"] == Article(
        "a.html",
        "Tides",
        "The sea rises.",
        "Ada & Bo",
        "2024-05-31T10:00:00Z",
        "https://sea.example/?a=1&section=2",
        "en-GB",
    )


def test_cases_17_and_18_front_matter() -> None:
    articles = articles_of(CASES / "17-toml-front-matter" / "posts")
    assert articles["toml.md"] == Article(
        "toml.md",
        "Spring tides",
        "The sea rises when sun and moon pull together.",
        "Ada",
        "2024-05-31T10:00:00Z",
        tags=("moon", "sea"),
    )
    assert articles["rule.md"].text == "A text that begins with a rule.\n\nAnd goes on."
    articles = articles_of(CASES / "18-front-matter-value-costs-the-article" / "posts")
    assert {key: (article.title, article.published_at) for key, article in articles.items()} == {
        "baddate.md": ("Bad date", None),
        "diary.md": ("2024-05-31", None),
        "yes.md": ("Yes", None),
    }


@pytest.mark.parametrize(
    ("front", "values"),
    [
        ("author: {name: Ada}", {"account": "Ada"}),
        ("authors: [Ada, Bo]", {"account": "Ada"}),
        ("account: Gazette\nauthor: Ada", {"account": "Gazette"}),
        (
            "Date: 2024-05-31\nCategories: [Sea, Moon]",
            {"published_at": "2024-05-31", "category": "Sea"},
        ),
        ("published: true\ndate: 2024-05-31", {"published_at": "2024-05-31"}),
        ("language: de\nkeywords: sea, moon", {"lang": "de", "tags": ("sea", "moon")}),
        ("permalink: /:year/{{ slug }}/", {}),
        ("url: https://sea.example/?a=1&copy=2", {"url": "https://sea.example/?a=1&copy=2"}),
    ],
)
def test_front_matter_by_other_names(tmp_path: Path, front: str, values: dict[str, Any]) -> None:
    article = markdown(tmp_path, f"---\n{front}\n---\nThe sea rises.")
    assert article == Article("post.md", "", "The sea rises.", **values)


def test_tags_of_templates_go_and_their_words_stay(tmp_path: Path) -> None:
    text = (
        "---\nlayout: post\n---\n{% comment %}no{% endcomment %}One {{ page.x }}\n\n"
        "{% raw %}{{ kept }}{% endraw %} {%- if a -%}two{% endif %}"
    )
    assert markdown(tmp_path, text).text == "One\n\n{{ kept }} two"
    assert (
        markdown(tmp_path, "Write {{ name }} and {% if %}.").text
        == "Write {{ name }} and {% if %}."
    )


def test_hidden_and_foreign_folders_are_left_out(tmp_path: Path) -> None:
    for name in (
        "a.md", "._a.md", ".git/b.md", ".obsidian/c.md", "node_modules/x/README.md", "__MACOSX/a.md",
        "_site/d.html", "_layouts/e.html", "sub/f.txt",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("Words.")
    assert list(articles_of(tmp_path)) == ["a.md", "sub/f.txt"]


def test_links_to_folders_are_followed_where_the_source_says_so(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.md").write_text("Words.")
    (texts / "far").symlink_to(tmp_path / "far")
    (texts / "loop").symlink_to(texts)
    with pytest.raises(ConfigError, match="no .txt, .md or .html in it"):
        rows_of(texts)
    (row,) = rows_of(texts, follow_links=True)
    assert row.record["id"] == "far/a.md"
    (texts / "gone.md").symlink_to(tmp_path / "gone.md")
    (row,) = rows_of(texts)
    assert row.problem == "a link to a file that is not there"
    assert FolderSource(texts, Fields()).fingerprint() == ""


def test_a_name_that_is_no_utf8_comes_in_escaped(fresh: House) -> None:
    posts = fresh.folder / "posts"
    posts.mkdir()
    (posts / "a.txt").write_text("Words.")
    Path(os.fsdecode(os.fsencode(posts) + b"/caf\xe9.txt")).write_text("Words of the odd file.")
    ran = ingest(fresh, posts)
    assert (ran.code, "Traceback" in ran.err) == (0, False), ran.err
    assert stored(fresh).keys() == {"a.txt", "caf\\xe9.txt"}


def test_a_folder_that_cannot_be_read_is_not_gone(
    fresh: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sub = fresh.folder / "docs" / "sub"
    sub.mkdir(parents=True)
    (sub / "a.txt").write_text("Words.")
    assert ingest(fresh, sub.parent, "--sync").code == 0
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path) == sub:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ConfigError, match=r"docs/sub: cannot be read \(Permission denied\)"):
        rows_of(sub.parent)
    with pytest.raises(ConfigError, match=r"docs/sub: cannot be read \(Permission denied\)"):
        FolderSource(sub.parent, Fields()).fingerprint()
    assert stored(fresh).keys() == {"sub/a.txt"}


def test_case_22_parts_of_a_table_are_read(tmp_path: Path) -> None:
    spark = tmp_path / "articles.parquet"
    spark.mkdir()
    for number in (1, 2):
        table = pyarrow.Table.from_pylist([{"id": str(number), "text": f"Words {number}."}])
        parquet.write_table(table, spark / f"part-0000{number}.snappy.parquet")
    (spark / "_SUCCESS").touch()
    assert [row.record["id"] for row in rows_of(spark)] == ["1", "2"]
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "a.jsonl").write_text('{"id": "3", "text": "Words."}')
    assert [row.record["id"] for row in rows_of(exports)] == ["3"]
    (exports / "b.xml").touch()
    says = "no .txt, .md or .html in it; give .*/exports/\\*.jsonl or .*/exports/\\*.xml"
    with pytest.raises(ConfigError, match=says):
        rows_of(exports)
    assert [row.record["id"] for row in rows_of(exports, format="jsonl")] == ["3"]
    with pytest.raises(ConfigError, match="exports: no csv files in it"):
        rows_of(exports, format="csv")
    (exports / "notes.md").write_text("A note.")
    assert [row.record["id"] for row in rows_of(exports)] == ["notes.md"]


def test_what_a_library_raises_costs_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"---\na: {'[' * 50_000}\n---\nWords.")
    (tmp_path / "b.md").write_text("Words.\n" + "> " * 5_000)
    (tmp_path / "c.md").write_text("Words.")
    rows = rows_of(tmp_path)
    assert [Path(row.file).name for row in rows] == ["a.md", "b.md", "c.md"]
    assert not [row for row in rows if row.end]
    assert rows[2].record["text"] == "Words."


def test_a_folder_keeps_values_that_it_can_read_and_names_the_others(fresh: House) -> None:
    posts = fresh.folder / "posts"
    posts.mkdir()
    (posts / "a.md").write_text("---\ntitle: Tides: high\nauthor: [Ada\n---\nWords.")
    ran = ingest(fresh, posts)
    assert "a.md, line 1: kept without author: '[Ada' cannot be read" in ran.err, ran.err
    assert {row["title"] for row in stored(fresh).values()} == {"Tides: high"}


@pytest.mark.parametrize(
    ("written", "title", "text"),
    [
        ('{{< figure src="a.jpg" caption="The \\"old\\" pier" >}}', "", 'The "old" pier'),
        (
            "{{< figure src='a.jpg' title='Pier' caption=`At noon` attr='Ada' >}}",
            "",
            "Pier At noon Ada",
        ),
        ('Words {{< youtube id="1" title="Frame" >}} here.', "", "Words here."),
        ('[caption id="a" width="3"]The pier[/caption]', "", "The pier"),
        (
            '---\nlayout: a\n---\n{% include figure.html src="a" caption="The pier" %}',
            "",
            "The pier",
        ),
        ("---\ntitle: T\n...\nFirst.\n\n---\n\nSecond.", "T", "First.\n\nSecond."),
        ('---json\n{"title": "T"}\n---\nWords.', "T", "Words."),
        ("---toml\ntitle = 'T'\n---\nWords.", "T", "Words."),
        (';;;\n"title": "T"\n;;;\nWords.', "T", "Words."),
        ("---\ntitle: T\n---\n# Another\n\nWords.", "T", "Another\n\nWords."),
        ("---\ntitle: null\n---\n# Heading\nWords.", "Heading", "Words."),
        ("Heading\n=======\n\nWords.", "Heading", "Words."),
        ("# Heading {#name .c}\n\nWords.\n{: .c}\n\n## Part {#p}", "Heading", "Words.\n\nPart"),
        ("Words[^1] of [^a-z].\n\n[^1]: A note.", "", "Words of [^a-z].\n\nA note."),
        ("Title: T\nAuthor: Ada\n\nWords.", "T", "Words."),
        ("Hint: no title.\n\nWords.", "", "Hint: no title.\n\nWords."),
    ],
)
def test_what_generators_write_is_read(tmp_path: Path, written: str, title: str, text: str) -> None:
    article = markdown(tmp_path, written)
    assert (article.title, article.text) == (title, text)


def test_nested_front_matter_and_the_date_of_publication(tmp_path: Path) -> None:
    nested = "+++\n[params]\nauthor = 'Ada'\n[taxonomies]\ntags = ['sea']\n+++\nWords."
    article = markdown(tmp_path, nested)
    assert (article.account, article.tags) == ("Ada", ("sea",))
    dated = "---\ndate: 2024-05-01\npublishDate: 2024-05-31\n---\nWords."
    assert markdown(tmp_path, dated).published_at == "2024-05-31"
    (tmp_path / "post.md").write_text("---\nprivate: true\n---\nWords.")
    assert [row.record["status"] for row in rows_of(tmp_path)] == ["private"]


def test_a_sentence_below_the_title_of_a_note_is_text(tmp_path: Path) -> None:
    name = "Tides 0a1b2c3d4e5f60718293a4b5c6d7e8f9.md"
    article = markdown(tmp_path, "# Tides\n\nNote: this is text.\n\nMore.", name)
    assert article.text == "Note: this is text.\n\nMore."


PAGE = (
    "<html><head><title>{title}</title>{head}</head><body><h1>Tides</h1><p>Words.</p></body></html>"
)
ARTICLE = {
    "@graph": [
        {"@type": "WebSite", "name": "Site"},
        {
            "@type": ["NewsArticle"],
            "headline": "Tides",
            "datePublished": "2024-05-31T10:00:00+02:00",
            "author": [{"@type": "Person", "name": "Ada Pier"}],
            "publisher": {"name": "The Paper"},
            "mainEntityOfPage": {"@id": "https://p.example/1"},
            "inLanguage": "en",
            "keywords": ["sea", "moon"],
        },
    ]
}


def page(folder: Path, content: str | bytes) -> Article:
    (folder / "a.html").write_bytes(content.encode() if isinstance(content, str) else content)
    return articles_of(folder)["a.html"]


@pytest.mark.parametrize("title", ["Tides", "Tides | The Paper", "Tides – The Paper", ""])
def test_the_name_of_a_site_is_no_part_of_a_title(tmp_path: Path, title: str) -> None:
    article = page(tmp_path, PAGE.format(title=title, head=""))
    assert (article.title, article.text) == ("Tides", "Words.")
    other = page(tmp_path, PAGE.format(title="Low water - high water", head=""))
    assert other.title == "Low water - high water"


def test_json_ld_gives_what_the_page_says_nowhere_else(tmp_path: Path) -> None:
    script = f'<script type="application/ld+json">{json.dumps(ARTICLE)}</script>'
    assert page(tmp_path, PAGE.format(title="Tides", head=script)) == Article(
        "a.html",
        "Tides",
        "Words.",
        account="Ada Pier",
        published_at="2024-05-31T08:00:00Z",
        url="https://p.example/1",
        lang="en",
        tags=("sea", "moon"),
    )
    named = '<meta name="author" content="Bob"><meta property="og:site_name" content="S">'
    assert page(tmp_path, PAGE.format(title="T", head=named + script)).account == "Bob"
    broken = '<script type="application/ld+json">{"@type": "Article", </script>'
    assert page(tmp_path, PAGE.format(title="T", head=broken)).account is None


def test_a_page_without_a_charset_is_guessed_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    french = PAGE.format(title="Café", head="").replace("Words", "Déjà fermé à midi")
    assert page(tmp_path, french.encode("cp1252")).text.endswith("Déjà fermé à midi.")
    (tmp_path / "a.html").write_bytes(french.encode() + b"\xff")
    (row,) = rows_of(tmp_path)
    assert row.problem.startswith("not valid UTF-8 (byte ")


def test_the_scripts_of_wechat_tell_date_and_link(tmp_path: Path) -> None:
    article = page(
        tmp_path,
        "<html><body><p>A long line around the body, which is no part of it.</p>"
        "<div id='js_content'>正文</div><script>var createTime = '2024-05-31 20:00';"
        "var msg_link = 'http://mp.weixin.qq.com/s?a=1\\x26amp;b=2';</script></body></html>",
    )
    assert (article.text, article.published_at) == ("正文", "2024-05-31T12:00:00Z")
    assert article.url == "http://mp.weixin.qq.com/s?a=1&b=2"


def test_a_zip_without_texts_is_one_sentence(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "id,text\n1,Words\n")
    (row,) = rows_of(tmp_path / "a.zip")
    assert (row.end, "no .txt, .md or .html in it; unpack it" in row.problem) == (True, True)
