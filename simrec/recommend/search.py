"""Questions that no table answers: several seeds, texts, filters; each a search, and the same rules."""

import sqlite3
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simrec.arrays import open_npy
from simrec.config import RulesConfig
from simrec.index import packing
from simrec.index.exact import nearest
from simrec.index.vector_index import Index
from simrec.index.vectors import unit
from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf
from simrec.manifest import Manifest
from simrec.recommend.hits import Filters
from simrec.recommend.rules import NO_GROUP, Candidates, RecencyDecay, apply_rules, mmr
from simrec.release_folder import ReleaseFolder

FEW = 10_000  # rows that are looked through without opening FAISS


@dataclass(frozen=True)
class SeedQuery:
    """What is asked with: vectors [seeds, dim], terms [seeds, TERMS] or None, and weights [seeds].

    A candidate's score is the weighted mean of its scores to the seeds, the weights of those that it
    should not be like being negative (Rocchio 1971). With `max_over_seeds` it is that to the seed it is nearest
    to, and the weight of that seed ages it: a reader has several interests, and between them is none.
    """

    vectors: np.ndarray
    terms: np.ndarray | None
    weights: np.ndarray
    max_over_seeds: bool = False

    def queries(self) -> np.ndarray:
        """Return the vectors to search with [queries, dim]."""
        return self.vectors if self.max_over_seeds else (self.weights @ self.vectors)[None]

    def combined(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return, of scores [seeds, candidates], each candidate's score, its weight and the seed it is nearest to."""
        best = (self.weights[:, None] * scores).argmax(axis=0)
        if self.max_over_seeds:
            return scores[best, np.arange(len(best))], self.weights[best], best
        means = self.weights @ scores / self.weights[self.weights > 0].sum()
        return means, np.ones(len(best)), best


class ScoredRow(NamedTuple):
    """A row with its score, its place by score alone from 1, and the seed that it is nearest to."""

    row: int
    score: float
    place: int
    seed: int


class Search:
    """Searches one release; manifest are the facts of its index, words and rules."""

    def __init__(self, folder: ReleaseFolder, db: sqlite3.Connection, manifest: Manifest) -> None:
        self._db, self._folder = db, folder
        self._index_facts, self._lexical = manifest.index, manifest.lexical
        known = dict(manifest.rules)
        self._ages = RecencyDecay(known.pop("newest"), known.pop("undated_days"))
        self.rules = RulesConfig(**known)
        self.no_rules = RulesConfig(collapse_duplicates=False, max_exposure=0)
        self._vectors = open_npy(folder.vectors)
        self._terms = open_npy(folder.terms) if self._lexical else None
        self._accounts: dict[str, int] = {}

    def from_rows(
        self, rows: list[int], weights: list[float], max_over_seeds: bool = False
    ) -> SeedQuery:
        """Ask with articles of the release."""
        terms = None if self._terms is None else self._terms[rows]
        return SeedQuery(
            unit(self._vectors[rows]), terms, np.array(weights, np.float32), max_over_seeds
        )

    def terms(self, texts: list[str]) -> np.ndarray | None:
        """Return the terms of texts as those of the release are, None where words have no share."""
        return TfIdf.open(self._folder.tfidf).encode(texts) if self._lexical else None

    def answer(
        self, asked: SeedQuery, n: int, filters: Filters, without: set[int], rules: RulesConfig
    ) -> list[ScoredRow]:
        """Return the n best rows by the rules, none of those that it is to be without.

        Where rules take many places it looks deeper, so that there are n if so many pass the filters.
        """
        looked = max(n, (self._lexical.candidates if self._lexical else 0)) + len(without)
        while True:
            rows, all_of_them = self._candidates(asked, looked, filters)
            found = self._ruled(asked, rows[~np.isin(rows, sorted(without))], n, without, rules)
            if all_of_them or len(found) >= n:
                return found[:n]
            looked *= 4

    def _candidates(self, asked: SeedQuery, n: int, filters: Filters) -> tuple[np.ndarray, bool]:
        """Return the rows nearest to any query, ascending, and whether no more pass the filters.

        Of few rows all are looked at, of more the index is asked.
        """
        queries, exact = asked.queries(), self._index_facts.kind == "exact"
        if not filters and not exact:
            packed, passing = self._index().search(unit(queries), n), self._index_facts.rows
        else:
            rows = self._passing(filters)
            passing = len(rows)
            if exact or passing <= FEW:
                packed = nearest(queries, self._vectors, rows, n)
            else:
                index = self._index()
                packed = np.concatenate(
                    [index.search_filtered(query, rows, n) for query in queries]
                )
        found = np.unique(packing.rows_of(packed))
        return found[found >= 0], n >= passing

    def _passing(self, filters: Filters) -> np.ndarray:
        condition, values = filters.where()
        query = f"SELECT row FROM articles WHERE {condition}"
        asked: list[tuple[str, ...]] = [()]
        if filters.among is not None:
            query, asked = f"{query} AND id = ?", [(one,) for one in filters.among]
        return np.array(
            sorted(row for one in asked for (row,) in self._db.execute(query, (*values, *one))),
            np.int64,
        )

    def _ruled(
        self, asked: SeedQuery, rows: np.ndarray, n: int, without: set[int], rules: RulesConfig
    ) -> list[ScoredRow]:
        """Score rows and apply the rules; where one article asks, its account is its own."""
        if not len(rows):
            return []
        scores, weights, seeds = asked.combined(self._scores(asked, rows))
        scores = scores.round(packing.DECIMALS)
        order = np.lexsort((rows, -scores * weights))
        seed_of = dict(zip(rows.tolist(), seeds.tolist(), strict=True))
        stories, accounts, published = self._known(rows[order])
        own_stories, own_accounts, _ = self._known(np.array(sorted(without), np.int64))
        told = np.isin(stories, own_stories[own_stories != NO_GROUP]) & rules.collapse_duplicates
        fresh = self._ages.freshness(published, rules.freshness_half_life) * weights[order]
        columns = rows[order], scores[order], fresh, stories, accounts, np.arange(1, len(rows) + 1)
        found = Candidates(*(column[~told][None] for column in columns))
        own_account = own_accounts if len(own_accounts) == 1 else np.array([NO_GROUP])
        found = apply_rules(found, np.array([NO_GROUP]), own_account, max(n, len(rows)), rules)
        found = found.taken(np.flatnonzero(found.rows[0] >= 0)[None])
        if rules.diversity:
            found = found.taken(np.arange(min(2 * n, found.rows.shape[1]))[None])
            found = mmr(found, unit(self._vectors[found.rows[0]])[None], rules.diversity)
        answers = zip(
            found.rows[0].tolist(), found.scores[0].tolist(), found.places[0].tolist(), strict=True
        )
        return [ScoredRow(row, score, place, seed_of[row]) for row, score, place in answers]

    def _scores(self, asked: SeedQuery, rows: np.ndarray) -> np.ndarray:
        """Return the joint scores of rows to every seed [seeds, rows]."""
        vectors = unit(self._vectors[rows])
        cosines = np.stack([vectors @ vector for vector in asked.vectors]).round(packing.DECIMALS)
        if asked.terms is None or self._terms is None or self._lexical is None:
            clipped: np.ndarray = np.clip(cosines, -1, 1)
            return clipped
        compare, all_rows = (
            TermVectors(self._terms[rows]),
            np.broadcast_to(np.arange(len(rows)), cosines.shape),
        )
        return compare.hybrid_scores(cosines, asked.terms, all_rows, self._lexical.weight)

    def _known(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str | None]]:
        """Return the stories, the accounts as numbers, and the dates of rows."""
        query = "SELECT original, account, published_at FROM articles WHERE row = ?"
        found = [self._db.execute(query, (row,)).fetchone() for row in rows.tolist()]
        stories = np.array(
            [NO_GROUP if original is None else original for original, _, _ in found], np.int64
        )
        accounts = np.array([self._account(account) for _, account, _ in found], np.int64)
        return stories, accounts, [published for _, _, published in found]

    def _account(self, account: str | None) -> int:
        return (
            NO_GROUP if account is None else self._accounts.setdefault(account, len(self._accounts))
        )

    def _index(self) -> Index:
        return Index.open(self._folder.index, self._index_facts, self._vectors)
