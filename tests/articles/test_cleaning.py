"""Text is cleaned once and for all, any record is an article or a reason, a table keeps its form."""

import unicodedata
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simrec.articles.bodies import body_text
from simrec.articles.cleaning import clean_text
from simrec.articles.mapping import Mapping
from simrec.cli.terminal import escape_control, fit, text_width
from simrec.config import Fields, IngestConfig

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)
NAMES = st.sampled_from([*Fields.__struct_fields__, "other"])


@given(TEXT)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert not [c for c in cleaned if unicodedata.category(c) == "Cc" and c != "\n"]
    assert "  " not in cleaned
    assert "\n\n\n" not in cleaned


@given(TEXT)
def test_cleaning_keeps_every_word(text: str) -> None:
    def words(value: str) -> str:
        normal = unicodedata.normalize("NFC", value)
        return "".join(c for c in normal if unicodedata.category(c)[0] in "LN")

    assert words(clean_text(text)) == words(text)


@given(st.dictionaries(NAMES, VALUES))
@settings(max_examples=500)
def test_any_record_is_an_article_or_a_reason(record: dict[str, Any]) -> None:
    mapping = Mapping(Fields(), "auto", IngestConfig())
    mapping.source_key(record)
    try:
        article, problems = mapping.article(record)
    except ValueError as reason:
        assert str(reason)
        return
    assert article.id
    assert article.title or article.text
    assert all(problems)
    assert len(article.row_key) == len(article.text_key) == 16
    if article.published_at:
        datetime.fromisoformat(article.published_at)


def test_html_blocks_are_lines_and_inline_tags_are_none() -> None:
    html = (
        "<p>One <b>bo</b>ld&nbsp;word.</p><ul><li>a</li><li>b</li></ul>"
        "<table><tr><td>1</td><td>2</td></tr></table>"
    )
    assert body_text(html, "auto").split() == ["One", "bold", "word.", "a", "b", "1", "2"]
    assert body_text("<script>alert(1)</script><style>p{}</style><p>x</p>", "html") == "x"
    assert body_text("a *b* [c](http://d)\n\n- e", "markdown").split() == ["a", "b", "c", "e"]


@given(st.text(max_size=80), st.integers(1, 40))
def test_a_cell_fits_and_cannot_move_the_cursor(text: str, width: int) -> None:
    shown = fit(escape_control(text), width)
    assert shown.isprintable()
    assert text_width(shown) <= max(width, 1)


def test_wide_characters_count_twice() -> None:
    assert (text_width("中文"), text_width("e\u0301"), text_width("ab")) == (4, 1, 2)
    assert fit("中文字", 5) == "中文…"
