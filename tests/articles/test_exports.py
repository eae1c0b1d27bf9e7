"""Exports of whole sites come in with the right text, date, author and link."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simrec.articles.bodies import body_text
from simrec.articles.shortcodes import without_shortcodes
from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import Row, Split, read_rows
from simrec.config import Fields, SourceConfig
from tests.articles.test_ingest import ingest, stored
from tests.conftest import ROOT, House

EXPORTS = ROOT / "tests" / "data" / "exports"
CASES = ROOT / "tests" / "data" / "cases"
FIELDS = ("title", "text", "account", "published_at", "url", "lang", "category", "tags")
SPRING = "When sun and moon pull together, the sea rises"


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def taken_in(house: House, path: Path, *options: object) -> dict[str, tuple[Any, ...]]:
    """Return the fields of all articles that an ingest of a file brings, by id."""
    ran = ingest(house, path, *options)
    assert (ran.code, " 0 rejected" in ran.err) == (0, True), ran.err
    articles = {}
    for article_id, article in stored(house).items():
        article["tags"] = json.loads(article["tags"])
        article["text"] = article["text"].replace("\n ", "\n")  # items of lists are indented
        articles[article_id] = tuple(article[name] for name in FIELDS)
    return articles


def rows_of(path: Path, content: str | bytes, kind: str = "auto") -> list[Row]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (source,) = open_sources(SourceConfig(path=str(path), format=kind), Fields())
    return list(read_rows(source, Split(0)))


def test_wordpress(fresh: House) -> None:
    assert taken_in(fresh, EXPORTS / "wordpress.xml") == {
        "https://harbour.example/?p=12": (
            "Spring tides – why the sea rises",
            f"{SPRING} & falls further.\n\nHigh water at noon\nLow water at six",
            "Ada Pier",
            "2024-05-31T10:00:00Z",
            "https://harbour.example/2024/05/spring-tides/",
            "en-GB",
            "Sea & Tides",
            ["Sea & Tides", "moon", "noon"],
        ),
        "https://harbour.example/?p=5": (
            "A classic post",
            'The tide is "high" at noon.\n\nThe pier\n\nFish [sic] is sold on Fridays.',
            "ghostwriter",
            "2012-03-01T09:30:00Z",
            "https://harbour.example/2012/03/classic/",
            "en-GB",
            "News",
            ["News"],
        ),
        "https://harbour.example/?page_id=2": (
            "About us",
            "We print what the tide brings.",
            "Ada Pier",
            "2010-01-01T00:00:00Z",
            "https://harbour.example/about/",
            "en-GB",
            None,
            [],
        ),
    }


def test_what_is_not_published_is_counted(fresh: House) -> None:
    ran = ingest(fresh, EXPORTS / "wordpress.xml")
    assert "6 not published (" in ran.err, ran.err
    counted = "1 draft, 1 private, 1 password, 1 attachment, 1 menu item, 1 of others"
    assert f"({counted})" in ran.err


def test_wordpress_without_what_is_not_published(fresh: House) -> None:
    path = CASES / "14-wordpress-export-with-drafts" / "export.xml"
    articles = taken_in(fresh, path, "--field", "account=author")
    assert articles == {
        "https://harbour.example/?p=101": (
            "Spring tides explained",
            f"{SPRING} & falls further.\n\nWhy it matters",
            "Ada Quay",
            "2024-05-31T10:00:00Z",
            "https://harbour.example/2024/05/spring-tides/",
            "en-GB",
            "Tides",
            ["Tides", "moon"],
        )
    }


def test_wordpress_read_as_a_feed_leaves_out_drafts_as_well(fresh: House) -> None:
    path = CASES / "14-wordpress-export-with-drafts" / "export.xml"
    ran = ingest(fresh, path, "--format", "feed")
    assert stored(fresh).keys() == {"https://harbour.example/?p=101"}
    assert "1 draft, 1 private, 1 attachment, 1 menu item" in ran.err


def test_a_draft_of_atom_publishing_is_left_out(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path / "a.atom",
        "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:app='http://www.w3.org/2007/app'>"
        "<title>F</title><entry><id>urn:1</id><title>T</title>"
        "<app:control><app:draft>yes</app:draft></app:control></entry>"
        "<entry><id>urn:2</id><title>T</title></entry></feed>",
    )
    assert [row.record.get("status") for row in rows] == ["draft", None]


def test_wordpress_rest(fresh: House) -> None:
    assert taken_in(fresh, EXPORTS / "wordpress_rest.json") == {
        "https://harbour.example/?p=12": (
            "Spring tides – why",
            f"{SPRING} & falls.",
            "Ada Pier",
            "2024-05-31T10:00:00Z",
            "https://harbour.example/2024/05/spring-tides/",
            None,
            "Sea",
            ["Sea", "moon", "noon"],
        )
    }


def test_ghost(fresh: House) -> None:
    assert taken_in(fresh, EXPORTS / "ghost.json") == {
        "665a1": (
            "Spring tides",
            f"{SPRING}.\n\nIt falls as far.",
            "Ada Pier",
            "2024-05-31T10:00:00Z",
            None,
            "en",
            "Sea",
            ["Sea", "Moon"],
        ),
        "665a2": (
            "Colophon", "Set in Caslon.", "Bob Quay", "2023-01-01T00:00:00Z", None, "en", None, [],
        ),
    }  # fmt: skip


def test_what_ghosts_content_api_answers_and_what_was_never_rendered(tmp_path: Path) -> None:
    lexical = {"root": {"children": [{"children": [{"text": "High "}, {"text": "water."}]}]}}
    posts = [
        {
            "id": "6a", "comment_id": "6a", "title": "One", "html": "<p>Words.</p>",
            "url": "https://g.example/one/", "authors": [{"name": "Ada"}, {"name": "Bob"}],
            "tags": [{"name": "Sea"}, {"name": "#hidden"}],
        },
        {"id": "6b", "title": "Two", "html": None, "lexical": json.dumps(lexical),
         "canonical_url": "__GHOST_URL__/two/"},
    ]  # fmt: skip
    rows = rows_of(tmp_path / "posts.json", json.dumps({"posts": posts}))
    fields = ("id", "account", "url", "tags")
    assert [tuple(row.record[name] for name in fields) for row in rows] == [
        ("6a", "Ada", "https://g.example/one/", ["Sea"]),
        ("6b", None, None, []),
    ]
    assert body_text(rows[1].record["text"], "html") == "High water."


def test_one_post_of_wordpress_rest(tmp_path: Path) -> None:
    post = json.loads((EXPORTS / "wordpress_rest.json").read_text())[0]
    (row,) = rows_of(tmp_path / "post.json", json.dumps(post))
    assert row.record["title"] == "Spring tides – why"


def test_wordpress_before_2010_repeats_its_terms(tmp_path: Path) -> None:
    content = WXR.replace(
        '<category domain="post_tag" nicename="moon">',
        '<category><![CDATA[Sea & Tides]]></category><category domain="tag"><![CDATA[moon]]></category>'
        '<category domain="tag" nicename="moon">',
    ).replace("export/1.2/", "export/1.0/")
    record = rows_of(tmp_path / "a.xml", content)[0].record
    assert record["tags"] == ["Sea & Tides", "moon", "noon"]


def test_blogger(fresh: House) -> None:
    assert taken_in(fresh, EXPORTS / "blogger.xml") == {
        "tag:blogger.com,1999:blog-123.post-77": (
            "Spring tides",
            "When sun and moon pull together,\nthe sea rises.",
            "Ada Pier",
            "2024-05-31T10:00:00Z",
            "https://harbourdays.blogspot.com/2024/05/spring-tides.html",
            "en",
            "Sea",
            ["Sea", "Moon"],
        ),
        "tag:blogger.com,1999:blog-123.page-9": (
            "About",
            "We print what the tide brings.",
            "Ada Pier",
            "2011-01-01T08:00:00Z",
            "https://harbourdays.blogspot.com/p/about.html",
            None,
            None,
            [],
        ),
    }


def test_blogger_since_2024(tmp_path: Path) -> None:
    entry = (
        "<entry><id>tag:blogger.com,1999:blog-1.post-{n}</id><blogger:type>{type}</blogger:type>"
        "<blogger:status>{status}</blogger:status><author><name>Ada</name></author>"
        "<title>Tide {n}</title><content type='html'>&lt;p&gt;High.&lt;/p&gt;</content>"
        "<published>2024-05-31T10:00:00Z</published>"
        "<blogger:filename>/2024/05/tide-{n}.html</blogger:filename></entry>"
    )
    kinds = [("POST", "LIVE"), ("POST", "DRAFT"), ("COMMENT", "LIVE"), ("PAGE", "LIVE")]
    entries = "".join(
        entry.format(n=n, type=kind, status=status) for n, (kind, status) in enumerate(kinds)
    )
    rows = rows_of(
        tmp_path / "feed.xml",
        "<feed xmlns='http://www.w3.org/2005/Atom' "
        "xmlns:blogger='http://schemas.google.com/blogger/2018'><title>Harbour Days</title>"
        f"<link rel='alternate' href='https://days.example/'/>{entries}</feed>",
    )
    records = [row.record for row in rows]
    assert [(record["title"], record["url"], record["status"]) for record in records] == [
        ("Tide 0", "https://days.example/2024/05/tide-0.html", "published"),
        ("Tide 1", "https://days.example/2024/05/tide-1.html", "draft"),
        ("Tide 3", "https://days.example/2024/05/tide-3.html", "published"),
    ]


def test_drupal(fresh: House) -> None:
    assert taken_in(fresh, EXPORTS / "drupal.json") == {
        "6f1c-1": (
            "Spring tides",
            f"{SPRING}.",
            "Ada Pier",
            "2024-05-31T10:00:00Z",
            "https://harbour.example/articles/spring-tides",
            "en",
            "Sea",
            ["Sea", "Moon"],
        )
    }


def test_json_feed(fresh: House) -> None:
    assert taken_in(fresh, EXPORTS / "feed.json") == {
        "https://harbour.example/#Harbour-Notes/1": (
            "Spring tides",
            f"{SPRING}.",
            "Harbour Notes",
            "2024-05-31T10:00:00Z",
            "https://harbour.example/spring-tides",
            "en-GB",
            "sea",
            ["sea", "moon"],
        ),
        "https://harbour.example/low": (
            "",
            "Low water at six.",
            "Harbour Notes",
            "2024-05-30T06:00:00Z",
            "https://harbour.example/low",
            "en-GB",
            None,
            [],
        ),
        "https://harbour.example/#Harbour-Notes/3": (
            "Only a summary",
            "The market is on Friday.",
            "Harbour Notes",
            None,
            None,
            "en-GB",
            None,
            [],
        ),
    }


def test_authors_of_a_json_feed_may_be_the_accounts(fresh: House) -> None:
    articles = taken_in(fresh, EXPORTS / "feed.json", "--field", "account=author")
    assert sorted(article[2] for article in articles.values()) == [
        "Ada Pier", "The Harbour", "The Harbour",
    ]  # fmt: skip


def test_json_feed_of_version_1_has_one_author_and_plain_text_stays(tmp_path: Path) -> None:
    item = {"id": 7.0, "content_text": "a < b and <i>no tag</i>\n\nnext", "author": {"name": "Ada"}}
    document = {"version": "https://jsonfeed.org/version/1", "title": "T", "items": [item]}
    record = rows_of(tmp_path / "feed.json", json.dumps(document, indent=1))[0].record
    assert (record["id"], record["author"]) == ("7", "Ada")
    assert "&lt;i&gt;no tag" in record["text"]


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ('[gallery ids="1,2"]Words', "Words"),
        ("[gallery]Words", "Words"),
        ('[caption id="a" width="3"]The pier[/caption]', "The pier"),
        ("Fish [sic] and [1] and [see below]", "Fish [sic] and [1] and [see below]"),
        ('[vc_row][vc_column width="1/2"]Words[/vc_column][/vc_row]', "Words"),
        ('[et_pb_text admin_label="Text"]Words[/et_pb_text][vc_empty_space]', "Words"),
        ("[embed]https://video.example/1[/embed]Words", "Words"),
        (
            '[caption width="3" caption="The old pier"]<img src="a">[/caption]',
            'The old pier <img src="a">',
        ),
        ('[tab title="High water"]Words[/tab]', "High water Words"),
        ('[video title="Frame" src="a"][/video][youtube https://v.example/1]Words', "Words"),
        ("a[i] = b[j = 3]", "a[i] = b[j = 3]"),
    ],
)
def test_shortcodes_go_and_their_words_stay(written: str, left: str) -> None:
    assert " ".join(without_shortcodes(written).split()) == left


WXR = (EXPORTS / "wordpress.xml").read_text()


def test_a_wordpress_export_that_is_cut_short_is_damaged(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "a.xml", WXR[: WXR.index("About us")])
    assert [row.record.get("title") for row in rows[:-1]] == [
        "Spring tides – why the sea rises",
        "A classic post",
    ]
    assert (rows[-1].end, "cut short" in rows[-1].problem) == (True, True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pull together", "pull\x0b together\x08"),
        ("Ada Pier", "Ada &nbsp; Pier"),
        ("<generator>", "<generator>?a=b&c=d"),
        ("export/1.2/", "export/1.0/"),
        ('xmlns:wfw="http://wellformedweb.org/CommentAPI/"', ""),
    ],
)
def test_wordpress_exports_that_a_strict_parser_refuses(tmp_path: Path, old: str, new: str) -> None:
    rows = rows_of(tmp_path / "a.xml", WXR.replace(old, new))
    assert [row.record["title"] for row in rows[:3]] == [
        "Spring tides – why the sea rises",
        "A classic post",
        "About us",
    ]
    assert len(rows) == 9


@pytest.mark.parametrize("name", ["ghost.json", "drupal.json", "feed.json", "wordpress_rest.json"])
def test_a_damaged_json_export_is_one_sentence(tmp_path: Path, name: str) -> None:
    kind = {"feed.json": "jsonfeed", "wordpress_rest.json": "wordpressrest"}
    text = (EXPORTS / name).read_text()
    chosen = kind.get(name, name.removesuffix(".json"))
    (row,) = rows_of(tmp_path / name, text[: len(text) // 2], chosen)
    assert (row.end, row.problem.startswith("not JSON (")) == (True, True)
    (row,) = rows_of(tmp_path / name, '{"some": "thing else"}', chosen)
    assert (row.end, "not an export of this format" in row.problem) == (True, True)


@pytest.mark.parametrize("value", [None, 7, "text", [], {}, [None], {"data": 3}, [[{}]]])
@pytest.mark.parametrize("name", ["ghost.json", "drupal.json", "feed.json", "wordpress_rest.json"])
def test_values_of_another_type_cost_no_more_than_themselves(
    tmp_path: Path, name: str, value: Any
) -> None:
    """Every value of an export in turn is replaced; the reader still ends without an exception."""
    document = json.loads((EXPORTS / name).read_text())
    for path in _paths(document):
        holder = document
        for part in path[:-1]:
            holder = holder[part]
        before = holder[path[-1]]
        holder[path[-1]] = value
        for row in rows_of(tmp_path / name, json.dumps(document)):
            assert "cannot be read" not in row.problem, (path, row.problem)
        holder[path[-1]] = before


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    paths = [(*path, key) for key, _ in items]
    for key, child in items:
        paths += _paths(child, (*path, key))
    return paths


def test_entries_of_a_json_feed_without_an_id_have_one(tmp_path: Path) -> None:
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "P",
        "items": [{"title": "A", "content_text": "x"}, {"content_text": "y", "tags": [7]}, {}],
    }
    first, second, empty = rows_of(tmp_path / "f.json", json.dumps(document))
    assert (len(first.record["id"]), first.record["id"] != second.record["id"]) == (16, True)
    assert (second.record["tags"], empty.record["id"]) == (["7"], "")


def test_a_rest_answer_whose_first_post_has_no_title_is_one(tmp_path: Path) -> None:
    posts = [
        {"link": f"https://h.example/{n}/", "type": "post", "title": {"rendered": title},
         "content": {"rendered": "<p>Words</p>"}}
        for n, title in enumerate(["", "Tides"])
    ]  # fmt: skip
    rows = rows_of(tmp_path / "posts.json", json.dumps(posts))
    assert [row.record["title"] for row in rows] == ["", "Tides"]


MOBILEDOC = {
    "version": "0.3.1",
    "atoms": [["soft-return", "", {}]],
    "cards": [["markdown", {"markdown": "Card **words**"}], ["image", {"caption": "The pier"}]],
    "sections": [
        [1, "p", [[0, [], 0, "High & "], [0, [0], 1, "low"], [1, [], 0, 0], [0, [], 0, "next"]]],
        [3, "ul", [[[0, [], 0, "one"]], [[0, [], 0, "two"]]]],
        [10, 0],
        [10, 1],
    ],
}
LEXICAL = {
    "root": {
        "children": [
            {"children": [{"text": "High & "}, {"type": "link", "children": [{"text": "low"}]},
                          {"type": "linebreak"}, {"text": "next"}]},
            {"type": "list", "children": [
                {"type": "listitem", "children": [{"text": name}]} for name in ("one", "two")]},
            {"type": "markdown", "markdown": "Card **words**"},
            {"type": "image", "caption": "<b>The pier</b>"},
        ]
    }
}  # fmt: skip


@pytest.mark.parametrize("wrap", [lambda data: [{"data": data}], lambda data: {"data": data}])
@pytest.mark.parametrize(("editor", "document"), [("mobiledoc", MOBILEDOC), ("lexical", LEXICAL)])
def test_a_post_of_ghost_that_was_never_rendered_has_its_words(
    tmp_path: Path, editor: str, document: Any, wrap: Callable[[Any], Any]
) -> None:
    post = {"id": "1", "title": "T", "html": None, editor: json.dumps(document), "comment_id": "1"}
    content = json.dumps({"db": wrap({"posts": [post], "posts_tags": []})})
    (row,) = rows_of(tmp_path / "ghost.json", content)
    assert body_text(row.record["text"], "html") == (
        "High & low\nnext\n\none\n\ntwo\n\nCard words\n\nThe pier"
    )


def test_an_old_post_of_ghost_is_markdown(tmp_path: Path) -> None:
    post = {"id": 1, "title": "T", "html": None, "markdown": "High *water*", "comment_id": "1"}
    (row,) = rows_of(tmp_path / "a.json", json.dumps({"data": {"posts": [post], "posts_tags": []}}))
    assert body_text(row.record["text"], "html") == "High water"
