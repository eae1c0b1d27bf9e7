"""What is asked of a release beside the seed, and what it answers with."""

import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from simrec.errors import UsageError

DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


@dataclass(frozen=True)
class Explanation:
    """The words that question and hit share, heaviest first, their closest passages, and what else led to it."""

    words: list[str]
    passages: list[str]
    notes: list[str]


@dataclass(frozen=True)
class Hit:
    """An article with its score: the cosine to what was asked, from -1 to 1, higher is better.

    place is that by score alone, from 1; 0 if it stands here since it stands nowhere else. seed_id is the
    seed it comes from, where there were several.
    """

    id: str
    score: float
    title: str
    lead: str
    account: str | None
    published_at: str | None
    url: str | None
    lang: str | None
    category: str | None
    place: int = 0
    words: list[str] = field(default_factory=list)
    seed_id: str | None = None
    why: Explanation | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Evidence:
    """Two articles that make two accounts similar."""

    article: str
    similar_article: str
    score: float


@dataclass(frozen=True)
class AccountHit:
    """An account with its score, a cosine from -1 to 1; few marks one of too few articles to be sure of."""

    id: str
    score: float
    articles: int
    first: str | None
    last: str | None
    few: bool = False
    evidence: list[Evidence] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Filters:
    """What a hit has to be: None asks for nothing; dates are days, months or years, both included; among are ids."""

    account: str | None = None
    category: str | None = None
    lang: str | None = None
    since: str | None = None
    until: str | None = None
    among: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for day in (self.since, self.until):
            if day is not None and not DAY.fullmatch(day):
                raise UsageError(f"'{day}' is not a date; write it as 2024-05-31, 2024-05 or 2024")

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))

    def where(self) -> tuple[str, list[str]]:
        """Return an SQL condition, but for `among`, and its parameters."""
        conditions = {
            "account = ?": self.account,
            "category = ?": self.category,
            "lang = ?": self.lang,
            f"substr(published_at, 1, {len(self.since or '')}) >= ?": self.since,
            f"substr(published_at, 1, {len(self.until or '')}) <= ?": self.until,
        }
        asked = {condition: value for condition, value in conditions.items() if value is not None}
        return " AND ".join(["true", *asked]), list(asked.values())


NO_FILTERS = Filters()
