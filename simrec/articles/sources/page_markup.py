"""Mark-up that is no Markdown: shortcodes of Hugo, tags of Liquid, links and embeds of wikis."""

import re
from collections.abc import Callable

from simrec.articles.shortcodes import visible_words

SHORTCODE = re.compile(r"\{\{<(?:(?!\{\{<).)*?>\}\}|\{\{%(?:(?!\{\{%).)*?%\}\}", re.DOTALL)
LIQUID_COMMENT = re.compile(r"\{%-?\s*comment\s*-?%\}.*?\{%-?\s*endcomment\s*-?%\}", re.DOTALL)
LIQUID_RAW = re.compile(
    r"\{%-?\s*(?:raw|verbatim)\s*-?%\}(.*?)\{%-?\s*end(?:raw|verbatim)\s*-?%\}", re.DOTALL
)
LIQUID = re.compile(r"\{%(?:(?!\{%).)*?%\}|\{\{(?:(?!\{\{).)*?\}\}", re.DOTALL)
CODE = re.compile(
    r"(^(`{3,}|~{3,}).*?^\2[`~]*[ \t]*$|(?<!`)(`+)(?!`).+?(?<!`)\3(?!`))", re.DOTALL | re.MULTILINE
)
EMBED = re.compile(r"!\[\[[^\[\]\n]+\]\]")
WIKI_LINK = re.compile(r"\[\[(?!\s)([^\[\]|\n]+?)\\?(?:\|([^\[\]\n]*))?\]\]")
# What kramdown and Hugo write behind headings and below paragraphs: {#name}, {: .class}.
ATTRIBUTES = re.compile(
    r"^(#{1,6}[ \t].*?)[ \t]*\{:?[ \t]*[#.][^{}\n]*\}[ \t]*$|^\{:[^{}\n]*\}[ \t]*$", re.MULTILINE
)
FOOTNOTE = re.compile(r"^\[\^([^\]\s]+)\]:", re.MULTILINE)
NOTE_COMMENT = re.compile(r"%%.*?%%", re.DOTALL)
CALLOUT = re.compile(r"^(\s*>\s*)\[!\w+\][+-]?[ \t]*", re.MULTILINE)
BLOCK_ID = re.compile(r"[ \t]\^[A-Za-z0-9-]+[ \t]*$", re.MULTILINE)
# A tag has a letter or a sign of its own script, and begins a word.
INLINE_TAG = re.compile(r"(?<![\w#&/\]])#([\w/-]*[^\W\d][\w/-]*)")


def without_shortcodes(text: str) -> str:
    """Return a text without Hugo's shortcodes; what they show or hold between them stays."""
    return SHORTCODE.sub(_visible, text) if "{{" in text else text


def without_liquid(text: str) -> str:
    """Return a text without the tags and variables of Liquid; what stands between tags stays."""
    text = LIQUID_COMMENT.sub("", text)
    kept = []
    end = 0
    for raw in LIQUID_RAW.finditer(text):
        kept += [LIQUID.sub(_visible, text[end : raw.start()]), raw[1]]
        end = raw.end()
    return "".join([*kept, LIQUID.sub(_visible, text[end:])])


def _visible(tag: re.Match[str]) -> str:
    """Return what readers see of a tag: its caption; of one in a sentence, nothing at all."""
    code = tag[0][2:].lstrip("<%-")
    return visible_words(code) if "=" in code or ":" in code else ""


def without_wiki_links(text: str) -> str:
    """Return a text with the words of its `[[links|words]]` and without what it embeds."""
    return _outside_code(text, _wiki_words) if "[[" in text else text


def without_marks(text: str) -> str:
    """Return a text without names and classes of its headings, and without marks of footnotes."""
    if "{" in text:
        text = _outside_code(text, lambda part: ATTRIBUTES.sub(r"\1", part))
    for label in set(FOOTNOTE.findall(text)):
        text = re.sub(rf"\[\^{re.escape(label)}\](?::[ \t]*)?", "", text)
    return text


def without_note_signs(text: str) -> str:
    """Return a note of Obsidian without comments, marks of callouts and names of its blocks."""
    return _outside_code(text, _note_words)


def inline_tags(text: str) -> list[str]:
    """Return the `#tags` of a note in order, each once."""
    return list(dict.fromkeys(INLINE_TAG.findall(_outside_code(text, str, code=" "))))


def _outside_code(text: str, change: Callable[[str], str], code: str | None = None) -> str:
    """Return a text changed where it is no code; `code` stands for every piece of that."""
    parts = []
    end = 0
    for found in CODE.finditer(text):
        parts += [change(text[end : found.start()]), found[0] if code is None else code]
        end = found.end()
    return "".join([*parts, change(text[end:])])


def _wiki_words(text: str) -> str:
    return WIKI_LINK.sub(_words_of_link, EMBED.sub("", text))


def _words_of_link(link: re.Match[str]) -> str:
    target, words = link.groups()
    return words or " ".join(target.replace("#^", "#").replace("#", " ").split())


def _note_words(text: str) -> str:
    return BLOCK_ID.sub("", CALLOUT.sub(r"\1", NOTE_COMMENT.sub("", text)))
