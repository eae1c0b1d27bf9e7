"""Publication: whether a record is published, and may be recommended."""

from collections.abc import Collection
from typing import Any

SCHEDULED = "scheduled"
TRUE = ("true", "1", "yes", "on", "t", "y")  # t is PostgreSQL's
FALSE = ("false", "0", "no", "off", "f", "n")
# What systems call that which readers are not to see.
UNPUBLISHED = {
    "archived",
    "attachment",
    "auto-draft",
    "deleted",
    "draft",
    "future",
    "hidden",
    "inherit",
    "menu item",
    "password",
    "pending",
    "private",
    "revision",
    "sent",  # by mail alone
    "trash",
    "unlisted",
    "unpublished",
    SCHEDULED,
    *FALSE,
    # What WordPress keeps beside its posts and pages.
    "custom_css",
    "customize_changeset",
    "oembed_cache",
    "wp_block",
    "wp_font_face",
    "wp_font_family",
    "wp_global_styles",
    "wp_navigation",
    "wp_template",
    "wp_template_part",
}


def unpublished_status(status: Any, draft: Any, published: Any, public: Collection[str]) -> str:
    """Return why a record is not published, "" if it is; `public` are the statuses that are.

    A status is compared without case; none at all is public, as is `draft` or `published` that is
    neither true nor false, such as a date.
    """
    if status is not None:
        name = _lower(status)
        if name and name not in public:
            return "unpublished" if name in FALSE else name
    if draft is not None and _lower(draft) in TRUE:
        return "draft"
    if published is not None and _lower(published) in FALSE:
        return "unpublished"
    return ""


def is_known(status: str) -> bool:
    """Tell whether a status that is not public is surely meant so."""
    return status in UNPUBLISHED


def is_after(published_at: str | None, now: str) -> bool:
    """Tell whether a day (2024-05-31) or moment (2024-05-31T12:00:00Z) is still to come."""
    if published_at is None or not now:
        return False
    moment = published_at.rstrip("Z")
    return moment > now[: len(moment)]


def _lower(value: Any) -> str:
    return str(value).strip().lower()
