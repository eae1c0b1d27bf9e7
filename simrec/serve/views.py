"""What each page shows: a question to the release, and a typed value for the template."""

import json

from simrec.errors import UnknownIdError
from simrec.recommend.editors_file import EditorsFile
from simrec.recommend.explain import notes
from simrec.recommend.hits import ArticleDetails
from simrec.recommend.query import Filters, Query
from simrec.recommend.release_overview import ArticleChanges
from simrec.recommend.tables.lists_since import ListChanges, read_list_changes
from simrec.release_folder import ReleaseFolder
from simrec.serve.article_text import read_text
from simrec.serve.current_release import OpenRelease
from simrec.serve.operations import shown_article
from simrec.serve.questions import (
    AccountQuestion,
    AccountsQuestion,
    ArticleQuestion,
    BrowseQuestion,
    NoParameters,
    PairQuestion,
)
from simrec.serve.view_types import (
    AccountNeighbour,
    AccountsView,
    AccountView,
    ArticlesView,
    ArticleView,
    ChangedArticle,
    ChangesView,
    EvidencePair,
    HomeView,
    MarkedHit,
    PairView,
    SearchView,
    WeakArticle,
    WeakListsView,
)

LIST_LENGTH = 20
SHOWN = 50  # articles of a long list
FEW = 6
SHOWN_CHANGES = 20


def home(release: OpenRelease, _: NoParameters) -> HomeView:
    """Return what the first page shows."""
    return HomeView(
        release.manifest,
        release.recommender.find("", FEW),
        _weak_articles(release, FEW),
        release.recommender.largest_accounts(FEW),
    )


def article(release: OpenRelease, asked: ArticleQuestion) -> ArticleView:
    """Return an article with all that the release knows of it."""
    recommender = release.recommender
    details = shown_article(release, asked)
    pinned = _pinned_under(release.folder, details.id)
    hits = []
    for rank, hit in enumerate(recommender.similar(details.id, LIST_LENGTH), start=1):
        hits.append(MarkedHit(hit, notes(hit, rank, details, hit.id in pinned)))
    return ArticleView(
        details,
        json.loads(details.tags),
        read_text(release.workspace, details.id),
        hits,
        [recommender.show(duplicate) for duplicate in details.duplicates],
        recommender.story(details.id),
    )


def pair(release: OpenRelease, asked: PairQuestion) -> PairView:
    """Return why one article is similar to another: shared words and the closest passages."""
    recommender = release.recommender
    hits = recommender.search(
        Query(ids=asked.id), 1, Filters(among=[asked.similar]), rules=False, explain=True
    )
    hit = hits[0] if hits else None
    return PairView(recommender.show(asked.id), recommender.show(asked.similar), hit)


def account(release: OpenRelease, asked: AccountQuestion) -> AccountView:
    """Return an account with its neighbours and their evidence."""
    recommender = release.recommender
    neighbours = []
    for hit in recommender.accounts(asked.id, LIST_LENGTH):
        evidence = []
        for found in hit.evidence:
            article = recommender.show(found.article)
            similar = recommender.show(found.similar_article)
            evidence.append(EvidencePair(article, similar, found.score))
        neighbours.append(AccountNeighbour(hit, evidence))
    articles = recommender.articles_of(asked.id, SHOWN)
    return AccountView(recommender.account(asked.id), neighbours, articles)


def search(release: OpenRelease, asked: BrowseQuestion) -> SearchView:
    """Return what is found for what somebody typed."""
    words = asked.q.strip()
    recommender = release.recommender
    if not words:
        return SearchView("", titles=recommender.find("", LIST_LENGTH))
    names = release.overview.accounts_with(words, FEW)
    return SearchView(
        words,
        [recommender.account(name) for name in names],
        recommender.find(words, LIST_LENGTH),
        recommender.search(Query(text=words), LIST_LENGTH, rules=False),
        exact=_exact_article(release, words),
    )


def _exact_article(release: OpenRelease, words: str) -> ArticleDetails | None:
    """Return the article whose id or address was typed, if there is one."""
    for ask in (release.recommender.show, release.recommender.with_url):
        try:
            return ask(words)
        except UnknownIdError:
            continue
    return None


def newest(release: OpenRelease, _: NoParameters) -> ArticlesView:
    """Return the newest articles."""
    return ArticlesView(release.recommender.find("", SHOWN), release.manifest.articles)


def never_recommended(release: OpenRelease, _: NoParameters) -> ArticlesView:
    """Return articles that no list holds."""
    total, ids = release.overview.never_recommended(SHOWN)
    return ArticlesView([release.recommender.show(found) for found in ids], total)


def weak_lists(release: OpenRelease, _: NoParameters) -> WeakListsView:
    """Return the articles with the weakest lists."""
    return WeakListsView(_weak_articles(release, SHOWN))


def accounts(release: OpenRelease, asked: AccountsQuestion) -> AccountsView:
    """Return the largest accounts."""
    found = release.recommender.largest_accounts(max(asked.n, 4 * SHOWN))
    return AccountsView(found, release.manifest.accounts)


def changes(release: OpenRelease, _: NoParameters) -> ChangesView:
    """Return what is new since the release before."""
    lists = read_list_changes(release.folder, SHOWN_CHANGES)
    if lists is None:
        return ChangesView()
    before = release.workspace.release(lists.since)
    is_kept = before.tables.exists()
    articles = release.overview.since(before) if is_kept else ArticleChanges([], [])
    return ChangesView(
        since=lists.since,
        is_kept=is_kept,
        added=[release.recommender.show(new) for new in articles.added[:SHOWN]],
        added_total=len(articles.added),
        removed=articles.removed[:SHOWN],
        removed_total=len(articles.removed),
        lists=lists.lists,
        changed=_changed_articles(release, lists, articles),
    )


def _changed_articles(
    release: OpenRelease, lists: ListChanges, articles: ArticleChanges
) -> list[ChangedArticle]:
    """Return the lists that changed most, of articles that are still there."""
    titles = {removed.id: removed.title for removed in articles.removed}
    changed = []
    for found in lists.most_changed:
        details = _shown_or_id(release, found.id)
        if isinstance(details, str):
            continue
        added = [release.recommender.show(new) for new in found.added]
        removed = []
        for gone in found.removed:
            shown = _shown_or_id(release, gone)
            removed.append(titles.get(gone, gone) if isinstance(shown, str) else shown)
        changed.append(ChangedArticle(details, added, removed))
    return changed


def _weak_articles(release: OpenRelease, n: int) -> list[WeakArticle]:
    found = []
    for weak in release.overview.weak_lists(n):
        found.append(WeakArticle(release.recommender.show(weak.id), weak.best_score))
    return found


def _shown_or_id(release: OpenRelease, article_id: str) -> ArticleDetails | str:
    try:
        return release.recommender.show(article_id)
    except UnknownIdError:
        return article_id


def _pinned_under(folder: ReleaseFolder, article_id: str) -> set[str]:
    """Return the ids of what editors pinned under an article."""
    entries = EditorsFile.of_release(folder).entries
    pins = [entry for entry in entries if entry.rule == "pin" and entry.kind == "article"]
    return {pin.id for pin in pins if pin.under == article_id}
