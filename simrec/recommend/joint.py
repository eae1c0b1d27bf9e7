"""The joint score: the encoder's cosine and that of the words, as one cosine of two vectors side by side."""

import numpy as np

from simrec.encoder.lexical import Terms
from simrec.index import ranked
from simrec.index.neighbours import Graph


def rescored(graph: Graph, terms: np.ndarray, weight: float, candidates: int, k: int) -> Graph:
    """Return the k best of each row's candidates by the joint score, ties by row.

    terms are those of all rows, uint32 [rows, TERMS].
    """
    compare, start = Terms(), 0
    best = np.full((len(graph.packed), k), ranked.NONE)
    for rows, cosines in graph.blocks(candidates):
        scores = [
            compare.joint(near, terms[start + own], terms[found], weight)
            for own, (near, found) in enumerate(zip(cosines, rows, strict=True))
        ]
        packed = ranked.pack(np.stack(scores), rows)
        packed.sort(axis=1)
        best[start : start + len(rows)] = packed[:, :k]
        start += len(rows)
    return Graph(best)
