"""The joint score: the encoder's cosine and that of the words, as one cosine of two vectors side by side."""

import numpy as np

from simrec.encoder.lexical import Terms
from simrec.index import ranked
from simrec.index.neighbours import Graph


def rescored(graph: Graph, terms: np.ndarray, weight: float, candidates: int, k: int) -> Graph:
    """Return the k best of each row's candidates by the joint score, ties by row.

    terms are those of all rows, uint32 [rows, TERMS]. A text is the vector (sqrt(1 - weight) encoder,
    sqrt(weight) words): its cosine to another is the weighted mean of both cosines.
    """
    compare, start = Terms(), 0
    best = np.full((len(graph.packed), k), ranked.NONE)
    for rows, cosines in graph.blocks(candidates):
        lexical = np.stack([compare.cosines(terms[start + own], terms[found]) for own, found in enumerate(rows)])
        packed = ranked.pack(joint(cosines, lexical, weight), rows)
        packed.sort(axis=1)
        best[start : start + len(rows)] = packed[:, :k]
        start += len(rows)
    return Graph(best)


def joint(cosines: np.ndarray, lexical: np.ndarray, weight: float) -> np.ndarray:
    """Return the joint scores of pairs, from -1 to 1."""
    scores: np.ndarray = (1 - weight) * cosines + weight * lexical
    return scores
