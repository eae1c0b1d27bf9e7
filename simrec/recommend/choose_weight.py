"""Choose the words' share of a hybrid score: the one with which texts find each other best.

Nothing has to be labelled: two halves of a text belong together, and so do a title and its text.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.lexical.term_vectors import TermVectors, blend
from simrec.lexical.tfidf import TfIdf
from simrec.metrics import reciprocal_ranks

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # shares that are tried
DEFAULT_WEIGHT = 0.5  # where there are too few queries
GOOD_ENOUGH = 0.01  # below the best mean reciprocal rank
MIN_QUERIES = 20  # fewer say nothing
MIN_CHARS = 80  # of a text that is split in half
SPACE = re.compile(r"\s")
SPACE_WITHIN = 40  # characters after the middle

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
Articles = Sequence[tuple[str, str]]  # title and text of each


class KnownItems(NamedTuple):
    """Queries and candidates; candidate i is the right answer of query i."""

    queries: list[str]
    candidates: list[str]


def choose_weight(held_out: Articles, others: Articles, encode: Encode, tfidf: TfIdf) -> float:
    """Return the share of words with which held-out titles and halves find their texts best.

    It is the middle one of the shares whose mean reciprocal rank is within GOOD_ENOUGH of the best.
    The held-out articles are the queries, all articles the candidates.
    """
    measured = [
        _mean_ranks(known_items, encode, tfidf)
        for known_items in (_split_half(held_out, others), _known_item(held_out, others))
        if len(known_items.queries) >= MIN_QUERIES
    ]
    if not measured:
        return DEFAULT_WEIGHT
    means = np.mean(measured, axis=0)
    good = np.flatnonzero(means >= means.max() - GOOD_ENOUGH)
    return WEIGHTS[good[len(good) // 2]]


def _split_half(held_out: Articles, others: Articles) -> KnownItems:
    """Let the first half of each text find its second half among all second halves."""
    queries = [halves(text) for _, text in held_out if len(text) >= MIN_CHARS]
    rest = [halves(text) for _, text in others if len(text) >= MIN_CHARS]
    return KnownItems([left for left, _ in queries], [right for _, right in queries + rest])


def _known_item(held_out: Articles, others: Articles) -> KnownItems:
    """Let each title find its text among all texts."""
    queries = [(title, text) for title, text in held_out if title and text]
    rest = [text for title, text in others if title and text]
    return KnownItems([title for title, _ in queries], [text for _, text in queries] + rest)


def halves(text: str) -> tuple[str, str]:
    """Cut a text at the first white space after its middle; in the middle if none is near."""
    middle = len(text) // 2
    space = SPACE.search(text, middle, middle + SPACE_WITHIN)
    cut = space.start() if space else middle
    return text[:cut], text[cut:].lstrip()


def _mean_ranks(known_items: KnownItems, encode: Encode, tfidf: TfIdf) -> list[float]:
    """Return the mean reciprocal rank for each of WEIGHTS."""
    cosines = encode(known_items.queries) @ encode(known_items.candidates).T
    query_terms = tfidf.encode(known_items.queries)
    candidates = TermVectors(tfidf.encode(known_items.candidates))
    rows = np.broadcast_to(np.arange(cosines.shape[1]), cosines.shape)
    lexical_cosines = candidates.cosines(query_terms, rows)
    ranks = []
    for weight in WEIGHTS:
        scores = blend(cosines, lexical_cosines, query_terms, weight)
        ranks.append(float(reciprocal_ranks(scores).mean()))
    return ranks
