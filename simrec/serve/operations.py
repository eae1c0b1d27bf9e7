"""The operations of the API as data: routes and OpenAPI are made of what stands here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from simrec import __version__
from simrec.errors import UsageError
from simrec.recommend.hits import ArticleDetails
from simrec.recommend.query import Filters, Query
from simrec.serve import answers, questions
from simrec.serve.answers import ArticleFacts
from simrec.serve.current_release import OpenRelease


@dataclass(frozen=True)
class Operation:
    """One question that a release answers.

    question is the type of the parameters, or with POST of the body; answer is the type of what
    `ask` returns. `searches` tells of a question whether it takes milliseconds, and so a thread;
    `reads_texts` whether its answer depends on the articles as they are now, not on the release
    alone.
    """

    name: str
    method: str
    path: str
    summary: str
    question: type[Struct]
    answer: type[Struct]
    ask: Callable[[OpenRelease, Any], Struct]
    searches: Callable[[Any], bool] = lambda _: False
    reads_texts: Callable[[Any], bool] = lambda _: False


def _always(_: Struct) -> bool:
    return True


def shown_article(release: OpenRelease, asked: questions.ArticleQuestion) -> ArticleDetails:
    """Return the article that a question names by its id or by its address."""
    if asked.id is not None and asked.url is None:
        return release.recommender.show(asked.id)
    if asked.url is not None and asked.id is None:
        return release.recommender.with_url(asked.url)
    raise UsageError("give either id or url")


def _facts(articles: list[ArticleDetails]) -> list[ArticleFacts]:
    return [ArticleFacts.of(article) for article in articles]


def show_article(release: OpenRelease, asked: questions.ArticleQuestion) -> answers.ArticleAnswer:
    """Return what the release knows of an article."""
    facts = ArticleFacts.of(shown_article(release, asked))
    return answers.ArticleAnswer(release.release_id, facts)


def find_articles(release: OpenRelease, asked: questions.FindQuestion) -> answers.ArticlesAnswer:
    """Return articles by words, or the newest of all or of an account."""
    recommender = release.recommender
    if asked.account is None:
        found = recommender.find(asked.words, asked.n)
    elif asked.words:
        raise UsageError("give either words or account")
    else:
        found = recommender.articles_of(asked.account, asked.n)
    return answers.ArticlesAnswer(release.release_id, _facts(found))


def find_similar(release: OpenRelease, asked: questions.SimilarQuestion) -> answers.SimilarAnswer:
    """Return what is similar to articles; an account alone is a seed, else a filter."""
    ids = list(asked.id)
    if asked.url is not None:
        ids.append(release.recommender.with_url(asked.url).id)
    filters = asked.filters()
    if ids or asked.account is None:
        query = Query(ids, asked.less_like)
    else:
        query = Query(account=asked.account, less_like=asked.less_like)
        filters = Filters(None, asked.category, asked.lang, asked.since, asked.until)
    return _hits(release, query, filters, asked)


def _is_searched(asked: questions.SimilarQuestion) -> bool:
    """Tell whether no table has the answer."""
    is_of_one = len(asked.id) == 1 and not (asked.url or asked.less_like)
    return not is_of_one or not asked.rules or asked.explain or bool(asked.filters())


def read_next(release: OpenRelease, asked: questions.HistoryQuestion) -> answers.SimilarAnswer:
    """Return what to read next."""
    return _hits(release, Query(history=asked.id), asked.filters(), asked)


def search(release: OpenRelease, asked: questions.SearchBody) -> answers.SimilarAnswer:
    """Return what is similar to a text, or to anything else that can be asked."""
    body = asked.filters
    filters = Filters(body.account, body.category, body.lang, body.since, body.until, body.among)
    return _hits(release, asked.query(), filters, asked)


def _hits(
    release: OpenRelease,
    query: Query,
    filters: Filters,
    asked: questions.FilterParameters | questions.SearchBody,
) -> answers.SimilarAnswer:
    hits = release.recommender.search(query, asked.n, filters, asked.rules, asked.explain)
    return answers.SimilarAnswer(release.release_id, hits)


def list_accounts(
    release: OpenRelease, asked: questions.AccountsQuestion
) -> answers.AccountsAnswer:
    """Return the largest accounts."""
    accounts = release.recommender.largest_accounts(asked.n)
    return answers.AccountsAnswer(release.release_id, accounts)


def show_account(release: OpenRelease, asked: questions.AccountQuestion) -> answers.AccountAnswer:
    """Return what the release knows of an account."""
    return answers.AccountAnswer(release.release_id, release.recommender.account(asked.id))


def find_similar_accounts(
    release: OpenRelease, asked: questions.SimilarAccountsQuestion
) -> answers.SimilarAccountsAnswer:
    """Return the accounts most similar to one."""
    hits = release.recommender.accounts(asked.id, asked.n)
    return answers.SimilarAccountsAnswer(release.release_id, hits)


def find_writers(
    release: OpenRelease, asked: questions.WriterBody
) -> answers.SimilarAccountsAnswer:
    """Return the accounts that write about a text."""
    hits = release.recommender.accounts_writing_about(asked.text, asked.n)
    return answers.SimilarAccountsAnswer(release.release_id, hits)


def tell_story(release: OpenRelease, asked: questions.StoryQuestion) -> answers.StoryAnswer:
    """Return all coverage of an event."""
    return answers.StoryAnswer(release.release_id, release.recommender.story(asked.id))


def describe_release(release: OpenRelease, _: questions.NoParameters) -> answers.ReleaseAnswer:
    """Return what the release was made of."""
    manifest = release.manifest
    return answers.ReleaseAnswer(
        release=manifest.release_id,
        created_at=manifest.created_at,
        articles=manifest.articles,
        accounts=manifest.accounts,
        encoder=manifest.encoder_id,
        index=manifest.index.kind,
        simrec=__version__,
    )


OPERATIONS = (
    Operation(
        "showArticle",
        "GET",
        "/v1/article",
        "An article, by its id or its address",
        questions.ArticleQuestion,
        answers.ArticleAnswer,
        show_article,
        searches=lambda asked: asked.url is not None,
    ),
    Operation(
        "findArticles",
        "GET",
        "/v1/articles",
        "Articles by words of their title, URL or id; without words the newest",
        questions.FindQuestion,
        answers.ArticlesAnswer,
        find_articles,
        searches=_always,
    ),
    Operation(
        "findSimilar",
        "GET",
        "/v1/similar",
        "Articles similar to one, or to several together",
        questions.SimilarQuestion,
        answers.SimilarAnswer,
        find_similar,
        searches=_is_searched,
        reads_texts=lambda asked: asked.explain,
    ),
    Operation(
        "search",
        "POST",
        "/v1/similar",
        "Articles similar to a text, or to anything that can be asked",
        questions.SearchBody,
        answers.SimilarAnswer,
        search,
        searches=_always,
    ),
    Operation(
        "readNext",
        "GET",
        "/v1/history",
        "What to read next, after what was read",
        questions.HistoryQuestion,
        answers.SimilarAnswer,
        read_next,
        searches=_always,
        reads_texts=lambda asked: asked.explain,
    ),
    Operation(
        "tellStory",
        "GET",
        "/v1/story",
        "All coverage of the event that an article is about",
        questions.StoryQuestion,
        answers.StoryAnswer,
        tell_story,
    ),
    Operation(
        "listAccounts",
        "GET",
        "/v1/accounts",
        "The accounts with most articles",
        questions.AccountsQuestion,
        answers.AccountsAnswer,
        list_accounts,
        searches=_always,
    ),
    Operation(
        "showAccount",
        "GET",
        "/v1/account",
        "An account: how many articles, since when",
        questions.AccountQuestion,
        answers.AccountAnswer,
        show_account,
    ),
    Operation(
        "findSimilarAccounts",
        "GET",
        "/v1/similar-accounts",
        "The accounts most similar to one, with the articles that say so",
        questions.SimilarAccountsQuestion,
        answers.SimilarAccountsAnswer,
        find_similar_accounts,
    ),
    Operation(
        "findWriters",
        "POST",
        "/v1/similar-accounts",
        "The accounts that write about a text",
        questions.WriterBody,
        answers.SimilarAccountsAnswer,
        find_writers,
        searches=_always,
    ),
    Operation(
        "describeRelease",
        "GET",
        "/v1/release",
        "The release that answers",
        questions.NoParameters,
        answers.ReleaseAnswer,
        describe_release,
    ),
)
