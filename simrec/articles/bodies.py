"""Bodies: HTML and Markdown become plain text, once."""

from simrec.articles.cleaning import clean_text
from simrec.articles.html_text import fragment_text, is_html
from simrec.articles.shortcodes import without_captions


def body_text(body: str, kind: str) -> str:
    """Return the plain text of a text, html or markdown body; "auto" is HTML if it has mark-up.

    Raises ValueError for half a surrogate pair.
    """
    if kind == "markdown":
        body = fragment_text(render_markdown(without_captions(body)))
    elif kind == "html" or (kind == "auto" and is_html(body)):
        body = fragment_text(without_captions(body))
    return clean_text(body)


def render_markdown(body: str) -> str:
    """Return Markdown, with tables and struck-out text as well, as HTML."""
    from markdown_it import MarkdownIt

    html: str = MarkdownIt().enable(["table", "strikethrough"]).render(body)
    return html
