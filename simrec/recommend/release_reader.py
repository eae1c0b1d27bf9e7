"""Answers queries from one release, and opens of it only what a query needs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simrec.errors import UnknownIdError, UsageError
from simrec.recommend.hits import AccountHit, ArticleDetails, Hit, StoryArticle
from simrec.recommend.lazy import Lazy
from simrec.recommend.query import NO_FILTERS, Filters, Query
from simrec.recommend.seeds import MAX_SEEDS, Seeds, find_seeds
from simrec.recommend.table_reader import TableReader
from simrec.release import Release

if TYPE_CHECKING:
    from simrec.articles.article import Account
    from simrec.articles.store import Store
    from simrec.encoder.runtime import Encoder
    from simrec.lexical.tfidf import TfIdf
    from simrec.lexical.vocabulary import TermVocabulary
    from simrec.recommend.editors_file import EditorsEntry
    from simrec.recommend.search import Search, SeedVectors

ARTICLES_OF_ACCOUNT = 3  # the nearest of an account say whether it writes about a text
HITS_PER_ACCOUNT = 10  # that are searched for each account wanted


class SearchOptions(NamedTuple):
    """How many hits are wanted, which may be among them, and what is made of them."""

    n: int = 10
    filters: Filters = NO_FILTERS
    rules: bool = True
    explain: bool = False


def check_n(n: int) -> None:
    """Raise UsageError unless at least one hit is wanted."""
    if n < 1:
        raise UsageError(f"n is {n}; it has to be at least 1")


class ReleaseReader:
    """One release, open. Any number of threads may ask it at once.

    What is open stays open when the release is pruned; what is not raises ReleaseError or OSError
    then.
    """

    def __init__(self, release: Release, encoder: "Lazy[Encoder]", articles_db: Path) -> None:
        """Open the tables of a release; the encoder is that of its manifest."""
        self.release_id = release.manifest.release_id
        self._folder = release.folder
        self._manifest = release.manifest
        self._articles_db = articles_db
        self._tables = TableReader(release.folder)
        self._encoder = encoder
        self._tfidf = Lazy(self._open_tfidf)
        self._vocabulary = Lazy(self._open_vocabulary)
        self._search = Lazy(self._open_search)

    def open_all(self) -> None:
        """Open whatever a query may need, so that the release may be pruned."""
        self._encoder.get()
        self._tfidf.get()
        self._vocabulary.get()
        self._search.get().open_all()

    def close(self) -> None:
        """Close the tables."""
        self._tables.close()

    def search(self, query: Query, options: SearchOptions) -> list[Hit]:
        """Return the articles most similar to a query, best first, ties in order of id.

        The hits of one article come from the release's table; with filters, without rules, or
        beyond the length of the table, they come from a search among all articles that pass the
        filters.
        """
        check_n(options.n)
        seeds = find_seeds(query, self._tables)
        if self._is_in_tables(query, options):
            hits = self._tables.similar_articles(seeds.rows[0], options.n)
        else:
            hits = self._searched(query, seeds, options)
        return self._explained(hits, query, seeds, options.rules) if options.explain else hits

    def accounts(self, account: str, n: int) -> list[AccountHit]:
        """Return the n accounts most similar to one, best first, with their evidence."""
        check_n(n)
        return self._tables.similar_accounts(self._tables.account_row(account), n)

    def accounts_writing_about(self, text: str, n: int) -> list[AccountHit]:
        """Return the n accounts that write about a text, best first.

        They are ranked by the mean score of their ARTICLES_OF_ACCOUNT nearest articles. An
        account with fewer near articles is taken to have others of score 0 (the sum over articles
        of Balog, Azzopardi & de Rijke 2006).
        """
        check_n(n)
        options = SearchOptions(HITS_PER_ACCOUNT * n + MAX_SEEDS, rules=False)
        nearest: dict[str, list[Hit]] = {}
        nowhere = self._accounts_nowhere()
        for hit in self.search(Query(text=text), options):
            if hit.account is not None and hit.account not in nowhere:
                nearest.setdefault(hit.account, []).append(hit)
        hits = []
        for account, articles in nearest.items():
            evidence = articles[:ARTICLES_OF_ACCOUNT]
            score = sum(hit.score for hit in evidence) / ARTICLES_OF_ACCOUNT
            hits.append((-score, account, evidence))
        hits.sort(key=lambda hit: hit[:2])
        return [
            self._tables.account_hit(account, -score, evidence)
            for score, account, evidence in hits[:n]
        ]

    def largest_accounts(self, n: int) -> "list[Account]":
        """Return the n accounts with most articles, ties in order of id."""
        check_n(n)
        return self._tables.largest_accounts(n)

    def account(self, account: str) -> "Account":
        """Return how many articles an account has, and the dates of the first and the last."""
        return self._tables.account(account)

    def articles_of(self, account: str, n: int) -> list[ArticleDetails]:
        """Return n articles of an account, the newest first. UnknownIdError."""
        check_n(n)
        self._tables.account_row(account)
        return self._details_of(self._tables.finder.of_account(account, n))

    def find(self, words: Sequence[str], n: int) -> list[ArticleDetails]:
        """Return n articles whose title, URL or id holds all words, the newest first."""
        check_n(n)
        return self._details_of(self._tables.finder.with_words(words, n))

    def with_url(self, url: str) -> ArticleDetails:
        """Return the article of an address. UnknownIdError."""
        row = self._tables.finder.with_url(url)
        if row is None:
            raise UnknownIdError(f"no article of the address '{url}' in the current release")
        return self._tables.details(row)

    def _details_of(self, rows: Sequence[int]) -> list[ArticleDetails]:
        return [self._tables.details(row) for row in rows]

    def show(self, article_id: str) -> ArticleDetails:
        """Return what the release knows of an article, and its near-duplicates."""
        return self._tables.details(self._tables.article_row(article_id))

    def _accounts_nowhere(self) -> set[str]:
        """Return the accounts that editors never want recommended."""
        entries = self._editors()
        return {entry.id for entry in entries if entry.kind == "account" and entry.is_nowhere}

    def _editors(self) -> "Sequence[EditorsEntry]":
        """Return what editors wanted of this release."""
        from simrec.recommend.editors_file import EditorsFile

        return EditorsFile.of_release(self._folder).entries

    def story(self, article_id: str) -> list[StoryArticle]:
        """Return all articles of an article's story, in order of date; none if it is in none."""
        return self._tables.story(self._tables.article_row(article_id))

    def _is_in_tables(self, query: Query, options: SearchOptions) -> bool:
        is_listed = options.n <= self._tables.list_length
        return _is_of_one_article(query) and is_listed and options.rules and not options.filters

    def _searched(self, query: Query, seeds: Seeds, options: SearchOptions) -> list[Hit]:
        vectors = self._seed_vectors(query, seeds)
        search = self._search.get()
        rules = search.rules if options.rules else ()
        rows = search.search(vectors, options.n, options.filters, seeds.excluded_rows, rules)
        if options.rules and _is_of_one_article(query):
            rows = search.with_pins(seeds.rows[0], vectors, rows, options.n, options.filters)
        hits = []
        for row in rows:
            seed_id = seeds.ids[row.seed] if len(seeds.ids) > 1 else None
            hits.append(self._tables.hit(row.row, row.score, row.score_rank, seed_id))
        return hits

    def _seed_vectors(self, query: Query, seeds: Seeds) -> "SeedVectors":
        if query.text is None:
            return self._search.get().vectors_of_rows(seeds)
        text = _cleaned(query.text)
        tfidf = self._tfidf.get()
        terms = tfidf.encode([text]) if tfidf else None
        vectors = self._encoder.get().encode([text])
        return self._search.get().vectors_of_text(vectors, terms)

    def _pinned_under(self, query: Query, rules: bool) -> set[str]:
        """Return the ids of what editors pinned under the one article of a query."""
        if not (rules and _is_of_one_article(query)):
            return set()
        pins = [
            entry for entry in self._editors() if entry.rule == "pin" and entry.kind == "article"
        ]
        return {pin.id for pin in pins if pin.under == query.ids[0]}

    def _explained(self, hits: Sequence[Hit], query: Query, seeds: Seeds, rules: bool) -> list[Hit]:
        """Return hits with what they share with their seed, by the texts as they are now."""
        from simrec.articles.store import Store
        from simrec.recommend.explain import Explainer, notes

        lexical = self._manifest.lexical
        explainer = Explainer(
            self._encoder.get(),
            self._tfidf.get(),
            lexical.weight if lexical else 0.0,
            self._vocabulary.get(),
        )
        explained = []
        pinned = self._pinned_under(query, rules)
        with Store.open(self._articles_db) as store:
            for rank, hit in enumerate(hits, start=1):
                seed, seed_text = self._seed_of(hit, query, seeds, store)
                explanation = explainer.explain(seed_text, _text_of(hit.id, store))
                is_read = seed is not None and self._were_read_together(seed.id, hit.id)
                said = notes(hit, rank, seed, hit.id in pinned, is_read)
                explanation = replace(explanation, notes=said)
                explained.append(replace(hit, explanation=explanation))
        return explained

    def _were_read_together(self, *ids: str) -> bool:
        rows = [self._tables.article_row(article_id) for article_id in ids]
        return self._search.get().were_read_together(*rows)

    def _seed_of(
        self, hit: Hit, query: Query, seeds: Seeds, store: "Store"
    ) -> tuple[ArticleDetails | None, str]:
        """Return the article that a hit is similar to, None for a text, and its current text."""
        if query.text is not None:
            return None, query.text
        seed = self.show(hit.seed_id or seeds.ids[0])
        return seed, _text_of(seed.id, store)

    def _open_tfidf(self) -> "TfIdf | None":
        from simrec.lexical.tfidf import TfIdf

        return TfIdf.open(self._folder.tfidf) if self._manifest.lexical else None

    def _open_vocabulary(self) -> "TermVocabulary":
        from simrec.lexical.vocabulary import TermVocabulary

        return TermVocabulary.open(self._folder.vocabulary)

    def _open_search(self) -> "Search":
        from simrec.recommend.search import Search

        return Search(self._folder, self._tables, self._manifest)


def _is_of_one_article(query: Query) -> bool:
    return len(query.ids) == 1 and not query.less_like


def _cleaned(text: str) -> str:
    """Return a text as articles are cleaned; UsageError if nothing is left."""
    from simrec.articles.cleaning import clean_text

    try:
        cleaned = clean_text(text)
    except ValueError as error:
        raise UsageError(f"the text is {error}") from error
    if not cleaned:
        raise UsageError("the text is empty: there is nothing to be similar to")
    return cleaned


def _text_of(article_id: str, store: "Store") -> str:
    """Return the text of an article as it is now, empty if it was deleted."""
    from simrec.articles.article import encoded_text

    found = store.text_of(article_id)
    if found is None:
        return ""
    _, title, text = found
    return encoded_text(title, text)
