"""HTML as text: what is mark-up, and that no words of a page are lost."""

import pytest

from simrec.articles.html_text import fragment_text, is_html, page_text, parse_page, unescape

BODY = "春天的潮水在中午最高，渔船此时进港。"


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ('<!-- wp:paragraph {"dropCap":true} -->\n<p class="a">Sun &amp; moon.</p>', "Sun & moon."),
        ("The tide is &quot;high&quot; at <strong>noon</strong>.", 'The tide is "high" at noon.'),
        ('<?xml version="1.0" encoding="UTF-8"?><p>Words &amp; more.</p>', "Words & more."),
        ("\ufeff<p>Words &amp; more.</p>", "Words & more."),
        ("</div><p>Words &amp; more.</p>", "Words & more."),
        ("&lt;p&gt;Words &amp;amp; more.&lt;/p&gt;", "Words & more."),
        ("<![CDATA[<p>Words &amp; more.</p>]]>", "Words & more."),
        (
            "<!--[if gte mso 9]><xml><w:View>Normal</w:View></xml><![endif]--><p>Words.</p>",
            "Words.",
        ),
        (
            "First <style>p{color:red}</style><script>t()</script> then <b>words</b>",
            "First then words",
        ),
        ("<o:p></o:p><p>Words &amp; more.</p>", "Words & more."),
        ("<my-intro>Words and more.</my-intro>", "Words and more."),
        ("Caf&eacute; &#8211; open &#x27;late&#x27;", "Café – open 'late'"),
        ("One <em>paragraph</em>.\n\nAnother.", "One paragraph.\n\nAnother."),
        ("one<br>two", "one\ntwo"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>字", "漢(kan)字"),
        ("<p>a<img alt='pier'>b</p><details><summary>sum</summary>det", "a pier b\n\nsum\ndet"),
        (
            "<html><head><title>T</title><style>p{}</style></head><body><p>One.</p></body></html>",
            "One.",
        ),
        ("One.<P>Two.<p class=a>Three.", "One.\n\nTwo.\n\nThree."),
    ],
)
def test_markup_becomes_its_words(fragment: str, text: str) -> None:
    assert is_html(fragment)
    assert fragment_text(fragment).replace("\ufeff", "").strip() == text


@pytest.mark.parametrize(
    "text",
    [
        "<ada@harbour.example> wrote: the tide is high.",
        "<T> is a type parameter in Java, List<T> too.",
        "if a < b and c > d",
        "R&D budget; AT&T",
        "a&b; c",
        "cats&dogs; the <p> element",
        "",
    ],
)
def test_brackets_alone_are_no_markup(text: str) -> None:
    assert not is_html(text)


@pytest.mark.parametrize("style", ["visibility: hidden; opacity: 0; ", "visibility:hidden", ""])
def test_a_body_that_a_script_shows_is_read(style: str) -> None:
    page = (
        f"<html><body><div id='top'><h1>潮汐</h1><div id='js_content' style='{style}'>"
        f"<p>{BODY}</p></div></div><div style='display:none'>扫一扫</div></body></html>"
    )
    assert page_text(parse_page(page)).strip() == BODY


def test_no_words_of_a_page_are_lost_but_its_navigation() -> None:
    page = (
        "<html><body><header><a>Home</a></header><nav>Menu</nav><div class=content><h1>Tides</h1>"
        "<p>The sea rises.</p><ul class=menu-of-day><li>Soup</li><li>Fish</li></ul>"
        "<div class=related>Related words</div><div id=advert-1>A notice</div></div>"
        "<footer>Imprint</footer></body></html>"
    )
    words = page_text(parse_page(page)).split()
    assert words == [
        "Tides",
        "The",
        "sea",
        "rises.",
        "Soup",
        "Fish",
        "Related",
        "words",
        "A",
        "notice",
    ]


def test_one_article_that_holds_most_of_a_page_is_its_text() -> None:
    page = (
        "<html><body><div>Ads</div><article><header><h1>Tides</h1></header><p>The sea rises twice a"
        " day, and falls as often.</p></article></body></html>"
    )
    assert page_text(parse_page(page)).startswith("Tides")
    teaser = page.replace("<div>Ads</div>", f"<div>{'Long text of the page. ' * 20}</div>")
    assert page_text(parse_page(teaser)).startswith("Long text")


def test_references_are_resolved_once_and_only_with_their_semicolon() -> None:
    url = "https://x.example/read?id=1&section=news&region=eu&copy=2&param=3&times=4"
    assert unescape(url) == url
    assert (
        unescape("AT&amp;T &#8217; &eacute; &amp;amp; &notit; &unknown;")
        == "AT&T ’ é &amp; &notit; &unknown;"
    )


def test_captions_and_what_stands_in_a_form_are_read() -> None:
    page = (
        "<body><form id=aspnetForm><input value=x><p>The sea<img alt='a pier'> rises.</p>"
        "<figure><img src=a.jpg alt=pier><figcaption>The pier</figcaption></figure>"
        "<button>Send</button></form></body>"
    )
    assert page_text(parse_page(page)).split() == ["The", "sea", "rises.", "The", "pier"]
