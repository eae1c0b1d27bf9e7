"""Bodies: HTML and Markdown become plain text."""

import re

from resiliparse.extract.html2text import extract_plain_text

from simrec.articles.cleaning import clean_text

STARTS_AS_HTML = re.compile(r"\s*<(?:!doctype|[a-z][a-z0-9]*)\b[^>]*>", re.IGNORECASE)


def body_text(body: str, kind: str) -> str:
    """Return the plain text of a text, html or markdown body; "auto" takes a leading tag for HTML.

    Raises ValueError for half a surrogate pair.
    """
    if kind == "markdown":
        from markdown_it import MarkdownIt

        body = MarkdownIt().render(body)
        kind = "html"
    if kind == "html" or (kind == "auto" and STARTS_AS_HTML.match(body)):
        body = extract_plain_text(body, list_bullets=False)
    return clean_text(body)
