"""What the pages show, as typed values for the templates."""

from collections.abc import Sequence
from dataclasses import dataclass

from simrec.articles.article import Account
from simrec.manifest import Manifest
from simrec.recommend.hits import AccountHit, ArticleDetails, Hit, StoryArticle
from simrec.recommend.release_overview import RemovedArticle
from simrec.serve.article_text import ArticleText


@dataclass(frozen=True)
class MarkedHit:
    """A recommendation with what it shares with the article, and what the rules did to it."""

    hit: Hit
    notes: Sequence[str]


@dataclass(frozen=True)
class ArticleView:
    """An article with its text, its list, its near-duplicates and its story."""

    article: ArticleDetails
    tags: Sequence[str]
    text: ArticleText
    hits: Sequence[MarkedHit]
    duplicates: Sequence[ArticleDetails]
    story: Sequence[StoryArticle]


@dataclass(frozen=True)
class PairView:
    """Two articles side by side; hit is None where the second was left out by no score at all."""

    article: ArticleDetails
    similar: ArticleDetails
    hit: Hit | None


@dataclass(frozen=True)
class EvidencePair:
    """Two articles that make two accounts similar."""

    article: ArticleDetails
    similar: ArticleDetails
    score: float


@dataclass(frozen=True)
class AccountNeighbour:
    """A similar account, with its evidence."""

    hit: AccountHit
    evidence: Sequence[EvidencePair]


@dataclass(frozen=True)
class AccountView:
    """An account with its neighbours and its newest articles."""

    account: Account
    neighbours: Sequence[AccountNeighbour]
    articles: Sequence[ArticleDetails]


@dataclass(frozen=True)
class SearchView:
    """What was found for some words: accounts, titles that hold them, and articles about them."""

    words: str
    accounts: Sequence[Account] = ()
    titles: Sequence[ArticleDetails] = ()
    about: Sequence[Hit] = ()
    exact: ArticleDetails | None = None


@dataclass(frozen=True)
class WeakArticle:
    """An article whose list is weak."""

    article: ArticleDetails
    best_score: float | None


@dataclass(frozen=True)
class HomeView:
    """The release, and a few articles of each kind to begin with."""

    manifest: Manifest
    newest: Sequence[ArticleDetails]
    weakest: Sequence[WeakArticle]
    accounts: Sequence[Account]


@dataclass(frozen=True)
class ArticlesView:
    """A list of articles; total is how many there are of the kind."""

    articles: Sequence[ArticleDetails]
    total: int


@dataclass(frozen=True)
class WeakListsView:
    """The articles with the weakest lists."""

    articles: Sequence[WeakArticle]


@dataclass(frozen=True)
class AccountsView:
    """The largest accounts."""

    accounts: Sequence[Account]
    total: int


@dataclass(frozen=True)
class ChangedArticle:
    """An article, and what came into its list and went out of it; of what is gone, the title."""

    article: ArticleDetails
    added: Sequence[ArticleDetails]
    removed: Sequence[ArticleDetails | str]


@dataclass(frozen=True)
class ChangesView:
    """What is new since the release before; since is its id, "" where there was none.

    is_kept tells whether that release is still there, without which nobody knows what came and
    went.
    """

    since: str = ""
    is_kept: bool = False
    added: Sequence[ArticleDetails] = ()
    added_total: int = 0
    removed: Sequence[RemovedArticle] = ()
    removed_total: int = 0
    lists: int = 0
    changed: Sequence[ChangedArticle] = ()
