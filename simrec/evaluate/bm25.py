"""Okapi BM25 as a baseline; needs the extra `evaluate`."""

import logging
from collections.abc import Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray

from simrec.evaluate.scorers import Text
from simrec.lexical.words import words

K1 = 1.5
B = 0.75

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it logs every index that it builds


def bm25(left: Sequence[Text], right: Sequence[Text]) -> NDArray[np.float32]:
    """Return BM25 (Robertson & Zaragoza 2009) of queries for candidates, which are its corpus."""
    index = bm25s.BM25(k1=K1, b=B)
    documents = [list(words(text.text)) or [""] for text in right]
    queries = [list(words(text.text)) or [" "] for text in left]
    index.index(documents, show_progress=False)
    return np.stack([index.get_scores(query) for query in queries])
