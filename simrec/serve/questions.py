"""What may be asked: parameters of a query string and bodies, with their ranges."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from simrec.recommend.query import Filters, Query

MAX_HITS = 1_000
MAX_SEEDS = 50  # each is scored against all candidates
MAX_HISTORY = 1_000  # of which the last ones count
MAX_AMONG = 100_000


Count = Annotated[int, Meta(ge=1, le=MAX_HITS, description="How many, at most.")]
Id = Annotated[str, Meta(min_length=1, description="An id, as it came in.")]
Ids = Annotated[list[Id], Meta(max_length=MAX_SEEDS, description="Ids of articles.")]
History = Annotated[
    list[Id], Meta(max_length=MAX_HISTORY, description="Ids that were read, the last one last.")
]
Text = Annotated[str, Meta(min_length=1, description="A text, plain, of any length.")]
Words = Annotated[str, Meta(description="Words, or parts of words, separated by spaces.")]
Url = Annotated[str, Meta(description="The address of an article, instead of its id.")]
Day = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$",
        description="A day, a month or a year: 2024-05-31, 2024-05 or 2024.",
    ),
]
Label = Annotated[str, Meta(description="Only articles that have it.")]
Lang = Annotated[str, Meta(description="Only articles in this language: en finds en-GB as well.")]
Rules = Annotated[bool, Meta(description="Whether the ranking rules of the release hold.")]
Explain = Annotated[bool, Meta(description="Whether each hit says why it is one.")]


class Question(Struct, forbid_unknown_fields=True, kw_only=True):
    """Parameters of a request: an unknown name or a wrong value is an error."""


class NoParameters(Question):
    """A question without parameters."""


class ArticleQuestion(Question):
    """One article, by its id or its address."""

    id: Id | None = None
    url: Url | None = None


class FindQuestion(Question):
    """Articles by words; without words the newest, with an account those of the account."""

    words: Words = ""
    account: Annotated[str, Meta(description="Only articles of this account.")] | None = None
    n: Count = 10


class FilterParameters(Question):
    """What hits have to be, and how they are answered."""

    account: Label | None = None
    category: Label | None = None
    lang: Lang | None = None
    since: Day | None = None
    until: Day | None = None
    n: Count = 10
    rules: Rules = True
    explain: Explain = False

    def filters(self) -> Filters:
        """Return the filters of these parameters."""
        return Filters(self.account, self.category, self.lang, self.since, self.until)


class SimilarQuestion(FilterParameters):
    """What is similar to an article, or to several; with an account alone to its latest."""

    id: Ids = []
    url: Url | None = None
    less_like: Ids = []


class HistoryQuestion(FilterParameters):
    """What to read next after these articles, the last read last; unknown ids are passed over."""

    id: History = []


class FilterBody(Question):
    """What hits have to be; among holds the ids that they may have."""

    account: Label | None = None
    category: Label | None = None
    lang: Lang | None = None
    since: Day | None = None
    until: Day | None = None
    among: Annotated[list[str], Meta(max_length=MAX_AMONG)] | None = None


class SearchBody(Question):
    """A query: exactly one of text, ids, history and account; less_like goes with ids."""

    text: Text | None = None
    ids: Ids | None = None
    history: History | None = None
    account: Id | None = None
    less_like: Ids = []
    filters: FilterBody = msgspec.field(default_factory=FilterBody)
    n: Count = 10
    rules: Rules = True
    explain: Explain = False

    def query(self) -> Query:
        """Return the query; UsageError unless it has one seed."""
        return Query(self.ids or (), self.less_like, self.text, self.history, self.account)


class AccountsQuestion(Question):
    """The accounts with most articles."""

    n: Count = 10


class AccountQuestion(Question):
    """One account, by its id."""

    id: Id


class SimilarAccountsQuestion(Question):
    """The accounts that are most similar to one."""

    id: Id
    n: Count = 10


class WriterBody(Question):
    """The accounts that write about a text."""

    text: Text
    n: Count = 10


class StoryQuestion(Question):
    """All coverage of the event that an article is about."""

    id: Id


class BrowseQuestion(Question):
    """What a person types into the search box: words, an id, an address or an account."""

    q: Words = ""


class PairQuestion(Question):
    """Two articles, to see why the second is similar to the first."""

    id: Id
    similar: Id
