"""Reads the SQLite tables of a release: articles, accounts and what is similar to them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from simrec.errors import ReleaseError, UnknownIdError
from simrec.files import JsonObject
from simrec.recommend.article_finder import ArticleFinder
from simrec.recommend.hits import AccountHit, ArticleDetails, Evidence, Hit, StoryArticle
from simrec.recommend.query import Filters
from simrec.recommend.shared_connection import SharedConnection
from simrec.recommend.tables.schema import ARTICLES, VERSION, WORD_BITS
from simrec.release_folder import ReleaseFolder

if TYPE_CHECKING:
    from simrec.articles.article import Account

# What a release knows of an article itself: all columns but its row and that of its original.
DETAILS = [column.name for column in ARTICLES.sqlite_columns[1:-1]]
HIT_COLUMNS = [name for name in DETAILS if name != "tags"]
INTEGER_BITS = 63  # of SQLite's integers, without the sign
WORD_MASK = (1 << WORD_BITS) - 1
COMPARED_IDS = (
    50  # before and after an unknown id, in order, among which similar ones are looked for
)
SUGGESTED_IDS = 3

# The words of a pair are in one number; where one is missing, NULL stands in its place.
PAIR_WORDS = ", ".join(
    f"(SELECT word FROM words WHERE number = (s.words >> {shift}) & {WORD_MASK})"
    for shift in range(0, INTEGER_BITS, WORD_BITS)
)
SIMILAR_ARTICLES = f"""
SELECT s.score, s.score_rank, {", ".join(f"a.{name}" for name in HIT_COLUMNS)}, {PAIR_WORDS}
FROM similar_articles s JOIN articles a ON a.row = s.similar
WHERE s.article = ? AND s.rank <= ? ORDER BY s.rank
"""
SIMILAR_ACCOUNTS = """
SELECT similar.row, similar.id, s.score, similar.articles, similar.first, similar.last,
       min(account.articles, similar.articles) < min_articles
FROM similar_accounts s
JOIN accounts similar ON similar.row = s.similar
JOIN accounts account ON account.row = s.account, facts
WHERE s.account = ? AND s.rank <= ? ORDER BY s.rank
"""
EVIDENCE = """
SELECT a.id, b.id, e.score FROM account_evidence e
JOIN articles a ON a.row = e.article
JOIN articles b ON b.row = e.similar_article
WHERE e.account = ? AND e.similar = ? ORDER BY e.rank
"""
STORY = """
SELECT s.article, s.story, s.lead, s.characters
FROM stories of_article
JOIN stories s ON s.story = of_article.story
JOIN articles a ON a.row = s.article
WHERE of_article.article = ? ORDER BY coalesce(a.published_at, '~'), a.row
"""
ARTICLE = f"SELECT {', '.join(DETAILS)} FROM articles WHERE row = ?"
ACCOUNT = """
SELECT articles, first, last, articles < min_articles FROM accounts, facts WHERE id = ?
"""
DUPLICATES = """
SELECT b.id FROM articles a JOIN articles b ON b.original = a.original
WHERE a.row = ? AND b.row <> a.row ORDER BY b.row
"""


class ArticleAttributes(NamedTuple):
    """What the rules may ask of an article; its tags as JSON."""

    original: int | None
    account: str | None
    category: str | None
    lang: str | None
    tags: str
    published_at: str | None


class TableReader:
    """The tables of one release. Threads share a connection for look-ups, another for scans.

    Both stay open while the release is pruned, and go on reading its file.
    """

    def __init__(self, folder: ReleaseFolder) -> None:
        """Open the tables; ReleaseError if they are of another version."""
        self._db = SharedConnection(folder)
        self.finder = ArticleFinder(folder)
        try:
            self.list_length = self._check(folder)
        except BaseException:
            self.close()
            raise

    def _check(self, folder: ReleaseFolder) -> int:
        """Return the length of the lists; ReleaseError if the tables are of another version."""
        ((version,),) = self._db.rows("PRAGMA user_version")
        if version != VERSION:
            raise ReleaseError(
                f"{folder}: its tables are of another simrec; the next nightly run makes new ones"
            )
        ((list_length,),) = self._db.rows("SELECT similar_articles FROM facts")
        return int(list_length)

    def close(self) -> None:
        """Close the connections."""
        self._db.close()
        self.finder.close()

    def find_article(self, article_id: str) -> int | None:
        """Return the row of an article, or None if the release does not hold it."""
        return self._find("articles", article_id)

    def article_row(self, article_id: str) -> int:
        """Return the row of an article; UnknownIdError names the nearest ids."""
        return self._row("articles", article_id)

    def account_row(self, account: str) -> int:
        """Return the row of an account; UnknownIdError names the nearest ids."""
        return self._row("accounts", account)

    def latest_articles(self, account: str) -> list[tuple[int, str]]:
        """Return the rows and ids of an account's articles, newest first."""
        query = (
            "SELECT row, id FROM articles WHERE account = ? ORDER BY published_at DESC, row DESC"
        )
        return self._db.rows(query, (account,))

    def passing_rows(self, filters: Filters) -> list[int]:
        """Return the rows of the articles that pass filters, ascending."""
        return self.finder.passing_rows(filters)

    def attributes(self, rows: Sequence[int]) -> list[ArticleAttributes]:
        """Return of each row what the rules may ask for."""
        query = f"SELECT {', '.join(ArticleAttributes._fields)} FROM articles WHERE row = ?"
        return [
            ArticleAttributes(*values)
            for values in self._db.rows_of_each(query, ((row,) for row in rows))
        ]

    def similar_articles(self, row: int, n: int) -> list[Hit]:
        """Return the first n hits of an article's list."""
        hits = []
        for score, score_rank, *values in self._db.rows(SIMILAR_ARTICLES, (row, n)):
            columns = dict(zip(HIT_COLUMNS, values, strict=False))
            words = [word for word in values[len(HIT_COLUMNS) :] if word is not None]
            hits.append(Hit(**columns, score=score, score_rank=score_rank, words=words))
        return hits

    def hit(
        self,
        row: int,
        score: float,
        score_rank: int,
        seed_id: str | None = None,
    ) -> Hit:
        """Return an article as a hit; its score is rounded to six decimals."""
        columns = self._article(row)
        del columns["tags"]
        return Hit(
            **columns,
            score=round(score, 6),
            score_rank=score_rank,
            seed_id=seed_id,
        )

    def details(self, row: int) -> ArticleDetails:
        """Return what the release knows of an article."""
        duplicates = [article_id for (article_id,) in self._db.rows(DUPLICATES, (row,))]
        return ArticleDetails(**self._article(row), duplicates=duplicates)

    def story(self, row: int) -> list[StoryArticle]:
        """Return all articles of an article's story, in order of date; none if it is in none."""
        members = self._db.rows(STORY, (row,))
        fullest = max((characters for *_, characters in members), default=0)
        articles = []
        for member, first, is_lead, characters in members:
            columns = self._article(member)
            del columns["tags"]
            is_fullest = characters == fullest
            fullest = -1 if is_fullest else fullest  # of equal ones, the first
            articles.append(
                StoryArticle(
                    **columns,
                    characters=characters,
                    is_first=member == first,
                    is_fullest=is_fullest,
                    is_lead=bool(is_lead),
                )
            )
        return articles

    def similar_accounts(self, row: int, n: int) -> list[AccountHit]:
        """Return the first n hits of an account's list, with their evidence."""
        hits = []
        for similar, *columns in self._db.rows(SIMILAR_ACCOUNTS, (row, n)):
            account, score, articles, first, last, few_articles = columns
            evidence = [Evidence(*pair) for pair in self._db.rows(EVIDENCE, (row, similar))]
            terms = self._terms_of(similar)
            few = bool(few_articles)
            hits.append(AccountHit(account, score, articles, first, last, few, evidence, terms))
        return hits

    def _terms_of(self, account_row: int) -> list[str]:
        """Return the terms of an account; a release of an earlier edition has none."""
        if not self._db.rows("SELECT 1 FROM sqlite_master WHERE name = 'account_terms'"):
            return []
        query = "SELECT term FROM account_terms WHERE account = ? ORDER BY rank"
        return [term for (term,) in self._db.rows(query, (account_row,))]

    def account_hit(self, account: str, score: float, articles: Sequence[Hit]) -> AccountHit:
        """Return an account as a hit, with the articles that made it one as evidence."""
        ((count, first, last, few_articles),) = self._db.rows(ACCOUNT, (account,))
        evidence = [Evidence("", hit.id, hit.score) for hit in articles]
        terms = self._terms_of(self.account_row(account))
        score = round(score, 6)
        return AccountHit(account, score, count, first, last, bool(few_articles), evidence, terms)

    def account(self, account: str) -> "Account":
        """Return what the release knows of an account; UnknownIdError names the nearest ids."""
        from simrec.articles.article import Account

        row = self.account_row(account)
        query = "SELECT id, articles, first, last FROM accounts WHERE row = ?"
        (values,) = self._db.rows(query, (row,))
        return Account(*values)

    def largest_accounts(self, n: int) -> "list[Account]":
        """Return the n accounts with most articles, ties in order of id."""
        from simrec.articles.article import Account

        query = "SELECT id, articles, first, last FROM accounts ORDER BY articles DESC, id LIMIT ?"
        return [Account(*values) for values in self._db.rows(query, (n,))]

    def _article(self, row: int) -> JsonObject:
        """Return the columns of an article by name."""
        (values,) = self._db.rows(ARTICLE, (row,))
        return dict(zip(DETAILS, values, strict=True))

    def _find(self, table: str, name: str) -> int | None:
        rows = self._db.rows(f"SELECT row FROM {table} WHERE id = ?", (name,))
        return rows[0][0] if rows else None

    def _row(self, table: str, name: str) -> int:
        row = self._find(table, name)
        if row is None:
            nearest = self._similar_ids(table, name)
            hint = f"; the nearest are {', '.join(map(repr, nearest))}" if nearest else ""
            raise UnknownIdError(f"no {table[:-1]} '{name}' in the current release{hint}", nearest)
        return row

    def _similar_ids(self, table: str, name: str) -> list[str]:
        """Return ids like an unknown one; only those beside it in order are compared."""
        import difflib  # takes a millisecond, for an error

        after = f"SELECT id FROM {table} WHERE id >= ? ORDER BY id LIMIT {COMPARED_IDS}"
        before = f"SELECT id FROM {table} WHERE id < ? ORDER BY id DESC LIMIT {COMPARED_IDS}"
        rows = self._db.rows(before, (name,)) + self._db.rows(after, (name,))
        ids = [row[0] for row in rows]
        return difflib.get_close_matches(name, ids, n=SUGGESTED_IDS)
