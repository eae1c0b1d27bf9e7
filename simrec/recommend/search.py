"""Searches a release for what no table answers: several seeds, texts, filters."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Rows, Scores, open_npy
from simrec.index.exact import exact_cosines, nearest
from simrec.index.neighbours import DECIMALS, rounded
from simrec.index.postings import WordSearch
from simrec.index.vector_index import VectorIndex
from simrec.index.vectors import UnitVectors, Vectors, unit, unit_rows
from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf
from simrec.manifest import Manifest
from simrec.recommend.candidates import Candidates, RowAttributes
from simrec.recommend.clicks import Clicks
from simrec.recommend.editors_file import EditorsFile
from simrec.recommend.lazy import Lazy
from simrec.recommend.pins import with_pins
from simrec.recommend.query import Filters
from simrec.recommend.row_attributes import attribute_table, find_recommendable, originals_of
from simrec.recommend.rules.editors import find_choices
from simrec.recommend.rules.floor import MinScore
from simrec.recommend.rules.published_rules import PublishedRules, fields_of
from simrec.recommend.rules.recommendable import Conditions
from simrec.recommend.rules.rule import Rule, apply_rules
from simrec.recommend.seeds import Seeds
from simrec.recommend.table_reader import TableReader
from simrec.release_folder import ReleaseFolder

SCAN_ROWS = 10_000  # filtered rows that are compared without opening the index
MEMORY_BYTES = 256 << 20  # of unit vectors that are kept in memory: 262,144 rows of 256 dimensions
MANY_EXCLUDED = 500  # rows that the search leaves out, instead of looking past them
DEEPER = 4  # times as many candidates are searched where the rules left too few


class Layer(NamedTuple):
    """Texts as unit vectors [texts, dim], and packed terms [texts, terms] where words count."""

    vectors: UnitVectors
    terms: NDArray[np.uint32] | None


@dataclass(frozen=True)
class SeedVectors:
    """Seeds as they are and smoothed, what each weighs [seeds], and their rows, None of a text.

    A text that is no article has no neighbours yet: it is compared as it is with both.
    A candidate's score is the weighted mean of its scores to the seeds; negative weights are of
    seeds that it should not be like (Rocchio 1971). With `max_over_seeds` its score is that to one
    seed, the one whose weighted score is highest, because between several interests there is
    nothing.
    """

    raw: Layer
    smoothed: Layer | None
    weights: Scores
    max_over_seeds: bool = False
    rows: Rows | None = None

    def queries(self) -> Vectors:
        """Return the vectors to search with [queries, dim], of any length."""
        if self.max_over_seeds:
            return self.raw.vectors
        mean: Vectors = (self.weights @ self.raw.vectors)[None]
        return mean

    def liked_terms(self) -> NDArray[np.uint32]:
        """Return the terms [seeds, terms] of those seeds that candidates are to be like."""
        if self.raw.terms is None:
            return np.empty((0, 0), np.uint32)
        return self.raw.terms[self.weights > 0]

    def combined(
        self, scores: Scores
    ) -> tuple[Scores, NDArray[np.floating[Any]], NDArray[np.intp]]:
        """Return of each candidate its score, the weight of that, and the seed it is nearest to.

        scores are those to every seed [seeds, candidates].
        """
        nearest_seed = (self.weights[:, None] * scores).argmax(axis=0)
        if self.max_over_seeds:
            of_nearest = scores[nearest_seed, np.arange(len(nearest_seed))]
            return of_nearest, self.weights[nearest_seed], nearest_seed
        means = self.weights @ scores / self.weights[self.weights > 0].sum()
        return means, np.ones(len(nearest_seed)), nearest_seed


class ScoredRow(NamedTuple):
    """A row with its score, its rank by score alone from 1, and the seed that it is nearest to."""

    row: int
    score: float
    score_rank: int
    seed: int


class Search:
    """Searches the vectors and terms of one release. Any number of threads may use it at once."""

    def __init__(
        self,
        folder: ReleaseFolder,
        tables: TableReader,
        manifest: Manifest,
    ) -> None:
        """Map the vectors and terms of a release."""
        self._tables = tables
        self._index_facts = manifest.index
        self._lexical = manifest.lexical
        published_rules = PublishedRules.from_json(manifest.rules)
        entries = EditorsFile.of_release(folder).entries
        self._choices, _ = find_choices(entries, "article", tables.find_article)
        self.rules = published_rules.rules(self._choices)
        self._fields = fields_of(self.rules)
        self._conditions = Conditions(published_rules.not_recommendable)
        self._vectors: Vectors = open_npy(folder.vectors)
        self._terms = open_npy(folder.terms) if self._lexical else None
        self._smoothing = manifest.smoothing
        self._smoothed_vectors: Vectors | None = None
        self._smoothed_terms: NDArray[np.uint32] | None = None
        if manifest.smoothing:
            self._smoothed_vectors = open_npy(folder.smoothed_vectors)
            self._smoothed_terms = open_npy(folder.smoothed_terms) if self._lexical else None
        self._clicks = Clicks.open(folder)
        self._words = Lazy(lambda: WordSearch(folder, TfIdf.open(folder.tfidf)))
        self._index_path = folder.index
        self._index = Lazy(self._open_index)

    def open_all(self) -> None:
        """Open whatever a search may need."""
        self._index.get()
        if self._lexical:
            self._words.get()

    def vectors_of_rows(self, seeds: Seeds) -> SeedVectors:
        """Return the vectors and terms of articles as seeds."""
        rows = np.array(seeds.rows)
        weights = np.array(seeds.weights, np.float32)
        raw = self._raw(rows)
        return SeedVectors(raw, self._smoothed(rows), weights, seeds.max_over_seeds, rows)

    def vectors_of_text(
        self, vectors: UnitVectors, terms: NDArray[np.uint32] | None
    ) -> SeedVectors:
        """Return the one seed that a text is, from its vector [1, dim] and its terms [1, terms]."""
        layer = Layer(vectors, terms)
        return SeedVectors(layer, layer, np.ones(1, np.float32))

    def _raw(self, rows: Rows) -> Layer:
        terms = None if self._terms is None else self._terms[rows]
        return Layer(self._unit_vectors(rows), terms)

    def _smoothed(self, rows: Rows) -> Layer | None:
        if self._smoothed_vectors is None:
            return None
        terms = None if self._smoothed_terms is None else self._smoothed_terms[rows]
        return Layer(unit_rows(self._smoothed_vectors[rows]), terms)

    def search(
        self,
        seeds: SeedVectors,
        n: int,
        filters: Filters,
        excluded_rows: Collection[int],
        rules: Sequence[Rule],
    ) -> list[ScoredRow]:
        """Return the n best rows that pass the filters, by the rules, none of those excluded.

        Where the rules leave fewer than n, more candidates are searched, until there are n or no
        more that pass, or, where scores have a floor, until a search adds none.
        """
        excluded = np.array(sorted(excluded_rows), np.int64)
        candidates_scored = self._lexical.candidates if self._lexical else 0
        depth = max(n, candidates_scored)
        passing = self._passing(filters)
        if len(excluded) > MANY_EXCLUDED:
            everything = np.arange(self._index_facts.rows) if passing is None else passing
            passing = np.setdiff1d(everything, excluded)
        else:
            depth += len(excluded)
        has_floor = any(isinstance(rule, MinScore) for rule in rules)
        n_before = -1
        while True:
            candidates, are_all = self._candidates(seeds, depth, passing)
            candidates = candidates[~np.isin(candidates, excluded)]
            rows = self._ranked(seeds, candidates, excluded, n, rules)
            if are_all or len(rows) >= n:
                return rows[:n]
            if has_floor and len(rows) == n_before:
                return rows  # what lies deeper scores less
            n_before = len(rows)
            depth *= DEEPER

    def with_pins(
        self,
        article: int,
        seeds: SeedVectors,
        hits: list[ScoredRow],
        n: int,
        filters: Filters,
    ) -> list[ScoredRow]:
        """Return the hits of one article with what editors pinned under it, if it passes filters.

        The rank by score of what was no hit is 0.
        """
        pins = self._choices.pins_under(article)
        if pins and filters:
            passing = set(self._tables.passing_rows(filters))
            pins = [pin for pin in pins if pin.row in passing]
        if not pins:
            return hits
        scores = self._scores(seeds, np.array([pin.row for pin in pins]))[0]
        rank_of = {hit.row: hit.score_rank for hit in hits}
        pinned = []
        for pin, score in zip(pins, scores.tolist(), strict=True):
            hit = ScoredRow(pin.row, score, rank_of.get(pin.row, 0), 0)
            pinned.append((pin.place, hit))
        pinned_rows = {pin.row for pin in pins}
        others = [hit for hit in hits if hit.row not in pinned_rows]
        return with_pins(others, pinned)[:n]

    def _passing(self, filters: Filters) -> Rows | None:
        """Return the rows that pass filters, ascending, None where all do."""
        if not filters:
            return None
        return np.array(self._tables.passing_rows(filters), np.int64)

    def _candidates(
        self,
        seeds: SeedVectors,
        k: int,
        passing: Rows | None,
    ) -> tuple[Rows, bool]:
        """Return what vectors and words find, k rows each, ascending, and whether no others pass.

        Vectors find the rows nearest to each query, words those most like each seed.
        """
        queries = unit(seeds.queries())
        if passing is None:
            found = self._index.get().search(queries, k).rows
            by_words = self._nearest_by_words(seeds, k, None)
            read_with = self._read_with(seeds)
            return _distinct(found, by_words, read_with), k >= self._index_facts.rows
        if self._index_facts.kind == "exact" or len(passing) <= SCAN_ROWS:
            found = nearest(queries, self._vectors, passing, k).rows
        else:
            index = self._index.get()
            found = np.concatenate(
                [index.search_filtered(query, passing, k).rows for query in queries]
            )
        by_words = self._nearest_by_words(seeds, k, passing)
        read_with = np.intersect1d(self._read_with(seeds), passing)
        return _distinct(found, by_words, read_with), k >= len(passing)

    def were_read_together(self, row: int, other: int) -> bool:
        """Tell whether two articles were read together, and that counts."""
        return self._clicks is not None and other in self._clicks.of_row(row)[0]

    def _read_with(self, seeds: SeedVectors) -> Rows:
        """Return what was read together with seeds that candidates are to be like."""
        if self._clicks is None or seeds.rows is None:
            return np.empty(0, np.int64)
        return self._clicks.partners(seeds.rows[seeds.weights > 0]).ravel()

    def _nearest_by_words(
        self,
        seeds: SeedVectors,
        k: int,
        passing: Rows | None,
    ) -> Rows:
        rows = [np.empty(0, np.int64)]
        for terms in seeds.liked_terms():
            rows.append(self._words.get().nearest(terms, k, passing))
        return np.concatenate(rows)

    def _ranked(
        self,
        seeds: SeedVectors,
        rows: Rows,
        excluded: Rows,
        n: int,
        rules: Sequence[Rule],
    ) -> list[ScoredRow]:
        """Score rows and apply the rules."""
        if not len(rows):
            return []
        scores, weights, nearest_seed = seeds.combined(self._scores(seeds, rows))
        scores = scores.round(DECIMALS)
        order = np.lexsort((rows, -scores * weights))
        rows = rows[order]
        of_candidates, of_seeds = self._attributes(rows, excluded)
        candidates = Candidates.of(rows[None], scores[order][None], of_candidates)
        candidates = replace(candidates, weights=weights[order][None])
        # Only the first n are wanted, but diversity chooses them out of twice as many.
        listed = apply_rules(rules, candidates, of_seeds, 2 * n, self._unit_vectors)
        seed_of = dict(zip(rows.tolist(), nearest_seed[order].tolist(), strict=True))
        return _scored_rows(listed, seed_of)

    def _scores(self, seeds: SeedVectors, rows: Rows) -> Scores:
        """Return the scores of rows to every seed [seeds, rows], to the digits of the tables."""
        scores = self._layer_scores(seeds.raw, self._raw(rows))
        smoothed = self._smoothed(rows)
        if seeds.smoothed and smoothed:
            of_smoothed = self._layer_scores(seeds.smoothed, smoothed)
            scores = (1 - self._smoothing) * scores + self._smoothing * of_smoothed
        if self._clicks and seeds.rows is not None:
            columns = np.broadcast_to(rows, scores.shape)
            scores = self._clicks.blended(scores, seeds.rows, columns)
        return rounded(scores)

    def _layer_scores(self, seeds: Layer, candidates: Layer) -> Scores:
        """Return the hybrid scores of candidates to seeds [seeds, candidates]."""
        shape = (len(seeds.vectors), len(candidates.vectors))
        columns = np.broadcast_to(np.arange(shape[1]), shape)
        cosines = rounded(exact_cosines(seeds.vectors, columns, candidates.vectors))
        if seeds.terms is None or candidates.terms is None or self._lexical is None:
            return cosines
        terms = TermVectors(candidates.terms)
        return rounded(terms.hybrid_scores(cosines, seeds.terms, columns, self._lexical.weight))

    def _attributes(self, rows: Rows, seed_rows: Rows) -> tuple[RowAttributes, RowAttributes]:
        """Return what the rules know of candidates [1, rows] and of seeds [1, seed_rows].

        Groups have the same numbers in both.
        """
        all_rows = np.concatenate([rows, seed_rows])
        articles = self._tables.attributes(all_rows.tolist())
        tags = [article.tags for article in articles]
        is_recommendable = find_recommendable(articles, tags, self._conditions)
        originals = originals_of(articles)
        table = attribute_table(all_rows, originals, articles, self._fields, is_recommendable, tags)
        attributes = table.all()
        of_candidates = np.arange(len(rows))[None]
        of_seeds = np.arange(len(rows), len(all_rows))[None]
        return attributes.at(of_candidates), attributes.at(of_seeds)

    def _unit_vectors(self, rows: Rows) -> UnitVectors:
        """Return the unit vectors of rows of any shape [..., dim]."""
        return unit_rows(self._vectors[rows.ravel()]).reshape(*rows.shape, -1)

    def _open_index(self) -> VectorIndex:
        """Open the index; an exact one searches unit vectors in memory, up to MEMORY_BYTES."""
        vectors = self._vectors
        bytes_in_memory = vectors.size * np.dtype(np.float32).itemsize
        if self._index_facts.kind == "exact" and bytes_in_memory <= MEMORY_BYTES:
            vectors = unit_rows(vectors)
        return VectorIndex.open(self._index_path, self._index_facts, vectors)


def _distinct(*rows: Rows) -> Rows:
    """Return rows ascending and once each, without -1."""
    distinct = np.unique(np.concatenate([some.ravel() for some in rows]))
    return distinct[distinct >= 0]


def _scored_rows(listed: Candidates, seed_of: Mapping[int, int]) -> list[ScoredRow]:
    """Return the candidates of the one query as rows, without empty places."""
    rows = []
    for column in np.flatnonzero(listed.is_there[0]):
        row = int(listed.rows[0, column])
        score = float(listed.scores[0, column])
        score_rank = int(listed.score_ranks[0, column])
        rows.append(ScoredRow(row, score, score_rank, seed_of[row]))
    return rows
