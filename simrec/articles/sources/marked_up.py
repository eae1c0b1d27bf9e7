"""Bodies that a source knows to be HTML, or no HTML, told so that cleaning need not guess."""

import html

from simrec.articles.html_text import fragment_text, is_html

HTML = "html"  # the kind of these bodies
HTML_MARK = "<body>"


def as_html(body: str) -> str:
    """Return HTML so that cleaning takes it for HTML, also where it starts with a word.

    `body` is no block, so that blank lines go on being the paragraphs of a text without tags.
    """
    return f"{HTML_MARK}{body}" if body.strip() else ""


def plain_as_html(text: str) -> str:
    """Return text that is no HTML so that cleaning leaves its signs and lines as they are."""
    return f"{HTML_MARK}<pre>{html.escape(text, quote=False)}</pre>" if text.strip() else ""


def plain_title(title: str) -> str:
    """Return a title on one line, without tags and references where it is HTML."""
    return " ".join(fragment_text(title).split()) if is_html(title) else title


def says_something(body: str) -> bool:
    """Tell whether HTML has any word to be read, and not an image or a script alone."""
    return bool(body) and bool(fragment_text(body).strip())
