"""HTML as plain text: what counts as HTML, bodies of articles, and whole pages."""

import html
import re
from html.entities import html5
from typing import Any

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

_NAMES = (
    "a|abbr|address|article|aside|audio|b|blockquote|body|br|button|center|cite|"
    "code|dd|del|details|div|dl|dt|em|figcaption|figure|font|footer|form|h1|h2|"
    "h3|h4|h5|h6|head|header|hr|html|i|iframe|img|input|ins|kbd|li|link|main|"
    "mark|meta|nav|o:p|object|ol|p|picture|pre|q|s|script|section|small|source|"
    "span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|tfoot|th|thead|"
    "time|title|tr|tt|u|ul|video|wbr|"
    "acronym|bdi|bdo|big|caption|col|colgroup|dfn|dialog|embed|fieldset|hgroup|legend|"
    "math|menu|nobr|noframes|noscript|rb|rp|rt|rtc|ruby|samp|var"
)
# A leading comment, declaration or tag; a closing tag; a tag that needs no end; a reference.
MARKUP = re.compile(
    rf"""\A[\s\ufeff]*(?:<!--|<!doctype\s|<\?xml\s|<!\[CDATA\[|</?(?:{_NAMES})(?=[\s/>])[^<>]*>)
    | </(?:{_NAMES}|[a-z]+(?:-[a-z0-9]+)+)\s*>
    | <(?:br|hr|img|wbr)(?:\s[^<>]*)?/?>
    | &(?:\#\d{{1,7}}|\#x[0-9a-f]{{1,6}}|[a-z]{{2,31}}\d{{0,2}});""",
    re.IGNORECASE | re.VERBOSE,
)
PARAGRAPH = re.compile(r"<p(?:\s[^<>]*)?>", re.IGNORECASE)  # one alone may be what a text is about
# A body that was escaped once too often: &lt;p&gt;Words&lt;/p&gt;
ESCAPED = re.compile(rf"\A(?:<body>)?\s*&lt;(?:{_NAMES})(?:\s|/|&gt;)", re.IGNORECASE)
CDATA = re.compile(r"\A(?:<body>)?[\s\ufeff]*<!\[CDATA\[(.*?)\]\]>\s*\Z", re.DOTALL)
BLOCK = re.compile(
    r"<(?:p|div|br|li|h[1-6]|tr|blockquote|pre|section|article)[\s/>]", re.IGNORECASE
)
BLANK_LINE = re.compile(r"\n\s*\n")
REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31}\d{0,2});", re.IGNORECASE)

DOCUMENT = re.compile(r"<(?:html|body)[\s>]", re.IGNORECASE)
IMAGE = re.compile(r"<img(?=[\s/>])[^<>]*>", re.IGNORECASE)
# What follows these is on a line of its own, which the extraction does not know.
LINE_END = re.compile(r"</(?:summary|legend|menu|dir|dialog)\s*>", re.IGNORECASE)

# A parser compares every attribute of a tag with all others: 40,000 of them take 10 seconds. A tag
# is searched from its name on, and each part is matched once (possessive quantifiers).
MOST_ATTRIBUTES = 1_000
CROWDED_TAG = re.compile(
    r"""<[a-z][^\s/<>]{0,500}+
    (?:[\s/]++[^\s"'>/=][^\s>/=]{0,500}+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'>]{1,500}+))?+)"""
    rf"{{{MOST_ATTRIBUTES}}}",
    re.IGNORECASE | re.VERBOSE,
)

# Forms are read: older pages stand in one as a whole.
NAVIGATION = [
    "nav", "footer", "body > header", "body > aside", "button", "select", "dialog",
    "template",
    "[role=navigation]", "[role=banner]", "[role=contentinfo]", "[role=search]", "[role=dialog]",
]  # fmt: skip
# The first of these that stands alone on a page and holds most of its text is its body.
MESSAGE = "#js_content"  # of WeChat: it is the body, however short
CONTAINERS = [MESSAGE, "article", "main", "[role=main]"]
CONTAINER_SHARE = 0.5
SCRIPTED = re.compile(r"visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0*)?(?![\d.])", re.IGNORECASE)


def is_html(text: str) -> bool:
    """Tell whether a text is HTML: it has a known tag, a comment, a declaration or a reference.

    Angle brackets alone are no mark-up: `<ada@example.org>` and `List<T>` are text.
    """
    if "<" not in text and "&" not in text:
        return False
    for markup in MARKUP.finditer(text):
        is_reference = markup[0].startswith("&")
        if not is_reference or unescape(markup[0]) != markup[0]:
            return True
    return len(PARAGRAPH.findall(text)) > 1


def check_characters(text: str) -> None:
    """Raise ValueError for half a surrogate pair: bytes that were no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("not valid UTF-8") from None


def check_tags(markup: str) -> None:
    """Raise ValueError for what would stop or hold up a parser.

    That is a tag with hundreds of attributes, or half a surrogate pair.
    """
    if CROWDED_TAG.search(markup):
        raise ValueError(f"a tag with more than {MOST_ATTRIBUTES} attributes")
    check_characters(markup)


def fragment_text(fragment: str) -> str:
    """Return the visible text of a piece of HTML, paragraphs apart, without mark-up and scripts.

    Raises ValueError for half a surrogate pair, and for a tag with hundreds of attributes.
    """
    check_tags(fragment)
    wrapped = CDATA.fullmatch(fragment)
    if wrapped:
        fragment = wrapped[1]
    if ESCAPED.match(fragment):
        fragment = html.unescape(fragment)
    if not BLOCK.search(fragment):  # as content systems store what their editors call paragraphs
        fragment = BLANK_LINE.sub("<p>", fragment)
    fragment = IMAGE.sub(r" \g<0> ", LINE_END.sub(r"\g<0><br>", fragment))
    if not DOCUMENT.search(fragment):
        # The parser hangs what begins with text or a closing tag below a body only if there is one.
        fragment = f"<body>{fragment}</body>"
    return extract_plain_text(fragment, list_bullets=False)


def parse_page(page: str) -> HTMLTree:
    """Return the tree of a page; pictures have no words in it, only their captions have."""
    check_tags(page)
    tree = HTMLTree.parse(LINE_END.sub(r"\g<0><br>", page))
    # A slice: the collection itself is searched anew for every element that is asked of it.
    for image in tree.body.query_selector_all("[alt]")[:] if tree.body else ():
        image.delattr("alt")
    return tree


def page_text(tree: HTMLTree) -> str:
    """Return the text of a page: that of its one article or main element, else all but navigation.

    What a page hides until a script shows it (WeChat's `js_content`) counts as visible.
    """
    body = tree.body
    if body is None:
        return ""
    for element in body.query_selector_all("[style]")[:]:
        if SCRIPTED.search(element.getattr("style") or ""):
            element.delattr("style")
    everything = _visible(tree)
    for selector in CONTAINERS:
        elements = body.query_selector_all(selector)
        if len(elements) == 1:
            text = _visible(HTMLTree.parse(f"<body>{elements[0].html}</body>"))
            least = 1 if selector == MESSAGE else CONTAINER_SHARE * len(everything)
            if len(text) >= least:
                return text
    return everything


def unescape(text: str) -> str:
    """Resolve the character references of a text that end with a semicolon, once.

    `html.unescape` also takes names without one, and makes `§ion` of `&section`.
    """
    return REFERENCE.sub(_character, text) if "&" in text else text


def _character(reference: re.Match[str]) -> str:
    name = reference[0][1:]
    if name.startswith("#"):
        return html.unescape(reference[0])
    return html5.get(name, reference[0])


def _visible(tree: Any) -> str:
    return extract_plain_text(tree, list_bullets=False, skip_elements=NAVIGATION)
