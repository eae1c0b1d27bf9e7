"""Okapi BM25 as a baseline; needs the extra `evaluate`."""

import logging

import bm25s
import numpy as np
from numpy.typing import NDArray

from simrec.evaluate.scorers import Texts
from simrec.lexical.words import words

K1 = 1.5
B = 0.75

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it logs every index that it builds


def bm25(queries: Texts, candidates: Texts) -> NDArray[np.float32]:
    """Return BM25 (Robertson & Zaragoza 2009) of queries for candidates, which are its corpus."""
    index = bm25s.BM25(k1=K1, b=B)
    documents = [list(words(candidate.text)) or [""] for candidate in candidates]
    index.index(documents, show_progress=False)
    scores = []
    for query in queries:
        query_words = list(words(query.text)) or [" "]
        scores.append(index.get_scores(query_words))
    return np.stack(scores)
