"""RSS and Atom feeds come in as they are in the wild: not well-formed, cut short, or no feed."""

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import feedparser
import pytest

from simrec.articles.bodies import body_text
from simrec.articles.html_text import fragment_text
from simrec.articles.sources.feed_source import FeedSource
from simrec.articles.sources.source import Split, read_rows
from simrec.config import Fields
from tests.articles.test_ingest import ingest, stored
from tests.conftest import ROOT, House

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>The Paper</title><link>https://paper.example/</link><language>en</language>
<item><guid isPermaLink="false">1</guid><title>Fish &amp;amp; chips</title><link>https://paper.example/fish</link>
<pubDate>Fri, 31 May 2024 12:00:00 +0200</pubDate><dc:creator>Ada</dc:creator><category>Food</category>
<category>Sea</category><description>Short.</description>
<content:encoded><![CDATA[Words <b>first</b>.<script>no()</script><p>Then a &lt;p&gt;.</p>]]></content:encoded></item>
<item><title>No guid</title><link>https://paper.example/second</link><description>&lt;p&gt;Second.</description></item>
</channel></rss>
"""
FEED = (
    '<rss version="2.0"><channel><title>P</title><link>https://p.example/</link>{}</channel></rss>'
)
ATOM = """<?xml version="1.0" encoding="iso-8859-1"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de"><title>Das Blog</title>
<entry><id>urn:1</id><title type="html">Kr&#228;uter &amp;amp; &lt;b&gt;Tee&lt;/b&gt;</title>
<link rel="alternate" href="https://blog.example/tee"/><link rel="edit" href="https://blog.example/edit"/>
<published>2024-05-31T12:00:00Z</published><updated>2024-06-01T12:00:00Z</updated><author><name>J\xfcrgen</name></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Gr\xfcner</p><p>Tee</p></div></content></entry>
<entry><id>urn:2</id><title>Nur Text</title><updated>2024-06-02T12:00:00Z</updated>
<summary type="text">a < b und <i>kein Tag</i></summary></entry></feed>
""".replace("a < b und <i>kein Tag</i>", "a &lt; b und &lt;i&gt;kein Tag&lt;/i&gt;")
PREFIX = "https://paper.example/#The-Paper/"  # of what has only a number for an id
MORE = "".join(f"<item><guid>more{n}</guid><title>Title {n}</title></item>" for n in range(40))
BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol"}">' for n in range(9))


@pytest.fixture
def fresh(empty_house: Callable[..., House]) -> House:
    return empty_house([])


def write(house: House, content: str | bytes, name: str = "feed.xml") -> Path:
    path = house.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_rss_and_atom_become_articles(fresh: House) -> None:
    write(fresh, RSS, "a.rss")
    write(fresh, ATOM.encode("latin-1"), "b.atom")
    for name in ("a.rss", "b.atom"):
        assert ingest(fresh, fresh.folder / name).err.count("rejected") == 1
    articles = stored(fresh)
    fields = ("title", "text", "account", "published_at", "url", "lang", "category")
    assert {identity: tuple(row[field] for field in fields) for identity, row in articles.items()} == {
        PREFIX + "1": (
            "Fish & chips", "Words first.\n\nThen a <p>.", "The Paper", "2024-05-31T10:00:00Z",
            "https://paper.example/fish", "en", "Food",
        ),
        "https://paper.example/second": (
            "No guid", "Second.", "The Paper", None, "https://paper.example/second", "en", None,
        ),
        "urn:1": (
            "Kräuter & Tee", "Grüner\n\nTee", "Das Blog", "2024-05-31T12:00:00Z", "https://blog.example/tee", "de", None
        ),
        "urn:2": ("Nur Text", "a < b und <i>kein Tag</i>", "Das Blog", "2024-06-02T12:00:00Z", None, "de", None),
    }  # fmt: skip
    assert json.loads(articles[PREFIX + "1"]["tags"]) == ["Food", "Sea"]


def test_authors_may_be_the_accounts(fresh: House) -> None:
    ingest(fresh, write(fresh, RSS), "--field", "account=author")
    assert stored(fresh)[PREFIX + "1"]["account"] == "Ada"


def test_a_feed_that_is_not_well_formed_is_read_whole(fresh: House) -> None:
    ran = ingest(fresh, write(fresh, RSS.replace("Short.", "Short &nbsp; <br> & so on.")))
    assert (ran.code, len(stored(fresh))) == (0, 2), ran.err


def test_a_feed_that_is_cut_short_keeps_its_whole_entries_and_fails_the_run(fresh: House) -> None:
    feed = RSS.replace("</language>", f"</language>{MORE}")
    ran = ingest(fresh, write(fresh, feed[: feed.index("Second.")]), "--sync")
    assert (ran.code, "line 42: the feed is cut short here" in ran.err) == (7, True), ran.err
    assert stored(fresh).keys() == {
        PREFIX + name for name in ("1", *(f"more{n}" for n in range(40)))
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("This is no XML.", "not RSS or Atom (it is no XML, or empty)"),
        ("", "not RSS or Atom (it is no XML, or empty)"),
        (
            "<urlset><url><loc>https://a.example</loc></url></urlset>",
            "not RSS or Atom (it is XML with the root <urlset>)",
        ),
        (RSS.replace("<rss", f"<!DOCTYPE rss [{BOMB}]><rss"), "declares XML entities"),
        (
            RSS.replace("<rss", '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss'),
            "declares XML entities",
        ),
        (f"<!DOCTYPE rss [{BOMB}]>{RSS[39:]}".encode("utf-16"), "declares XML entities"),
        (b"\x1f\x8b not gzip", "not RSS or Atom"),
    ],
)
def test_what_is_no_feed_is_one_sentence_and_nothing_changes(
    fresh: House, content: str | bytes, says: str
) -> None:
    path = write(fresh, content)
    ran = ingest(fresh, path)
    assert (ran.code, f"{path}, line 1: " in ran.err, says in ran.err) == (7, True, True), ran.err
    assert ("Traceback" in ran.err, len(stored(fresh))) == (False, 0)


def test_a_file_that_names_a_feed_is_not_that_feed(fresh: House) -> None:
    ran = ingest(fresh, write(fresh, str(write(fresh, RSS, "other.rss"))))
    assert (ran.code, "not RSS or Atom" in ran.err, len(stored(fresh))) == (7, True, 0), ran.err


def test_an_entry_without_guid_and_link_has_an_id_of_what_it_says(fresh: House) -> None:
    entry = "<item><title>{}</title><pubDate>{}</pubDate><description>{}</description></item>"
    entries = [
        entry.format("Tide", "Fri, 31 May 2024 10:00:00 GMT", "High."),
        entry.format("Tide", "Sat, 01 Jun 2024 10:00:00 GMT", "High."),
        entry.format("", "", "Without a title."),
    ]
    write(fresh, FEED.format("".join(entries)))
    assert ingest(fresh, fresh.folder / "feed.xml").code == 0
    before = stored(fresh)
    assert sorted(article["text"] for article in before.values()) == [
        "High.", "High.", "Without a title.",
    ]  # fmt: skip
    assert all(article_id.startswith("https://p.example/#P/") for article_id in before)
    write(fresh, FEED.format("".join(reversed(entries)).replace("High.", "Higher.")))
    ran = ingest(fresh, fresh.folder / "feed.xml")
    assert "0 new, 2 changed, 1 unchanged" in ran.err, "its id is that of its title and date"
    assert stored(fresh).keys() == before.keys()


def test_entries_that_share_a_page_or_no_id_are_as_many_articles(fresh: House) -> None:
    entry = "<item><title>Tide {}</title>{}<description>Words {}.</description></item>"
    ids = ["<link>https://p.example/</link>", '<guid isPermaLink="false">N/A</guid>']
    items = [entry.format(n, ids[n % 2], n) for n in range(4)]
    write(fresh, FEED.format("".join(items)))
    ran = ingest(fresh, fresh.folder / "feed.xml")
    assert (ran.code, "4 new" in ran.err) == (0, True), ran.err
    assert {article["title"] for article in stored(fresh).values()} == {
        f"Tide {n}" for n in range(4)
    }


def test_an_entry_that_was_escaped_twice_is_its_text(fresh: House) -> None:
    bodies = ["&lt;![CDATA[&lt;p&gt;One&lt;/p&gt;]]&gt;", "&amp;lt;p&amp;gt;One&amp;lt;/p&amp;gt;"]
    items = (
        f"<item><guid>urn:{body}</guid><description>{body}</description></item>" for body in bodies
    )
    write(fresh, FEED.format("".join(items)), "feed.rdf")
    assert ingest(fresh, fresh.folder / "feed.rdf").code == 0
    assert [article["text"] for article in stored(fresh).values()] == ["One", "One"]


def test_an_entry_that_cannot_be_taken_is_named(fresh: House) -> None:
    bad = "<item><pubDate>31 May 2024</pubDate></item><item><guid>x</guid></item>"
    ran = ingest(fresh, write(fresh, RSS.replace("</channel>", f"{bad}{MORE}</channel>")))
    assert (ran.code, "line 3: no id in 'id'" in ran.err, "line 4: no text in" in ran.err) == (
        0,
        True,
        True,
    ), ran.err
    assert len(stored(fresh)) == 42


CASES = ROOT / "tests" / "data" / "cases"
CONTENT = ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'


def rss(items: str, channel: str = "<title>P</title><link>https://p.example/</link>") -> str:
    return f'<rss version="2.0"{CONTENT}><channel>{channel}{items}</channel></rss>'


def records(tmp_path: Path, content: str | bytes) -> list[dict[str, Any]]:
    """Return the records of a feed; a row with a problem fails the test."""
    path = tmp_path / "feed.xml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    rows = list(read_rows(FeedSource(path, Fields()), Split(0)))
    assert [row.problem for row in rows if row.problem] == []
    return [row.record for row in rows]


def test_an_emoji_as_surrogate_pair_is_that_emoji(fresh: House) -> None:
    for name, count in (("emoji", 11), ("gml", 12), ("outofrange", 13)):
        ran = ingest(fresh, CASES / "01-feed-emoji-as-surrogates" / f"{name}.xml")
        assert (ran.code, len(stored(fresh))) == (0, count), ran.err
    articles = {article["title"]: article["text"] for article in stored(fresh).values()}
    assert articles["Smile \U0001f600 today"] == "Words \U0001f600 with a smile."


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("&#55357;&#56832;", "\U0001f600"),
        ("&#xD83D;&#xDE00;", "\U0001f600"),
        ("&amp;#55357;&amp;#56832;", "\U0001f600"),
        ("<![CDATA[&#55357;&#56832;]]>", "\U0001f600"),
        ("&#128512;", "\U0001f600"),
        ("&#55357;", "\ufffd"),
        ("&#1114112;", "\ufffd"),
        ("&#99999999999999;", "&#99999999999999;"),
        ("&#146;", "\u2019"),
        ("&#0;\x0b\x01", "\ufffd "),
        ("R&D &lang=en &nosuch; AT&amp;T &eacute;&copy;", "R&D &lang=en &nosuch; AT&T é©"),
        ("a &lt; b &#60; c", "a < b < c"),
    ],
)
def test_references_of_every_kind(tmp_path: Path, written: str, text: str) -> None:
    record = records(tmp_path, rss(f"<item><guid>1</guid><title>{written}</title></item>"))[0]
    assert fragment_text(record["title"]).strip() == fragment_text(text).strip()


def test_numbers_of_two_feeds_of_one_site_are_two_articles(fresh: House) -> None:
    for _ in range(2):  # and the next night too
        ran = ingest(fresh, CASES / "03-feeds-same-guid" / "*.xml")
        assert (ran.code, len(stored(fresh))) == (0, 20), ran.err
    assert {article["account"] for article in stored(fresh).values()} == {"Tides", "Bakery"}


def test_a_description_stands_for_a_content_that_says_nothing(fresh: House) -> None:
    assert ingest(fresh, CASES / "08-feed-empty-content" / "*.xml").code == 0
    assert {article["text"] for article in stored(fresh).values()} == {
        "The description has all the words.",
        "The description has all the words of two.",
        "The summary has all the words of three.",
    }


@pytest.mark.parametrize(
    "behind",
    [
        "<script src='https://cdn.example/beacon.js'></script>",
        "<!-- cached -->\n<!-- </rss> -->",
        "\0\0\0",
        "\n</html>",
    ],
)
def test_what_stands_behind_a_closed_feed_does_no_harm(tmp_path: Path, behind: str) -> None:
    assert len(records(tmp_path, RSS + behind)) == 2


@pytest.mark.parametrize(
    "before",
    ["\n\n", "<br />\n<b>Warning</b>: mysql_connect() in <b>/x.php</b><br />\n", "\ufeff\n"],
)
def test_what_stands_before_a_feed_does_no_harm(tmp_path: Path, before: str) -> None:
    assert [record["title"] for record in records(tmp_path, before + RSS)][1] == "No guid"


def test_a_feed_that_quotes_its_own_end_and_is_cut_short_is_damaged(fresh: House) -> None:
    quoting = RSS.replace("Short.", "<![CDATA[it ends with </rss>]]>")
    ran = ingest(fresh, write(fresh, quoting[: quoting.index("Second.")]))
    assert (ran.code, "line 2: the feed is cut short here" in ran.err) == (7, True), ran.err


def test_entities_are_declared_in_the_doctype_alone(fresh: House) -> None:
    assert ingest(fresh, CASES / "27-feed-that-writes-about-entities" / "feed.xml").code == 0
    texts = {article["title"]: article["text"] for article in stored(fresh).values()}
    assert texts.keys() == {"XXE explained", "Bread"}
    assert "An attacker sends" in texts["XXE explained"]


def test_a_doctype_takes_no_letters(fresh: House) -> None:
    assert ingest(fresh, CASES / "24-feed-with-doctype-loses-letters" / "*.xml").code == 0
    articles = stored(fresh).values()
    assert {(article["title"], article["text"]) for article in articles} == {
        ("Café noir", "Crème brûlée – 5€")
    }


CHINESE = "潮汐日报说，今天中午的海水很高，渔民都在岸上等待，直到月亮升起来以后才出海。"
RUSSIAN = "Сегодня в полдень вода поднялась очень высоко, и рыбаки ждали на берегу до вечера."


@pytest.mark.parametrize(
    ("text", "declared", "encoding"),
    [
        (CHINESE, "", "gbk"),
        (CHINESE, "gb2312", "gbk"),
        (CHINESE, "utf-8", "gbk"),
        (CHINESE, "iso-8859-1", "utf-8"),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "utf-16", "utf-8"),
        (CHINESE, "", "utf-16-le"),
        (CHINESE, "no-such-code", "utf-8"),
        (RUSSIAN, "", "cp1251"),
        (RUSSIAN, "koi8-r", "koi8-r"),
        ("Café – 5€ “noir”", "iso-8859-1", "cp1252"),
        ("Kräuter für Jürgen und Käthe", "", "latin-1"),
    ],
)
def test_feeds_in_any_encoding(tmp_path: Path, text: str, declared: str, encoding: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    items = f"<item><guid>1</guid><title>{text}</title><description>{text}</description></item>"
    record = records(tmp_path, (declaration + rss(items)).encode(encoding))[0]
    assert (record["title"], record["text"]) == (text, f"<body>{text}")


def test_utf8_with_a_broken_character_stays_utf8(tmp_path: Path) -> None:
    """Systems cut descriptions in the middle of a character."""
    items = "<item><guid>1</guid><title>Café</title><description>Crème brûlée à la@</description></item>"
    content = rss(items).encode().replace(b"@", "é".encode()[:1])
    assert records(tmp_path, content)[0]["title"] == "Café"


def test_links_are_resolved_by_the_page_of_the_channel(tmp_path: Path) -> None:
    links = ["/posts/1", "posts/2?a=1&amp;lang=en", "posts/3?a=1&lang=en", "//cdn.example/4"]
    items = "".join(f"<item><title>T</title><link>{link}</link></item>" for link in links)
    found = records(tmp_path, rss(items))
    assert [record["url"] for record in found] == [
        "https://p.example/posts/1",
        "https://p.example/posts/2?a=1&lang=en",
        "https://p.example/posts/3?a=1&lang=en",
        "https://cdn.example/4",
    ]
    assert [record["id"] for record in found] == [record["url"] for record in found]


def test_a_guid_that_is_no_link_is_no_url(tmp_path: Path) -> None:
    items = "<item><guid>7</guid><title>T</title></item>"
    record = records(tmp_path, rss(items))[0]
    assert (record["id"], record["url"]) == ("7", None)


def test_titles_lose_tags_and_authors_their_address(tmp_path: Path) -> None:
    title = "A &lt;img src=x&gt; day &lt;script&gt;t()&lt;/script&gt;&amp;amp; night"
    items = (
        f"<item><guid>1</guid><title>{title}</title><author>a@x.example (Ada Pier)</author></item>"
    )
    record = records(tmp_path, rss(items))[0]
    assert (record["title"], record["author"]) == ("A day & night", "Ada Pier")


def test_the_language_of_an_entry_goes_before_that_of_its_feed(tmp_path: Path) -> None:
    channel = "<title>P</title><language>en-GB</language>"
    dc = ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
    items = "<item><guid>1</guid><title>A</title></item>"
    items += f"<item{dc}><guid>2</guid><title>B</title><dc:language>fr</dc:language></item>"
    assert [record["lang"] for record in records(tmp_path, rss(items, channel))] == ["en-GB", "fr"]


def test_an_entry_that_its_library_cannot_read_costs_that_entry_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = feedparser.parse

    def fails_at_bad(stream: io.BytesIO, **options: Any) -> Any:
        if b"<guid>bad</guid>" in stream.getvalue():
            raise ValueError("invalid literal")
        return parse(stream, **options)

    monkeypatch.setattr(feedparser, "parse", fails_at_bad)
    path = tmp_path / "feed.xml"
    path.write_text(RSS.replace("</channel>", f"<item><guid>bad</guid></item>{MORE}</channel>"))
    rows = list(read_rows(FeedSource(path, Fields()), Split(0)))
    assert len(rows) == 43
    problems = {row.line: row.problem for row in rows if row.problem}
    assert problems == {3: "cannot be read (ValueError: invalid literal)"}


FEEDS = ROOT / "tests" / "data" / "feeds"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "media",  # media:title and itunes:summary are not those of the article
            [
                ("https://p.example/1", "Right title", "Right words of the article.", "A"),
                ("https://p.example/2", "Right title", "Right words of the article.", None),
            ],
        ),
        ("rdf", [("https://j.example/1", "T 1", "Words", "Ken")]),
        (
            "atom03",
            [
                ("https://f.example/a/1", "L'eau", "Mots", "A"),
                ("https://f.example/2", "Deux", "Un\n\nDeux", None),
            ],
        ),
        ("atombase", [("https://b.example/blog/posts/1", "Uno", "a <b> c", None)]),
        (
            "unescaped",
            [
                ("https://u.example/1", "Bread & butter", "First\nline\n\nSecond & more", None),
                ("https://u.example/2", "2", "x", None),
            ],
        ),
    ],
)
def test_feeds_of_every_age(name: str, expected: list[tuple[str | None, ...]]) -> None:
    rows = list(read_rows(FeedSource(FEEDS / f"{name}.xml", Fields()), Split(0)))
    assert [
        (
            row.record["url"],
            row.record["title"],
            body_text(row.record["text"], "auto"),
            row.record["author"],
        )
        for row in rows
    ] == expected


def test_articles_that_are_stored_under_their_number_keep_it(fresh: House) -> None:
    """Workspaces of before there were prefixes hold the last of several feeds' articles."""
    path = CASES / "03-feeds-same-guid"
    fresh.simrec("ingest", path / "b_bakery.xml")
    with closing(sqlite3.connect(fresh.workspace / "articles.db")) as db:
        db.execute("UPDATE articles SET id = replace(id, 'https://paper.example/#Bakery/', '')")
        db.commit()
    ran = ingest(fresh, path / "*.xml")
    assert (ran.code, "10 new, 0 changed, 10 unchanged" in ran.err) == (0, True), ran.err
    articles = stored(fresh)
    assert (articles["1"]["account"], len(articles)) == ("Bakery", 20)
    assert articles["https://paper.example/#Tides/1"]["account"] == "Tides"


def test_a_source_may_name_its_prefix(empty_house: Callable[..., House]) -> None:
    path = CASES / "03-feeds-same-guid" / "a_tides.xml"
    rows = [{"id": "1", "text": "One."}, {"id": "https://x.example/2", "text": "Two."}]
    house = empty_house(rows)
    (house.folder / "simrec.toml").write_text(f'[[sources]]\npath = "{path}"\nprefix = "tides:"\n')
    ran = house.simrec("ingest", "-c", house.folder / "simrec.toml")
    assert (ran.code, "tides:1" in stored(house)) == (0, True), ran.err
