"""The joint score: the encoder's cosine and that of the words, as one cosine of two vectors side by side."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simrec.encoder.lexical import Terms
from simrec.index import ranked
from simrec.index.neighbours import PACKED, Graph
from simrec.index.vectors import write

SAME_MEANING, SAME_WORDS = 0.95, 0.9  # cosines from which two articles are one story told twice
SAME_MEANING_ALONE = 0.99  # where words have no share


class Joint:
    """Scores pairs of articles: by meaning, and by words with a share of `weight`.

    terms are those of all rows, uint32 [rows, TERMS]; None where words have no share.
    """

    def __init__(self, terms: np.ndarray | None, weight: float) -> None:
        self.weight = weight if terms is not None else 0.0
        self.stored = terms
        self.terms = None if terms is None else Terms(terms)

    def scores(self, owns: np.ndarray, rows: np.ndarray, cosines: np.ndarray) -> np.ndarray:
        """Return the scores, float32 [seeds, n], of seeds [seeds] and rows with the encoder's cosines [seeds, n]."""
        if self.terms is None or self.stored is None:
            return cosines
        return self.terms.joint(cosines, self.stored[owns], rows, self.weight)

    def ranked(self, owns: np.ndarray, rows: np.ndarray, cosines: np.ndarray) -> np.ndarray:
        """Return packed candidates of seeds [seeds, n] in order of the joint score."""
        packed = ranked.pack(self.scores(owns, rows, cosines), rows)
        packed.sort(axis=1)
        return packed

    def duplicates(self, cosines: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Tell which pairs are one story told twice, from the encoder's cosines and the joint scores."""
        if not self.weight:
            return cosines >= SAME_MEANING_ALONE
        words = (scores - (1 - self.weight) * cosines) / self.weight
        found: np.ndarray = (cosines >= SAME_MEANING) & (words >= SAME_WORDS)
        return found


def rescored(graph: Graph, joint: Joint, candidates: int, path: Path) -> tuple[Graph, np.ndarray]:
    """Write the candidates of all rows in order of the joint score; return them, and the near-duplicates [pairs, 2]."""
    pairs: list[np.ndarray] = [np.empty((0, 2), np.int64)]

    def blocks() -> Iterator[np.ndarray]:
        start = 0
        for rows, cosines in graph.blocks(candidates):
            own = np.arange(start, start + len(rows))
            scores = joint.scores(own, rows, cosines)
            seed, place = np.nonzero(joint.duplicates(cosines, scores) & (rows >= 0))
            pairs.append(np.column_stack([own[seed], rows[seed, place]]))
            packed = ranked.pack(scores, rows)
            packed.sort(axis=1)
            yield packed
            start += len(rows)

    write(path, blocks(), (len(graph.packed), min(candidates, graph.width)), PACKED)
    return Graph.open(path), np.concatenate(pairs)
