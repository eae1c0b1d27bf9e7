"""The recommender: answers from a release's files, opening only what a question needs."""

import difflib
import re
import sqlite3
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simrec.articles.article import Account
from simrec.articles.store import COLUMNS
from simrec.errors import UnknownIdError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from simrec.index.search import Index

FEW = 10_000  # rows that are looked through without opening FAISS
DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


@dataclass(frozen=True)
class Hit:
    """An article with its score: the cosine to what was asked, from -1 to 1, higher is better."""

    id: str
    score: float
    title: str
    lead: str
    account: str | None
    published_at: str | None
    url: str | None
    lang: str | None
    category: str | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class AccountHit:
    """An account with its score, a cosine from -1 to 1."""

    id: str
    score: float
    articles: int
    first: str | None
    last: str | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Filters:
    """What a hit has to be: None asks for nothing; dates are days, months or years, both included; among are ids."""

    account: str | None = None
    category: str | None = None
    lang: str | None = None
    since: str | None = None
    until: str | None = None
    among: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for day in (self.since, self.until):
            if day is not None and not DAY.fullmatch(day):
                raise UsageError(f"'{day}' is not a date; write it as 2024-05-31, 2024-05 or 2024")

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))

    def where(self) -> tuple[str, list[str]]:
        """Return an SQL condition, but for `among`, and its parameters."""
        conditions = {
            "account = ?": self.account,
            "category = ?": self.category,
            "lang = ?": self.lang,
            f"substr(published_at, 1, {len(self.since or '')}) >= ?": self.since,
            f"substr(published_at, 1, {len(self.until or '')}) <= ?": self.until,
        }
        asked = {condition: value for condition, value in conditions.items() if value is not None}
        return " AND ".join(["true", *asked]), list(asked.values())


class Recommender:
    """Similar articles and accounts of one release; never locks, never writes."""

    def __init__(self, folder: Path, encoder: Path, index_facts: dict[str, Any], lexical: dict[str, Any]) -> None:
        """Open a release's folder; the encoder's folder is only opened to ask with a text.

        lexical is the share of the words in a score and how many candidates are scored; empty if none.
        """
        self._folder = folder
        self._encoder = encoder
        self._index_facts = index_facts
        self._lexical = lexical
        uri = f"{(folder / 'items.db').absolute().as_uri()}?mode=ro&immutable=1"
        self._db = sqlite3.connect(uri, uri=True)

    def similar(self, article_id: str, n: int, filters: Filters = Filters()) -> list[Hit]:
        """Return the n articles most similar to one, best first, ties in order of id.

        They come from the release's table; with filters, or beyond the table's length, from a search
        among all that pass, so that a filter never shortens the answer. UnknownIdError.
        """
        row = self._row("articles", article_id)
        (stored,) = self._db.execute("SELECT similar_articles FROM facts").fetchone()
        if n > stored or filters:
            asked = self._vectors()[row], (self._terms()[row] if self._lexical else None)
            return self._hits(*self._nearest(*asked, n, filters, excluded=row))
        found = self._db.execute(
            "SELECT other, score FROM similar_articles WHERE row = ? AND rank <= ? ORDER BY rank", (row, n)
        ).fetchall()
        return self._hits([other for other, _ in found], [score for _, score in found])

    def similar_to_text(self, text: str, n: int, filters: Filters = Filters()) -> list[Hit]:
        """Return the n articles most similar to a text, best first, ties in order of id."""
        from simrec.articles.cleaning import clean_text
        from simrec.encoder.runtime import Encoder

        try:
            cleaned = clean_text(text)
        except ValueError as error:
            raise UsageError(f"the text is {error}") from error
        if not cleaned:
            raise UsageError("the text is empty: there is nothing to be similar to")
        vector = Encoder(self._encoder).encode([cleaned])[0]
        if not self._lexical:
            return self._hits(*self._nearest(vector, None, n, filters))
        from simrec.encoder.lexical import Lexical

        terms = Lexical.open(self._folder / "lexical.npz").terms([cleaned])[0]
        return self._hits(*self._nearest(vector, terms, n, filters))

    def accounts(self, account: str, n: int) -> list[AccountHit]:
        """Return the n accounts most similar to one, best first. UnknownIdError."""
        found = self._db.execute(
            "SELECT a.id, s.score, a.articles, a.first, a.last FROM similar_accounts s JOIN accounts a "
            "ON a.row = s.other WHERE s.row = ? AND s.rank <= ? ORDER BY s.rank",
            (self._row("accounts", account), n),
        )
        return [AccountHit(*row) for row in found]

    def largest_accounts(self, n: int) -> list[Account]:
        """Return the n accounts with most articles, ties in order of id."""
        query = "SELECT id, articles, first, last FROM accounts ORDER BY articles DESC, id LIMIT ?"
        rows = self._db.execute(query, (n,))
        return [Account(*row) for row in rows]

    def show(self, article_id: str) -> dict[str, Any]:
        """Return what the release knows of an article. UnknownIdError."""
        row = self._row("articles", article_id)
        values = self._db.execute(f"SELECT {COLUMNS} FROM articles WHERE row = ?", (row,)).fetchone()
        return dict(zip(COLUMNS.split(", "), values, strict=True))

    def _row(self, table: str, identity: str) -> int:
        found = self._db.execute(f"SELECT row FROM {table} WHERE id = ?", (identity,)).fetchone()
        if not found:
            near = self._near(table, identity)
            hint = f"; the nearest are {', '.join(map(repr, near))}" if near else ""
            raise UnknownIdError(f"no {table[:-1]} '{identity}' in the current release{hint}")
        return int(found[0])

    def _near(self, table: str, identity: str) -> list[str]:
        """Look among the ids that stand beside the unknown one in order: cheap for any number of articles."""
        after = f"SELECT id FROM {table} WHERE id >= ? ORDER BY id LIMIT 50"
        before = f"SELECT id FROM {table} WHERE id < ? ORDER BY id DESC LIMIT 50"
        beside = [row[0] for query in (before, after) for row in self._db.execute(query, (identity,))]
        return difflib.get_close_matches(identity, beside, n=3)

    def _vectors(self) -> "np.ndarray":
        import numpy as np

        vectors: np.ndarray = np.load(self._folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        return vectors

    def _terms(self) -> "np.ndarray":
        import numpy as np

        terms: np.ndarray = np.load(self._folder / "terms.npy", mmap_mode="r", allow_pickle=False)
        return terms

    def _nearest(
        self, vector: "np.ndarray", terms: "np.ndarray | None", n: int, filters: Filters, excluded: int = -1
    ) -> tuple[list[int], list[float]]:
        """Search those that pass the filters, and rank the candidates by words as well where there are terms."""
        if terms is None:
            return self._candidates(vector, n, filters, excluded)
        import numpy as np

        from simrec.encoder.lexical import Terms
        from simrec.index import ranked

        found, cosines = self._candidates(vector, max(n, self._lexical["candidates"]), filters, excluded)
        rows = np.array(found, np.int64)
        scores = Terms().joint(np.array(cosines, np.float32), terms, self._terms()[rows], self._lexical["weight"])
        return _unpacked(np.sort(ranked.pack(scores, rows))[:n])

    def _candidates(
        self, vector: "np.ndarray", n: int, filters: Filters, excluded: int
    ) -> tuple[list[int], list[float]]:
        """Return the nearest rows and their cosines: of few rows all are looked at, of more the index is asked."""
        import numpy as np

        from simrec.index.exact import nearest
        from simrec.index.vectors import unit

        if not filters and self._index_facts["kind"] != "exact":
            found, cosines = _unpacked(self._index().search(unit(vector)[None], n + 1)[0])
            kept = [place for place, row in enumerate(found) if row != excluded][:n]
            return [found[place] for place in kept], [cosines[place] for place in kept]
        condition, values = filters.where()
        query = f"SELECT row FROM articles WHERE {condition}"
        asked: list[tuple[str, ...]] = [()]
        if filters.among is not None:
            query, asked = f"{query} AND id = ?", [(one,) for one in filters.among]
        passing = (row for one in asked for (row,) in self._db.execute(query, (*values, *one)))
        rows = np.array(sorted(row for row in passing if row != excluded), dtype=np.int64)
        if self._index_facts["kind"] == "exact" or len(rows) <= FEW:
            return nearest(vector, self._vectors(), rows, n)
        return _unpacked(self._index().search_among(vector, rows, n))

    def _index(self) -> "Index":
        from simrec.index.search import Index

        return Index.open(self._folder / "index.faiss", self._index_facts, self._vectors())

    def _hits(self, rows: list[int], scores: list[float]) -> list[Hit]:
        query = f"SELECT {COLUMNS} FROM articles WHERE row = ?"
        hits = []
        for row, score in zip(rows, scores, strict=True):
            identity, *rest, _ = self._db.execute(query, (row,)).fetchone()
            hits.append(Hit(identity, round(score, 6), *rest))
        return hits


def _unpacked(packed: "np.ndarray") -> tuple[list[int], list[float]]:
    from simrec.index import ranked

    packed = packed[packed != ranked.NONE]
    return ranked.rows_of(packed).tolist(), ranked.cosines_of(packed).tolist()
