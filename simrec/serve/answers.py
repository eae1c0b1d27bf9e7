"""What the API answers, as JSON has it; every answer names the release that it comes from."""

import json

from msgspec import Struct

from simrec.articles.article import Account
from simrec.recommend.hits import AccountHit, ArticleDetails, Hit, StoryArticle


class ArticleFacts(Struct):
    """What the release knows of an article; duplicates are the ids of its near-duplicates."""

    id: str
    title: str
    lead: str
    account: str | None
    published_at: str | None
    url: str | None
    lang: str | None
    category: str | None
    tags: list[str]
    duplicates: list[str]

    @classmethod
    def of(cls, details: ArticleDetails) -> "ArticleFacts":
        """Return the facts of an article, with its tags as a list."""
        return cls(**{**vars(details), "tags": json.loads(details.tags)})


class ArticleAnswer(Struct):
    """One article."""

    release: str
    article: ArticleFacts


class ArticlesAnswer(Struct):
    """Articles, the newest first."""

    release: str
    articles: list[ArticleFacts]


class SimilarAnswer(Struct):
    """Similar articles, best first; fewer than asked for where no more pass."""

    release: str
    hits: list[Hit]


class AccountsAnswer(Struct):
    """The largest accounts."""

    release: str
    accounts: list[Account]


class AccountAnswer(Struct):
    """One account."""

    release: str
    account: Account


class SimilarAccountsAnswer(Struct):
    """Similar accounts, best first, with the pairs of articles that say so."""

    release: str
    hits: list[AccountHit]


class StoryAnswer(Struct):
    """The articles about one event, in order of date; none where no other article is about it."""

    release: str
    articles: list[StoryArticle]


class ReleaseAnswer(Struct):
    """The release that answers."""

    release: str
    created_at: str
    articles: int
    accounts: int
    encoder: str
    index: str
    simrec: str


class HealthAnswer(Struct):
    """Whether the newest release answers; problem says why not, and is empty if it does."""

    status: str
    release: str | None
    problem: str


class Problem(Struct, omit_defaults=True):
    """What went wrong (RFC 9457), and what to do; nearest are ids like an unknown one."""

    title: str
    status: int
    detail: str
    request_id: str
    nearest: list[str] = []
