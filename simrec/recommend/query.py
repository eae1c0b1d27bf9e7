"""Queries and filters: what a caller wants to find."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from simrec.errors import UsageError

DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
# Equal, or followed by a region or script that was not asked for.
_LANG = "replace(lower(lang), '_', '-') || '-' LIKE replace(?, '%', '') || '-%'"
SEEDS = ("ids", "text", "history", "account")


@dataclass(frozen=True)
class Query:
    """What hits are to be similar to: exactly one of ids, text, history and account.

    With several `ids`, a hit is similar to all of them, and little like those of `less_like`.
    `history` holds the ids that a reader has read, the last one last; hits are what to read next,
    and ids that the release does not hold are passed over. With `account`, hits are what its
    followers may like: articles of others that are similar to its latest. One id may be given
    without a list. UsageError otherwise.
    """

    ids: Sequence[str] = ()
    less_like: Sequence[str] = ()
    text: str | None = None
    history: Sequence[str] | None = None
    account: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", _as_tuple(self.ids))
        object.__setattr__(self, "less_like", _as_tuple(self.less_like))
        if self.history is not None:
            object.__setattr__(self, "history", _as_tuple(self.history))
        given = [name for name in SEEDS if getattr(self, name) not in (None, ())]
        if self.history == ():
            given.append("history")
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise UsageError(f"a query has one of {', '.join(SEEDS)}; this one has {found}")
        if self.less_like and not self.ids:
            raise UsageError(f"less_like goes with ids; this query has {given[0]}")


@dataclass(frozen=True)
class Filters:
    """What a hit has to be; None filters nothing.

    since and until are days, months or years (2024-05-31, 2024-05, 2024), both included. among
    holds the ids that hits may have. lang is a language, in any case: "en" finds en-GB and EN_us as
    well, "en-gb" only en-GB.
    """

    account: str | None = None
    category: str | None = None
    lang: str | None = None
    since: str | None = None
    until: str | None = None
    among: Collection[str] | None = None

    def __post_init__(self) -> None:
        for day in (self.since, self.until):
            if day is not None and not DAY.fullmatch(day):
                raise UsageError(f"'{day}' is not a date; write it as 2024-05-31, 2024-05 or 2024")
        if self.among is not None:
            object.__setattr__(self, "among", frozenset(_as_tuple(self.among)))

    def __bool__(self) -> bool:
        """Tell whether anything is filtered."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    def where(self) -> tuple[str, list[str]]:
        """Return an SQL condition on articles with its parameters; `among` is not part of it."""
        comparisons = {
            "account = ?": self.account,
            "category = ?": self.category,
            _LANG: self.lang and _language(self.lang),
            f"substr(published_at, 1, {len(self.since or '')}) >= ?": self.since,
            f"substr(published_at, 1, {len(self.until or '')}) <= ?": self.until,
        }
        conditions = ["true"]
        values = []
        for condition, value in comparisons.items():
            if value is not None:
                conditions.append(condition)
                values.append(value)
        return " AND ".join(conditions), values


def _language(lang: str) -> str:
    """Return a language as it is compared: in small letters, its subtags separated by hyphens."""
    return lang.strip().lower().replace("_", "-")


NO_FILTERS = Filters()


def _as_tuple(ids: Collection[str]) -> tuple[str, ...]:
    """Return ids as a tuple; a string is one id, not a sequence of characters."""
    return (ids,) if isinstance(ids, str) else tuple(ids)
