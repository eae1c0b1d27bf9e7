"""Article and Account: what is published, and who publishes it."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from operator import attrgetter

from simrec.files import JsonObject

LEAD_CHARS = 240
# Made once, since `json.dumps` makes an encoder for every row.
CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Article:
    """One cleaned article: text in NFC without control characters, dates in ISO 8601, UTC."""

    id: str
    title: str = ""
    text: str = ""
    account: str | None = None
    published_at: str | None = None
    url: str | None = None
    lang: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    image: str | None = None

    @property
    def lead(self) -> str:
        """The first characters of the text on one line, to show where there is no title."""
        return " ".join(self.text[: 2 * LEAD_CHARS].split())[:LEAD_CHARS]

    @property
    def text_key(self) -> bytes:
        """16 bytes that stand for the text that is encoded: equal texts share a vector."""
        return text_key(self.title, self.text)

    @property
    def row_key(self) -> bytes:
        """16 bytes that stand for every field: equal rows need no work."""
        values = _field_values(self)
        if self.image is None:
            values = values[:-1]  # as before there were images: old keys stay
        return _digest(values)


# `dataclasses.astuple` copies deeply, which took a fifth of an ingest.
_field_values = attrgetter(*[field.name for field in fields(Article)])


@dataclass(frozen=True, slots=True)
class Account:
    """Whoever publishes articles: an author, a newspaper, a public account."""

    id: str
    articles: int
    first: str | None
    last: str | None

    def as_dict(self) -> JsonObject:
        return asdict(self)


def text_key(title: str, text: str) -> bytes:
    """Return the 16 bytes that stand for a text."""
    return _digest([title, text])


def _digest(fields: object) -> bytes:
    return hashlib.blake2b(CANONICAL(fields).encode(), digest_size=16).digest()


def held_out_below(share: float) -> bytes:
    """Return the text key below which texts are held out: never trained on, kept to measure with.

    Keys are hashes: the texts below are a random sample of that share, and a text that is held out
    is held out from every encoder that is ever trained with this share.
    """
    return int(share * 2**64).to_bytes(8, "big") + bytes(8)


def encoded_text(title: str, text: str) -> str:
    """Return what the encoder reads of an article; `text_key` is the hash of it."""
    return f"{title}\n{text}" if title else text
