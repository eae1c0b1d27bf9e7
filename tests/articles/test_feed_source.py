"""RSS and Atom feeds come in as they are in the wild: not well-formed, cut short, or no feed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.articles.test_ingest import ingest, stored
from tests.conftest import House

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
ATOM = """<?xml version="1.0" encoding="iso-8859-1"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de"><title>Das Blog</title>
<entry><id>urn:1</id><title type="html">Kr&#228;uter &amp;amp; &lt;b&gt;Tee&lt;/b&gt;</title>
<link rel="alternate" href="https://blog.example/tee"/><link rel="edit" href="https://blog.example/edit"/>
<published>2024-05-31T12:00:00Z</published><updated>2024-06-01T12:00:00Z</updated><author><name>J\xfcrgen</name></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Gr\xfcner</p><p>Tee</p></div></content></entry>
<entry><id>urn:2</id><title>Nur Text</title><updated>2024-06-02T12:00:00Z</updated>
<summary type="text">a < b und <i>kein Tag</i></summary></entry></feed>
""".replace("a < b und <i>kein Tag</i>", "a &lt; b und &lt;i&gt;kein Tag&lt;/i&gt;")
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
        "1": (
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
    assert json.loads(articles["1"]["tags"]) == ["Food", "Sea"]


def test_authors_may_be_the_accounts(fresh: House) -> None:
    ingest(fresh, write(fresh, RSS), "--field", "account=author")
    assert stored(fresh)["1"]["account"] == "Ada"


def test_a_feed_that_is_not_well_formed_is_read_whole(fresh: House) -> None:
    ran = ingest(fresh, write(fresh, RSS.replace("Short.", "Short &nbsp; <br> & so on.")))
    assert (ran.code, len(stored(fresh))) == (0, 2), ran.err


def test_a_feed_that_is_cut_short_keeps_its_whole_entries_and_fails_the_run(fresh: House) -> None:
    feed = RSS.replace("</language>", f"</language>{MORE}")
    ran = ingest(fresh, write(fresh, feed[: feed.index("Second.")]), "--sync")
    assert (ran.code, "line 42: the feed is cut short here" in ran.err) == (7, True), ran.err
    assert stored(fresh).keys() == {"1", *(f"more{n}" for n in range(40))}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("This is no XML.", "not RSS or Atom (syntax error)"),
        ("", "not RSS or Atom (it is XML of another kind, or empty)"),
        (
            "<urlset><url><loc>https://a.example</loc></url></urlset>",
            "not RSS or Atom (it is XML of another kind, or empty)",
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


def test_an_entry_that_cannot_be_taken_is_named(fresh: House) -> None:
    bad = "<item><title>Neither guid nor link</title></item><item><guid>x</guid></item>"
    ran = ingest(fresh, write(fresh, RSS.replace("</channel>", f"{bad}{MORE}</channel>")))
    assert (ran.code, "line 3: no id in 'id'" in ran.err, "line 4: no text in" in ran.err) == (
        0,
        True,
        True,
    ), ran.err
    assert len(stored(fresh)) == 42
