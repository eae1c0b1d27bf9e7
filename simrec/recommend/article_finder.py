"""Finds articles of a release by their address, by words of their titles, or by their date."""

from collections.abc import Sequence

from simrec.recommend.query import Filters
from simrec.recommend.shared_connection import SharedConnection
from simrec.release_folder import ReleaseFolder

# An article without a title is known by its first characters.
SHOWN = "id || char(10) || coalesce(url, '') || char(10) || coalesce(nullif(title, ''), lead)"
NEWEST_FIRST = "ORDER BY published_at DESC, row LIMIT ?"
SCHEMES = ("https://", "http://")


class ArticleFinder:
    """Looks through all articles of one release, beside the connection of quick look-ups.

    Any number of threads may use it; they take turns.
    """

    def __init__(self, folder: ReleaseFolder) -> None:
        self._db = SharedConnection(folder)
        self._db.fold_case()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def passing_rows(self, filters: Filters) -> list[int]:
        """Return the rows of the articles that pass filters, ascending."""
        condition, values = filters.where()
        query = f"SELECT row FROM articles WHERE {condition}"
        if filters.among is None:
            return sorted(row for (row,) in self._db.rows(query, values))
        parameters = ([*values, article_id] for article_id in filters.among)
        return sorted(row for (row,) in self._db.rows_of_each(f"{query} AND id = ?", parameters))

    def with_url(self, url: str) -> int | None:
        """Return the row of the article of an address, the first by id, or None.

        An address is the same with http or https, and with or without a slash at its end.
        """
        variants = _variants(url)
        marks = ", ".join("?" for _ in variants)
        query = f"SELECT min(row) FROM articles WHERE url IN ({marks})"
        ((row,),) = self._db.rows(query, variants)
        return None if row is None else int(row)

    def with_words(self, words: Sequence[str], n: int) -> list[int]:
        """Return n rows whose title, URL or id holds all words, in any case, the newest first."""
        conditions = []
        values: list[str | int] = []
        for word in words:
            if word.isascii():
                conditions.append(f"{SHOWN} LIKE ? ESCAPE '\\'")
                values.append(f"%{_escape(word)}%")
            else:
                conditions.append(f"instr(casefold({SHOWN}), ?)")
                values.append(word.casefold())
        condition = " AND ".join(conditions) or "true"
        query = f"SELECT row FROM articles WHERE {condition} {NEWEST_FIRST}"
        return [row for (row,) in self._db.rows(query, [*values, n])]

    def of_account(self, account: str, n: int) -> list[int]:
        """Return n rows of an account, the newest first."""
        query = f"SELECT row FROM articles WHERE account = ? {NEWEST_FIRST}"
        return [row for (row,) in self._db.rows(query, (account, n))]


def _variants(url: str) -> list[str]:
    """Return the ways in which one address may be written."""
    _, has_scheme, rest = url.partition("://")
    if not has_scheme:
        return [url]
    rest = rest.rstrip("/")
    return [f"{scheme}{rest}{end}" for scheme in SCHEMES for end in ("", "/")]


def _escape(word: str) -> str:
    """Return a word in which LIKE sees no wildcards."""
    for character in "\\%_":
        word = word.replace(character, f"\\{character}")
    return word
