"""What a body is: HTML by what is in it, decided once; fields that are no HTML stay as given."""

import json
from typing import Any

import pytest

from simrec.articles.bodies import body_text
from simrec.articles.cleaning import clean_line, clean_name, clean_text, clean_title
from simrec.articles.mapping import Mapping
from simrec.articles.values import name
from simrec.config import Fields, IngestConfig
from tests.conftest import CASES


def case_articles(case: str) -> dict[str, Any]:
    mapping = Mapping(Fields(), "auto", IngestConfig())
    lines = (CASES / case / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    articles = [mapping.article(json.loads(line))[0] for line in lines]
    return {article.id: article for article in articles}


def test_case_05_parameters_of_urls_are_no_references() -> None:
    articles = case_articles("05-url-parameters-become-signs")
    first = articles["https://x.example/?p=1&section=news"]
    assert first.url == (
        "https://x.example/read?id=1&section=news&region=eu&copy=2&param=3&times=4&not=5"
    )
    assert first.account == "https://feeds.example/?user=7&section=sport"
    assert (first.title, first.category, first.tags) == ("A & B", "R&D", ("a&copy=1",))
    second = articles["2"]
    assert second.title == "Why &section matters in ?a=1&copy=2"
    assert second.url == "https://x.example/a%20b?q=1&amp;r=2"
    assert second.account == "Tom & Jerry"


WORDS = "Words & more."


def test_case_07_html_is_known_by_its_markup() -> None:
    articles = case_articles("07-wordpress-blocks-stay-html")
    assert {article_id: article.text for article_id, article in articles.items()} == {
        "101": "When sun and moon pull together, the sea rises & falls further.",
        "102": 'The tide is "high" at noon.\n\nMore here…\n\nThe pier',
        **dict.fromkeys(["103", "104", "105", "106", "107", "108", "109"], WORDS),
        "110": "Plain first then\n\nwords",
        "111": WORDS,
        "112": WORDS,
        "113": "Café & bar – open 'late'",
        "114": "",
        "115": "<ada@harbour.example> wrote: the tide is high.",
        "116": "<T> is a type parameter in Java, List<T> too.",
    }
    assert articles["114"].title == "Wie geht’s Welt & so"


def test_a_body_that_a_source_has_read_is_not_read_again() -> None:
    mapping = Mapping(Fields(), "auto", IngestConfig())
    record = {"id": "a", "text": "The <br> element &amp; its use"}
    assert mapping.article(record, "text")[0].text == "The <br> element &amp; its use"
    assert mapping.article(record)[0].text == "The\nelement & its use"


def test_markdown_has_tables_and_struck_out_words() -> None:
    table = "| tide | hour |\n|---|---|\n| high | noon |\n\n~~low~~ water"
    assert body_text(table, "markdown").split() == ["tide", "hour", "high", "noon", "low", "water"]


@pytest.mark.parametrize(
    ("title", "clean"),
    [
        ('A <img src="x.png" class="emoji"> day <script>t()</script>', "A day"),
        ("<h1>Spring<br/>tides</h1>", "Spring tides"),
        ("<!-- 7 -->The <em>sea</em>&nbsp;rises", "The sea rises"),
        ("The <video> element", "The <video> element"),
        ("Vec<T> &lt;b&gt; a < b", "Vec<T> <b> a < b"),
        ("H<sub>2</sub>O", "H2O"),
        ("<![CDATA[Tides & <b>moon</b>]]>", "Tides & moon"),
    ],
)
def test_titles_lose_their_tags(title: str, clean: str) -> None:
    assert clean_title(title) == clean


def test_names_have_their_references_and_urls_theirs() -> None:
    assert clean_name("Tom &amp; Jerry &copy") == "Tom & Jerry &copy"
    assert clean_name("https://a.example/?a=1&amp;b=2") == "https://a.example/?a=1&amp;b=2"
    assert clean_line("en&amp;\n") == "en&amp;"


@pytest.mark.parametrize(
    ("value", "account"),
    [
        ("['Ada', 'Bob']", "Ada"),
        ('[{"name": "Ada"}]', "Ada"),
        ("[unknown]", "[unknown]"),
        ("(Ada)", "(Ada)"),
        ({}, None),
        ({"name": None}, None),
    ],
)
def test_a_name_may_be_written_as_a_list(value: object, account: str | None) -> None:
    assert name(value) == account


def test_blanks_part_words_and_unseen_characters_do_not() -> None:
    assert clean_text("one\vtwo\fthree\x1ffour") == "one\ntwo\nthree four"
    assert clean_text("tide\xadland\u2060s \ufeffrise") == "tidelands rise"
