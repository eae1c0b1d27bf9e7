"""Reads the SQLite tables of a release: articles, accounts and what is similar to them."""

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from simrec.errors import ReleaseError, UnknownIdError
from simrec.files import JsonObject
from simrec.recommend.hits import AccountHit, ArticleDetails, Evidence, Hit, StoryArticle
from simrec.recommend.query import Filters
from simrec.recommend.tables.schema import ARTICLES, VERSION, WORD_BITS
from simrec.release_folder import ReleaseFolder

# What a release knows of an article itself: all columns but its row and that of its original.
DETAILS = [column.name for column in ARTICLES.sqlite_columns[1:-1]]
if TYPE_CHECKING:
    from simrec.articles.article import Account

WORD_MASK = (1 << WORD_BITS) - 1
COMPARED_IDS = (
    50  # before and after an unknown id, in order, among which similar ones are looked for
)
SUGGESTED_IDS = 3

SIMILAR_ARTICLES = """
SELECT similar, score, score_rank, words FROM similar_articles
WHERE article = ? AND rank <= ? ORDER BY rank
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
WORD = "SELECT word FROM words WHERE number = ?"
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
    """The tables of one release. Threads share one connection and take turns.

    The connection stays open while the release is pruned, and goes on reading its file.
    """

    def __init__(self, folder: ReleaseFolder) -> None:
        """Open the tables; ReleaseError if they are of another version."""
        self._lock = threading.Lock()
        self._db = folder.open_tables(any_thread=True)
        try:
            self.list_length = self._check(folder)
        except BaseException:
            self.close()
            raise

    def _check(self, folder: ReleaseFolder) -> int:
        """Return the length of the lists; ReleaseError if the tables are of another version."""
        ((version,),) = self._rows("PRAGMA user_version")
        if version != VERSION:
            raise ReleaseError(
                f"{folder}: its tables are of another simrec; the next nightly run makes new ones"
            )
        ((list_length,),) = self._rows("SELECT similar_articles FROM facts")
        return int(list_length)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

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
        return self._rows(query, (account,))

    def passing_rows(self, filters: Filters) -> list[int]:
        """Return the rows of the articles that pass filters, ascending."""
        condition, values = filters.where()
        query = f"SELECT row FROM articles WHERE {condition}"
        if filters.among is None:
            return sorted(row for (row,) in self._rows(query, values))
        parameters = ([*values, article_id] for article_id in filters.among)
        return sorted(row for (row,) in self._rows_of_each(f"{query} AND id = ?", parameters))

    def attributes(self, rows: Sequence[int]) -> list[ArticleAttributes]:
        """Return of each row what the rules may ask for."""
        query = f"SELECT {', '.join(ArticleAttributes._fields)} FROM articles WHERE row = ?"
        return [
            ArticleAttributes(*values)
            for values in self._rows_of_each(query, ((row,) for row in rows))
        ]

    def similar_articles(self, row: int, n: int) -> list[Hit]:
        """Return the first n hits of an article's list."""
        hits = []
        for similar, score, score_rank, words in self._rows(SIMILAR_ARTICLES, (row, n)):
            hits.append(self.hit(similar, score, score_rank, words=self._words(words)))
        return hits

    def hit(
        self,
        row: int,
        score: float,
        score_rank: int,
        seed_id: str | None = None,
        words: Sequence[str] = (),
    ) -> Hit:
        """Return an article as a hit; its score is rounded to six decimals."""
        columns = self._article(row)
        del columns["tags"]
        return Hit(
            **columns,
            score=round(score, 6),
            score_rank=score_rank,
            words=list(words),
            seed_id=seed_id,
        )

    def details(self, row: int) -> ArticleDetails:
        """Return what the release knows of an article."""
        duplicates = [article_id for (article_id,) in self._rows(DUPLICATES, (row,))]
        return ArticleDetails(**self._article(row), duplicates=duplicates)

    def story(self, row: int) -> list[StoryArticle]:
        """Return all articles of an article's story, in order of date; none if it is in none."""
        members = self._rows(STORY, (row,))
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
        for similar, *columns in self._rows(SIMILAR_ACCOUNTS, (row, n)):
            account, score, articles, first, last, few_articles = columns
            evidence = [Evidence(*pair) for pair in self._rows(EVIDENCE, (row, similar))]
            hits.append(
                AccountHit(account, score, articles, first, last, bool(few_articles), evidence)
            )
        return hits

    def account_hit(self, account: str, score: float, articles: Sequence[Hit]) -> AccountHit:
        """Return an account as a hit, with the articles that made it one as evidence."""
        ((count, first, last, few_articles),) = self._rows(ACCOUNT, (account,))
        evidence = [Evidence("", hit.id, hit.score) for hit in articles]
        return AccountHit(
            account, round(score, 6), count, first, last, bool(few_articles), evidence
        )

    def largest_accounts(self, n: int) -> "list[Account]":
        """Return the n accounts with most articles, ties in order of id."""
        from simrec.articles.article import Account

        query = "SELECT id, articles, first, last FROM accounts ORDER BY articles DESC, id LIMIT ?"
        return [Account(*values) for values in self._rows(query, (n,))]

    def _article(self, row: int) -> JsonObject:
        """Return the columns of an article by name."""
        (values,) = self._rows(ARTICLE, (row,))
        return dict(zip(DETAILS, values, strict=True))

    def _words(self, packed: int) -> list[str]:
        """Return the words whose numbers are packed into one, heaviest first."""
        words = []
        while packed:
            number = packed & WORD_MASK
            words += [word for (word,) in self._rows(WORD, (number,))]
            packed >>= WORD_BITS
        return words

    def _find(self, table: str, name: str) -> int | None:
        rows = self._rows(f"SELECT row FROM {table} WHERE id = ?", (name,))
        return rows[0][0] if rows else None

    def _row(self, table: str, name: str) -> int:
        row = self._find(table, name)
        if row is None:
            similar = ", ".join(map(repr, self._similar_ids(table, name)))
            hint = f"; the nearest are {similar}" if similar else ""
            raise UnknownIdError(f"no {table[:-1]} '{name}' in the current release{hint}")
        return row

    def _similar_ids(self, table: str, name: str) -> list[str]:
        """Return ids like an unknown one; only those beside it in order are compared."""
        import difflib  # takes a millisecond, for an error

        after = f"SELECT id FROM {table} WHERE id >= ? ORDER BY id LIMIT {COMPARED_IDS}"
        before = f"SELECT id FROM {table} WHERE id < ? ORDER BY id DESC LIMIT {COMPARED_IDS}"
        rows = self._rows(before, (name,)) + self._rows(after, (name,))
        ids = [row[0] for row in rows]
        return difflib.get_close_matches(name, ids, n=SUGGESTED_IDS)

    def _rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self._rows_of_each(query, [parameters])

    def _rows_of_each(self, query: str, parameters: Iterable[Sequence[Any]]) -> list[Any]:
        """Return what a query finds for each of some parameters."""
        rows = []
        with (
            self._lock
        ):  # of a shared connection, threads could bind values to one cached statement
            for values in parameters:
                rows += self._db.execute(query, values).fetchall()
        return rows
