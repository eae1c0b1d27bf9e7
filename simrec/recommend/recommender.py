"""The recommender: answers from a release's files, opening only what a question needs."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simrec.articles.article import Account
from simrec.articles.store_schema import COLUMNS
from simrec.errors import ReleaseError, UnknownIdError, UsageError
from simrec.manifest import Manifest
from simrec.recommend.hits import (
    NO_FILTERS,
    AccountHit,
    Evidence,
    Filters,
    Hit,
)
from simrec.recommend.tables.schema import VERSION, WORD_BITS
from simrec.release_folder import ReleaseFolder

if TYPE_CHECKING:
    from simrec.recommend.search import Search, SeedQuery

REMEMBERED = 50  # articles of a history, or of an account, that are asked with
FORGETS = 10  # articles later, an article of a history counts half
TOLD_BY = 3  # articles of an account say whether it writes about a text


class Recommender:
    """Similar articles and accounts of one release; never locks, never writes."""

    def __init__(self, folder: ReleaseFolder, encoder: Path, manifest: Manifest) -> None:
        """Open a release's folder; the encoder's folder is only opened to ask with a text.

        manifest holds the facts of its index, words and rules.
        """
        self._folder = folder
        self._encoder = encoder
        self._manifest = manifest
        self._db = folder.open_tables()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            raise ReleaseError(
                f"{folder}: its tables are of another simrec; the next nightly run makes new ones"
            )

    def similar(
        self, article_id: str, n: int, filters: Filters = NO_FILTERS, ruled: bool = True
    ) -> list[Hit]:
        """Return the n articles most similar to one, best first, ties in order of id.

        They come from the release's table; with filters, without rules, or beyond the table's length,
        from a search among all that pass, so that a filter never shortens the answer. UnknownIdError.
        """
        row = self._row("articles", article_id)
        (stored,) = self._db.execute("SELECT similar_articles FROM facts").fetchone()
        if n > stored or filters or not ruled:
            return self._answer(
                self._questions.from_rows([row], [1.0]), [article_id], n, filters, {row}, ruled
            )
        found = self._db.execute(
            "SELECT similar, score, score_rank, words FROM similar_articles "
            "WHERE article = ? AND rank <= ? ORDER BY rank",
            (row, n),
        )
        return [
            self._hit(other, score, place, self._words(words))
            for other, score, place, words in found.fetchall()
        ]

    def similar_to_all(
        self,
        ids: Sequence[str],
        less_like: Sequence[str],
        n: int,
        filters: Filters = NO_FILTERS,
        ruled: bool = True,
    ) -> list[Hit]:
        """Return the n articles most similar to all of some and least to others; none of these. UnknownIdError."""
        likes, dislikes = (
            [self._row("articles", one) for one in some] for some in (ids, less_like)
        )
        weights = [*[1 / len(likes)] * len(likes), *[-0.5 / max(1, len(dislikes))] * len(dislikes)]
        asked = self._questions.from_rows([*likes, *dislikes], weights)
        return self._answer(asked, [*ids, *less_like], n, filters, {*likes, *dislikes}, ruled)

    def next_to_read(
        self, history: Sequence[str], n: int, filters: Filters = NO_FILTERS, ruled: bool = True
    ) -> list[Hit]:
        """Return the n articles nearest to something in a history, which is in order of reading, oldest first.

        Each is as near as to the nearest of the last REMEMBERED articles, and these count half for every
        FORGETS that came after them. Nothing of the history is among them; ids that the release does not
        hold any more are passed over. UnknownIdError if it holds none.
        """
        known = {
            one: row
            for one in dict.fromkeys(history)
            if (row := self._find("articles", one)) is not None
        }
        if not known:
            raise UnknownIdError(
                f"none of the {len(history):,} articles of the history is in the current release"
            )
        recent = list(dict.fromkeys(one for one in reversed(history) if one in known))[:REMEMBERED]
        weights = [0.5 ** (ago / FORGETS) for ago in range(len(recent))]
        asked = self._questions.from_rows(
            [known[one] for one in recent], weights, max_over_seeds=True
        )
        return self._answer(asked, recent, n, filters, set(known.values()), ruled)

    def for_followers(
        self, account: str, n: int, filters: Filters = NO_FILTERS, ruled: bool = True
    ) -> list[Hit]:
        """Return the n articles of others nearest to something an account published last. UnknownIdError."""
        self._row("accounts", account)
        query = (
            "SELECT row, id FROM articles WHERE account = ? ORDER BY published_at DESC, row DESC"
        )
        own = self._db.execute(query, (account,)).fetchall()
        recent = own[:REMEMBERED]
        asked = self._questions.from_rows(
            [row for row, _ in recent], [1.0] * len(recent), max_over_seeds=True
        )
        return self._answer(
            asked, [one for _, one in recent], n, filters, {row for row, _ in own}, ruled
        )

    def similar_to_text(
        self, text: str, n: int, filters: Filters = NO_FILTERS, ruled: bool = True
    ) -> list[Hit]:
        """Return the n articles most similar to a text, best first, ties in order of id."""
        return self._answer(self._asked_with(text), [], n, filters, set(), ruled)

    def accounts(self, account: str, n: int) -> list[AccountHit]:
        """Return the n accounts most similar to one, best first, with the articles that say so. UnknownIdError."""
        row = self._row("accounts", account)
        found = self._db.execute(
            "SELECT a.row, a.id, s.score, a.articles, a.first, a.last, min(own.articles, a.articles) < min_articles "
            "FROM similar_accounts s JOIN accounts a ON a.row = s.similar "
            "JOIN accounts own ON own.row = s.account, facts "
            "WHERE s.account = ? AND s.rank <= ? ORDER BY s.rank",
            (row, n),
        ).fetchall()
        return [
            AccountHit(one, score, articles, first, last, bool(few), self._evidence(row, other))
            for other, one, score, articles, first, last, few in found
        ]

    def accounts_on(self, text: str, n: int) -> list[AccountHit]:
        """Return the n accounts that write about a text: by the mean score of their TOLD_BY nearest articles.

        An account with fewer near articles is taken to have others that are nothing like it (the sum over
        articles of Balog, Azzopardi & de Rijke 2006).
        """
        hits = self.similar_to_text(text, 10 * n + REMEMBERED, ruled=False)
        of_account: dict[str, list[Hit]] = {}
        for hit in hits:
            if hit.account is not None and len(of_account.setdefault(hit.account, [])) < TOLD_BY:
                of_account[hit.account].append(hit)
        scores = {
            account: sum(hit.score for hit in told) / TOLD_BY
            for account, told in of_account.items()
        }
        best = sorted(scores, key=lambda account: (-scores[account], account))[:n]
        return [self._account(account, scores[account], of_account[account]) for account in best]

    def largest_accounts(self, n: int) -> list[Account]:
        """Return the n accounts with most articles, ties in order of id."""
        query = "SELECT id, articles, first, last FROM accounts ORDER BY articles DESC, id LIMIT ?"
        rows = self._db.execute(query, (n,))
        return [Account(*row) for row in rows]

    def show(self, article_id: str) -> dict[str, Any]:
        """Return what the release knows of an article, and its near-duplicates. UnknownIdError."""
        row = self._row("articles", article_id)
        values = self._db.execute(
            f"SELECT {COLUMNS} FROM articles WHERE row = ?", (row,)
        ).fetchone()
        query = (
            "SELECT b.id FROM articles a JOIN articles b ON b.original = a.original "
            "WHERE a.row = ? AND b.row <> a.row ORDER BY b.row"
        )
        duplicates = ", ".join(one for (one,) in self._db.execute(query, (row,)))
        return {**dict(zip(COLUMNS.split(", "), values, strict=True)), "duplicates": duplicates}

    def explained(
        self, hits: Sequence[Hit], question: str, text_of: Callable[[str], str]
    ) -> list[Hit]:
        """Return hits with what they share with the question, an article's id or, where that is none, a text.

        text_of gives the text of an article, empty if it is gone.
        """
        from simrec.recommend.explain import Explainer, notes

        lexical = self._manifest.lexical
        words = self._folder.tfidf if lexical else None
        explainer = Explainer(self._encoder, words, lexical.weight if lexical else 0)
        explained = []
        for rank, hit in enumerate(hits, start=1):
            seed = hit.seed_id or question
            known = self.show(seed) if self._find("articles", seed) is not None else None
            why = explainer.why(text_of(seed) if known else question, text_of(hit.id))
            explained.append(replace(hit, why=replace(why, notes=notes(hit, rank, known))))
        return explained

    @cached_property
    def _questions(self) -> "Search":
        from simrec.recommend.search import Search

        return Search(self._folder, self._db, self._manifest)

    def _answer(
        self,
        asked: "SeedQuery",
        seeds: Sequence[str],
        n: int,
        filters: Filters,
        without: Iterable[int],
        ruled: bool,
    ) -> list[Hit]:
        rules = self._questions.rules if ruled else ()
        found = self._questions.answer(asked, n, filters, set(without), rules)
        several = len(seeds) > 1
        return [
            self._hit(one.row, one.score, one.place, seed_id=seeds[one.seed] if several else None)
            for one in found
        ]

    def _asked_with(self, text: str) -> "SeedQuery":
        import numpy as np

        from simrec.articles.cleaning import clean_text
        from simrec.encoder.runtime import Encoder
        from simrec.recommend.search import SeedQuery

        try:
            cleaned = clean_text(text)
        except ValueError as error:
            raise UsageError(f"the text is {error}") from error
        if not cleaned:
            raise UsageError("the text is empty: there is nothing to be similar to")
        vectors = Encoder(self._encoder).encode([cleaned])
        return SeedQuery(vectors, self._questions.terms([cleaned]), np.ones(1, np.float32))

    def _find(self, table: str, identity: str) -> int | None:
        found = self._db.execute(f"SELECT row FROM {table} WHERE id = ?", (identity,)).fetchone()
        return int(found[0]) if found else None

    def _row(self, table: str, identity: str) -> int:
        row = self._find(table, identity)
        if row is None:
            near = self._near(table, identity)
            hint = f"; the nearest are {', '.join(map(repr, near))}" if near else ""
            raise UnknownIdError(f"no {table[:-1]} '{identity}' in the current release{hint}")
        return row

    def _near(self, table: str, identity: str) -> list[str]:
        """Look among the ids that stand beside the unknown one in order: cheap for any number of articles."""
        after = f"SELECT id FROM {table} WHERE id >= ? ORDER BY id LIMIT 50"
        before = f"SELECT id FROM {table} WHERE id < ? ORDER BY id DESC LIMIT 50"
        beside = [
            row[0] for query in (before, after) for row in self._db.execute(query, (identity,))
        ]
        return difflib.get_close_matches(identity, beside, n=3)

    def _hit(
        self,
        row: int,
        score: float,
        place: int = 0,
        words: Sequence[str] = (),
        seed_id: str | None = None,
    ) -> Hit:
        query = f"SELECT {COLUMNS} FROM articles WHERE row = ?"
        known = dict(
            zip(COLUMNS.split(", "), self._db.execute(query, (row,)).fetchone(), strict=True)
        )
        del known["tags"]
        return Hit(**known, score=round(score, 6), place=place, words=list(words), seed_id=seed_id)

    def _words(self, packed: int) -> list[str]:
        """Return the words behind a number of the table, heaviest first."""
        mask = (1 << WORD_BITS) - 1
        numbers = (packed >> shift & mask for shift in range(0, 63, WORD_BITS))
        query = "SELECT word FROM words WHERE number = ?"
        return [self._db.execute(query, (number,)).fetchone()[0] for number in numbers if number]

    def _evidence(self, account: int, similar: int) -> list[Evidence]:
        found = self._db.execute(
            "SELECT a.id, b.id, e.score FROM account_evidence e JOIN articles a ON a.row = e.article "
            "JOIN articles b ON b.row = e.similar_article WHERE e.account = ? AND e.similar = ? ORDER BY e.rank",
            (account, similar),
        )
        return [Evidence(*row) for row in found]

    def _account(self, account: str, score: float, told: Sequence[Hit]) -> AccountHit:
        query = "SELECT articles, first, last, articles < min_articles FROM accounts, facts WHERE id = ?"
        articles, first, last, few = self._db.execute(query, (account,)).fetchone()
        found = [Evidence("", hit.id, hit.score) for hit in told]
        return AccountHit(account, round(score, 6), articles, first, last, bool(few), found)
