"""Questions that no table answers: several seeds, texts, filters; each a search, and the same rules."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from simrec.arrays import open_npy
from simrec.config import RulesConfig
from simrec.index.exact import nearest
from simrec.index.neighbours import DECIMALS
from simrec.index.vector_index import VectorIndex
from simrec.index.vectors import unit
from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf
from simrec.manifest import Manifest
from simrec.recommend.candidates import NO_GROUP, Candidates, RowAttributes, days_of, group_numbers
from simrec.recommend.hits import Filters
from simrec.recommend.rules import RecencyDecay, Rule, apply_rules, rules_of
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
        decay = RecencyDecay(known.pop("newest"), known.pop("undated_days"))
        self.rules = rules_of(RulesConfig(**known), decay)
        self._vectors = open_npy(folder.vectors)
        self._terms = open_npy(folder.terms) if self._lexical else None

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
        self, asked: SeedQuery, n: int, filters: Filters, without: set[int], rules: Sequence[Rule]
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
            near, passing = self._index().search(unit(queries), n).rows, self._index_facts.rows
        else:
            rows = self._passing(filters)
            passing = len(rows)
            if exact or passing <= FEW:
                near = nearest(queries, self._vectors, rows, n).rows
            else:
                index = self._index()
                near = np.concatenate(
                    [index.search_filtered(query, rows, n).rows for query in queries]
                )
        found = np.unique(near)
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
        self, asked: SeedQuery, rows: np.ndarray, n: int, without: set[int], rules: Sequence[Rule]
    ) -> list[ScoredRow]:
        """Score rows and apply the rules."""
        if not len(rows):
            return []
        scores, weights, seeds = asked.combined(self._scores(asked, rows))
        scores = scores.round(DECIMALS)
        order = np.lexsort((rows, -scores * weights))
        seed_rows = np.array(sorted(without), np.int64)
        attributes = self._attributes(np.concatenate([rows[order], seed_rows]))
        of_candidates = attributes.at(np.arange(len(rows))[None])
        of_seeds = attributes.at(np.arange(len(rows), len(rows) + len(seed_rows))[None])
        candidates = Candidates.of(rows[order][None], scores[order][None], of_candidates)
        candidates = replace(candidates, weights=weights[order][None])
        # Only the first n are wanted, but diversity chooses them out of twice as many.
        listed = apply_rules(rules, candidates, of_seeds, 2 * n, self._vectors_of)
        listed = listed.first(int(listed.is_there.sum()))
        seed_of = dict(zip(rows.tolist(), seeds.tolist(), strict=True))
        answers = zip(
            listed.rows[0].tolist(),
            listed.scores[0].tolist(),
            listed.score_ranks[0].tolist(),
            strict=True,
        )
        return [ScoredRow(row, score, rank, seed_of[row]) for row, score, rank in answers]

    def _vectors_of(self, rows: np.ndarray) -> np.ndarray:
        return unit(self._vectors[rows.ravel()]).reshape(*rows.shape, -1)

    def _scores(self, asked: SeedQuery, rows: np.ndarray) -> np.ndarray:
        """Return the joint scores of rows to every seed [seeds, rows]."""
        vectors = unit(self._vectors[rows])
        cosines = np.stack([vectors @ vector for vector in asked.vectors]).round(DECIMALS)
        if asked.terms is None or self._terms is None or self._lexical is None:
            clipped: np.ndarray = np.clip(cosines, -1, 1)
            return clipped
        compare, all_rows = (
            TermVectors(self._terms[rows]),
            np.broadcast_to(np.arange(len(rows)), cosines.shape),
        )
        return compare.hybrid_scores(cosines, asked.terms, all_rows, self._lexical.weight)

    def _attributes(self, rows: np.ndarray) -> RowAttributes:
        """Return what the rules know of rows."""
        query = "SELECT original, account, category, published_at FROM articles WHERE row = ?"
        known = [self._db.execute(query, (row,)).fetchone() for row in rows.tolist()]
        originals = [NO_GROUP if original is None else original for original, _, _, _ in known]
        return RowAttributes(
            np.array(originals, np.int64),
            group_numbers([account for _, account, _, _ in known]),
            group_numbers([category for _, _, category, _ in known]),
            days_of([published_at for _, _, _, published_at in known]),
        )

    def _index(self) -> VectorIndex:
        return VectorIndex.open(self._folder.index, self._index_facts, self._vectors)
