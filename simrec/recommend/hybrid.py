"""The hybrid score: the encoder's and the lexical cosine as one cosine of joined vectors."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, Scores, open_npy
from simrec.lexical.term_vectors import PackedTerms, TermVectors, norms_and_counts
from simrec.release_folder import ReleaseFolder
from simrec.tasks.rows import Parts, run_whole
from simrec.tasks.stages import Stages

# Cosines from which two articles are near-duplicates: of the encoder and of TF-IDF, ...
DUPLICATE_COSINE = 0.95
DUPLICATE_LEXICAL_COSINE = 0.9
# ... and of the encoder where TF-IDF has no weight.
DUPLICATE_COSINE_ALONE = 0.99


class HybridScorer:
    """Scores pairs of texts: lexical cosines have a share of `weight`, the encoder's the rest.

    terms are the packed term vectors of all rows, uint32 [rows, terms], None where that share is 0;
    sizes, float32 [rows, 2] from `norms_and_counts`, save a pass over them.
    """

    def __init__(
        self,
        terms: NDArray[np.uint32] | None,
        weight: float,
        sizes: Scores | None = None,
    ) -> None:
        self.weight = 0.0 if terms is None else weight
        self._terms = terms
        self._term_vectors = None if terms is None else TermVectors(terms, sizes)

    def scores(self, cosines: Scores, seeds: Rows, rows: Rows) -> Scores:
        """Return the scores of rows to seeds [seeds], where the encoder's cosines are known.

        cosines, rows and the scores are [seeds, n].
        """
        if self._terms is None or self._term_vectors is None:
            return cosines
        seed_terms = self._terms[seeds]
        return self._term_vectors.hybrid_scores(cosines, seed_terms, rows, self.weight)

    def are_duplicates(self, cosines: Scores, scores: Scores) -> Mask:
        """Tell which pairs are near-duplicates, from the encoder's cosines and the scores."""
        if not self.weight:
            return cosines >= DUPLICATE_COSINE_ALONE
        lexical_cosines = (scores - (1 - self.weight) * cosines) / self.weight
        are_close: Mask = cosines >= DUPLICATE_COSINE
        return are_close & (lexical_cosines >= DUPLICATE_LEXICAL_COSINE)

    def shared_terms(
        self, seeds: Rows, rows: Rows, k: int, weigh: Callable[[PackedTerms], PackedTerms]
    ) -> NDArray[np.uint32]:
        """Return the ids of the k terms that add most to each score, heaviest first, [seeds, n, k].

        An id is 0 where no more terms are shared; rows are [seeds, n]. weigh changes what the terms
        of the seeds weigh here.
        """
        if self._terms is None or self._term_vectors is None:
            return np.zeros((*rows.shape, k), np.uint32)
        return self._term_vectors.top_shared_terms(weigh(self._terms[seeds]), rows, k)


@dataclass(frozen=True)
class ScorerFiles:
    """What any process opens the scorer of a release from; sizes are None where weight is 0."""

    release: ReleaseFolder
    weight: float
    sizes: Parts | None

    @classmethod
    def prepare(cls, release: ReleaseFolder, weight: float, stages: Stages) -> "ScorerFiles":
        """Measure the term vectors of a release, which is done once for all tasks."""
        if not weight:
            return cls(release, 0.0, None)
        rows = len(open_npy(release.terms))
        sizes = run_whole(stages, "term-sizes", measure_terms, rows, release)
        return cls(release, weight, sizes)

    def open(self) -> HybridScorer:
        """Open the scorer; its arrays are mapped."""
        if self.sizes is None:
            return HybridScorer(None, 0.0)
        terms = open_npy(self.release.terms)
        return HybridScorer(terms, self.weight, self.sizes.open("sizes"))


def measure_terms(rows: slice, release: ReleaseFolder) -> dict[str, Scores]:
    """Return the norm and the number of terms of rows."""
    terms = open_npy(release.terms)
    blocks = list(norms_and_counts(terms[rows]))
    return {"sizes": np.concatenate(blocks)}
