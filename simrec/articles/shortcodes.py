"""Shortcodes: what content systems write between brackets, of which readers see only the words."""

import re

# The values that readers see: caption="The pier", title='Why', caption=`A "big" pier`.
VALUE = re.compile(
    r"""\b(caption|title|attr)\s*[=:]\s*
    (?:"((?:[^"\\]|\\.)*)" | '((?:[^'\\]|\\.)*)' | `([^`]*)`)""",
    re.VERBOSE,
)
QUOTED_SIGN = re.compile(r"\\([\"'])")
# Titles of these stand in their frames, where only machines read them.
FRAMES = re.compile(r"\W*(?:youtube|vimeo|video|audio|embed|iframe|gist|tweet|instagram|link)\b")

# [gallery ids="1,2"], [caption width="3"]words[/caption]; but not [sic].
EMBEDDED = re.compile(r"\[(embed|audio|video|playlist)\b[^\]]*\][^\[]*\[/\1\]")
CLOSING = re.compile(r"\[/([A-Za-z][\w-]*)\]")
WITH_VALUES = re.compile(
    r"""(?<!\[)\[[A-Za-z][\w-]*(?:\s+[\w-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s\]"']+))+\s*/?\]"""
)
KNOWN = re.compile(
    r"(?<!\[)\[(?:gallery|playlist|toc|audio|video|youtube|vimeo|soundcloud|instagram|tweet"
    r"|googlemaps|contact-form(?:-7)?|(?:vc|et_pb|fusion|av)_\w+)(?:\s[^\]]*)?/?\]"
)
# These stand in bodies that came out of WordPress by any way, and in no other texts.
CAPTION = re.compile(r"\[caption\s+([^\]]*=[^\]]*)\](.*?)\[/caption\]", re.DOTALL)
GALLERY = re.compile(r"""\[gallery(?:\s+\w+\s*=\s*["'][^"'\]]*["'])*\s*/?\]""")


def visible_words(shortcode: str) -> str:
    """Return the captions and titles that a shortcode shows, apart from what is around it."""
    named = {}
    for value in VALUE.finditer(shortcode):
        words = next(filter(None, value.groups()[1:]), "")
        named[value[1]] = QUOTED_SIGN.sub(r"\1", words).strip()
    if FRAMES.match(shortcode):
        named.pop("title", None)
    words = " ".join(filter(None, (named.get(name) for name in ("title", "caption", "attr"))))
    return f"\n\n{words}\n\n" if words else " "


def without_shortcodes(body: str) -> str:
    """Remove the shortcodes of WordPress and keep their captions and the words between them."""
    if "[" not in body:
        return body
    body = EMBEDDED.sub(" ", body)
    for name in sorted(set(CLOSING.findall(body))):
        body = re.sub(rf"\[/?{name}(?:\s[^\]]*)?\]", _visible, body)
    return KNOWN.sub(" ", WITH_VALUES.sub(_visible, body))


def without_captions(body: str) -> str:
    """Remove WordPress's marks of captions and galleries alone, from a body of any system."""
    if "[caption" in body:
        body = CAPTION.sub(_visible_caption, body)
    return GALLERY.sub(" ", body) if "[gallery" in body else body


def _visible(shortcode: re.Match[str]) -> str:
    return visible_words(shortcode[0])


def _visible_caption(caption: re.Match[str]) -> str:
    values, words = caption.groups()
    return f"{visible_words(values)}{words} "
