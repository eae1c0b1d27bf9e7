"""Hits: what a release answers with."""

from dataclasses import asdict, dataclass, field

from simrec.files import JsonObject


@dataclass(frozen=True)
class Explanation:
    """Why a hit is similar to a seed.

    words are in both texts, heaviest first; passages are the two that are closest, one of each
    text, or none if one is empty; notes say what of the metadata is the same and what the rules
    did.
    """

    words: list[str]
    passages: list[str]
    notes: list[str]


@dataclass(frozen=True)
class Hit:
    """An article with its score: the cosine to the query, from -1 to 1, higher is better.

    score_rank is the rank by score alone, from 1, or 0 of an orphan that was given this place.
    words are those it shares with the seed, where the release's table has the answer. seed_id is
    the seed it is most similar to, where there are several.
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
    score_rank: int = 0
    words: list[str] = field(default_factory=list)
    seed_id: str | None = None
    explanation: Explanation | None = None

    def as_dict(self) -> JsonObject:
        """Return the hit as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class ArticleDetails:
    """What a release knows of an article; duplicates are the ids of its near-duplicates."""

    id: str
    title: str
    lead: str
    account: str | None
    published_at: str | None
    url: str | None
    lang: str | None
    category: str | None
    tags: str
    duplicates: list[str]

    def as_dict(self) -> JsonObject:
        """Return the details as JSON has them: ids of duplicates are one text, as tags are."""
        return {**asdict(self), "duplicates": ", ".join(self.duplicates)}


@dataclass(frozen=True)
class StoryArticle:
    """An article of a story; characters is how long its text is.

    Of all articles of the story is_first was published first, is_fullest is the longest, and
    is_lead is the most like all others.
    """

    id: str
    title: str
    lead: str
    account: str | None
    published_at: str | None
    url: str | None
    lang: str | None
    category: str | None
    characters: int
    is_first: bool
    is_fullest: bool
    is_lead: bool

    def as_dict(self) -> JsonObject:
        """Return the article as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Evidence:
    """Two articles that make two accounts similar; article is empty where the query is a text."""

    article: str
    similar_article: str
    score: float


@dataclass(frozen=True)
class AccountHit:
    """An account with its score, a cosine from -1 to 1, and the articles that say so.

    articles is how many it has, first and last are their dates; few_articles tells that one of the
    two accounts has too few to be sure, and terms what the account writes about and others do not.
    """

    id: str
    score: float
    articles: int
    first: str | None
    last: str | None
    few_articles: bool = False
    evidence: list[Evidence] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)

    def as_dict(self) -> JsonObject:
        """Return the hit as JSON has it."""
        return asdict(self)
