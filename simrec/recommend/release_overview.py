"""What an editor looks for in a release: weak lists, what no list holds, what is new."""

from collections.abc import Sequence
from dataclasses import dataclass

from simrec.recommend.shared_connection import SharedConnection
from simrec.release_folder import ReleaseFolder

# A near-duplicate of an earlier article has its own list, and is itself recommended nowhere.
IS_ORIGINAL = "(original IS NULL OR original = row)"
NO_LIST = f"""
SELECT id, NULL FROM articles
WHERE {IS_ORIGINAL} AND row NOT IN (SELECT article FROM similar_articles WHERE rank = 1)
ORDER BY row LIMIT ?
"""
LOWEST_SCORES = f"""
SELECT a.id, s.score FROM similar_articles s JOIN articles a ON a.row = s.article
WHERE s.rank = 1 AND {IS_ORIGINAL} ORDER BY s.score, a.row LIMIT ?
"""
NEVER = f"row NOT IN (SELECT similar FROM similar_articles) AND {IS_ORIGINAL}"
NEVER_RECOMMENDED = f"SELECT id FROM articles WHERE {NEVER} ORDER BY published_at DESC, row LIMIT ?"
COUNT_NEVER = f"SELECT count(*) FROM articles WHERE {NEVER}"
ACCOUNTS = """
SELECT id FROM accounts WHERE instr(casefold(id), ?) ORDER BY articles DESC, id LIMIT ?
"""
ADDED = """
SELECT id FROM articles a WHERE NOT EXISTS (SELECT 1 FROM before.articles b WHERE b.id = a.id)
ORDER BY published_at DESC, row
"""
REMOVED = """
SELECT id, title, lead FROM before.articles b
WHERE NOT EXISTS (SELECT 1 FROM articles a WHERE a.id = b.id) ORDER BY row
"""


@dataclass(frozen=True)
class WeakList:
    """An article whose best recommendation has a low score; None where it has none at all."""

    id: str
    best_score: float | None


@dataclass(frozen=True)
class RemovedArticle:
    """An article that only the release before holds; its title, or else its first characters."""

    id: str
    title: str


@dataclass(frozen=True)
class ArticleChanges:
    """The ids that are new, the newest first, and the articles that are gone, in order of id."""

    added: Sequence[str]
    removed: Sequence[RemovedArticle]


class ReleaseOverview:
    """Looks over all of a release, which takes milliseconds to seconds; threads take turns."""

    def __init__(self, folder: ReleaseFolder) -> None:
        self._db = SharedConnection(folder)
        self._db.fold_case()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def weak_lists(self, n: int) -> list[WeakList]:
        """Return n articles: those without a list, then those of the lowest best scores."""
        rows = self._db.rows(NO_LIST, (n,)) + self._db.rows(LOWEST_SCORES, (n,))
        return [WeakList(*row) for row in rows[:n]]

    def never_recommended(self, n: int) -> tuple[int, list[str]]:
        """Return how many articles are in no list, and the ids of n of them, the newest first."""
        ((count,),) = self._db.rows(COUNT_NEVER)
        return count, [article_id for (article_id,) in self._db.rows(NEVER_RECOMMENDED, (n,))]

    def accounts_with(self, words: str, n: int) -> list[str]:
        """Return n accounts whose name holds some words as they stand, the largest first."""
        return [account for (account,) in self._db.rows(ACCOUNTS, (words.casefold(), n))]

    def since(self, before: ReleaseFolder) -> ArticleChanges:
        """Return which articles came and went since another release."""
        uri = f"{before.tables.absolute().as_uri()}?mode=ro&immutable=1"
        with self._db.attached(uri, "before"):
            added = [article_id for (article_id,) in self._db.rows(ADDED)]
            removed = []
            for article_id, title, lead in self._db.rows(REMOVED):
                removed.append(RemovedArticle(article_id, title or lead))
        return ArticleChanges(added, removed)
