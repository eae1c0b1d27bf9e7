"""The hybrid score: cosines of encoder and words, raw and smoothed, as one cosine."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, Scores, distinct_rows, open_npy
from simrec.index.exact import exact_cosines
from simrec.index.neighbours import rounded
from simrec.index.vectors import Vectors, unit_rows
from simrec.lexical.term_vectors import PackedTerms, TermVectors
from simrec.recommend.clicks import Clicks
from simrec.release_folder import ReleaseFolder

# Cosines from which two articles are near-duplicates: of the encoder and of TF-IDF, ...
DUPLICATE_COSINE = 0.95
DUPLICATE_LEXICAL_COSINE = 0.9
# ... and of the encoder where TF-IDF has no weight.
DUPLICATE_COSINE_ALONE = 0.99


class EncodedTexts:
    """Texts as two vectors each, side by side: the encoder's, and that of their words.

    vectors are stored ones [rows, dim]; terms are packed, uint32 [rows, terms], None where words
    have no share in a score. sizes, float32 [rows, 2] of `norms_and_counts`, save a pass over them.
    """

    def __init__(
        self,
        vectors: Vectors,
        terms: NDArray[np.uint32] | None,
        sizes: Scores | None = None,
    ) -> None:
        self.terms = terms
        self._vectors = vectors
        self._term_vectors = None if terms is None else TermVectors(terms, sizes)

    def cosines(self, seeds: Rows, rows: Rows) -> Scores:
        """Return the encoder's cosines of rows [seeds, n] to seeds [seeds], 0 of row -1."""
        needed, places = distinct_rows(rows, len(self._vectors))
        vectors = unit_rows(self._vectors[needed])
        queries = unit_rows(self._vectors[seeds])
        return rounded(exact_cosines(queries, places, vectors))

    def hybrid(
        self,
        cosines: Scores,
        seeds: Rows,
        rows: Rows,
        weight: float,
    ) -> Scores:
        """Return the hybrid scores of rows to seeds, where the encoder's cosines are known.

        cosines, rows and the scores are [seeds, n].
        """
        if self.terms is None or self._term_vectors is None:
            return cosines
        scores = self._term_vectors.hybrid_scores(cosines, self.terms[seeds], rows, weight)
        return rounded(scores)

    def shared_terms(
        self,
        seeds: Rows,
        rows: Rows,
        k: int,
        weigh: Callable[[PackedTerms], PackedTerms],
    ) -> NDArray[np.uint32]:
        """Return the ids of the k terms that add most to each score, heaviest first, [seeds, n, k].

        An id is 0 where no more terms are shared; rows are [seeds, n]. weigh changes what the terms
        of the seeds weigh here.
        """
        if self.terms is None or self._term_vectors is None:
            return np.zeros((*rows.shape, k), np.uint32)
        return self._term_vectors.top_shared_terms(weigh(self.terms[seeds]), rows, k)


class HybridScorer:
    """Scores pairs of articles: lexical cosines have a share of `weight`, the encoder's the rest.

    Of the score itself, that of smoothed texts has a share of `smoothing`, that of the texts as
    they are the rest. All are cosines of unit vectors, so that the score is the cosine of these
    side by side, each times the root of its share. Clicks then bring it nearer to 1.
    """

    def __init__(
        self,
        texts: EncodedTexts,
        weight: float,
        smoothed: EncodedTexts | None = None,
        smoothing: float = 0.0,
        clicks: Clicks | None = None,
    ) -> None:
        self.weight = 0.0 if texts.terms is None else weight
        self.texts = texts
        self.clicks = clicks
        self._smoothed = smoothed
        self._smoothing = smoothing

    def raw_scores(
        self,
        cosines: Scores,
        seeds: Rows,
        rows: Rows,
    ) -> Scores:
        """Return the scores of rows [seeds, n] to seeds [seeds] without smoothing.

        cosines are those of the encoder [seeds, n].
        """
        return self.texts.hybrid(cosines, seeds, rows, self.weight)

    def scores(self, seeds: Rows, rows: Rows) -> Scores:
        """Return the scores of rows [seeds, n] to seeds [seeds]; of row -1 they say nothing."""
        raw = self.raw_scores(self.texts.cosines(seeds, rows), seeds, rows)
        return self.whole_scores(raw, seeds, rows)

    def whole_scores(
        self,
        raw: Scores,
        seeds: Rows,
        rows: Rows,
    ) -> Scores:
        """Return the scores of rows to seeds, where those of the texts as they are are known."""
        scores = raw
        if self._smoothed:
            cosines = self._smoothed.cosines(seeds, rows)
            smoothed = self._smoothed.hybrid(cosines, seeds, rows, self.weight)
            scores = (1 - self._smoothing) * raw + self._smoothing * smoothed
        return self.clicks.blended(scores, seeds, rows) if self.clicks else scores

    def are_duplicates(self, cosines: Scores, raw: Scores) -> Mask:
        """Tell which pairs are near-duplicates, from their cosines and scores as texts are."""
        if not self.weight:
            return cosines >= DUPLICATE_COSINE_ALONE
        lexical_cosines = (raw - (1 - self.weight) * cosines) / self.weight
        are_close: Mask = cosines >= DUPLICATE_COSINE
        return are_close & (lexical_cosines >= DUPLICATE_LEXICAL_COSINE)


@dataclass(frozen=True)
class ScorerFiles:
    """What any process opens the scorer of a release from: its files, and the shares of a score."""

    release: ReleaseFolder
    weight: float
    smoothing: float = 0.0

    def open_raw(self) -> HybridScorer:
        """Open the scorer without smoothing and clicks; its arrays are mapped."""
        return HybridScorer(self.texts(), self.weight)

    def open(self) -> HybridScorer:
        """Open the scorer; its arrays are mapped."""
        smoothed = None
        if self.smoothing:
            terms = open_npy(self.release.smoothed_terms) if self.weight else None
            smoothed = EncodedTexts(open_npy(self.release.smoothed_vectors), terms)
        clicks = Clicks.open(self.release)
        return HybridScorer(self.texts(), self.weight, smoothed, self.smoothing, clicks)

    def texts(self) -> EncodedTexts:
        """Open the texts as they are."""
        vectors = open_npy(self.release.vectors)
        if not self.weight:
            return EncodedTexts(vectors, None)
        sizes = open_npy(self.release.term_sizes)
        return EncodedTexts(vectors, open_npy(self.release.terms), sizes)
