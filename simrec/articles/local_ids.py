"""Ids that hold only within their source, and what makes them hold among all others."""

import hashlib
import re

# Ids that no other source has: URLs, URNs and the like, and UUIDs.
UNIVERSAL = re.compile(
    r"\s*(?:[a-z][a-z0-9+.-]*://\S|(?:urn|tag|doi|info|yt:video):\S"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\s*\Z)",
    re.IGNORECASE,
)
TITLE_CHARS = 80  # of a feed in the ids of its entries
AUTO = "auto"


def prefixed(local_id: str, prefix: str) -> str:
    """Return an id with its source's prefix; what is a URL or a URN needs none."""
    return local_id if UNIVERSAL.match(local_id) else f"{prefix}{local_id}"


def hashed_id(feed: str, title: str, date: str, text: str) -> str:
    """Return the id of an entry that has neither an id nor a link, "" for one that says nothing.

    It is a hash of its feed, title and date; without one of these, of its text as well.
    """
    if not (title or text):
        return ""
    told = "" if title and date else text
    content = "\0".join((feed, title, date, told))
    return hashlib.blake2b(content.encode(errors="replace"), digest_size=8).hexdigest()


def feed_prefix(home: str, title: str) -> str:
    """Return what stands before the numbers that a feed gives its entries.

    It is the feed's page and title, since several feeds of a site have one page.
    """
    name = "-".join(title.split())[:TITLE_CHARS]
    page = f"{home}#" if home else ""
    return f"{page}{name}/" if name else page
