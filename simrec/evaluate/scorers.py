"""Scorers: what is asked, and what answers with a score for every candidate."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf

RECENT = "recent in category"  # the scorer that is told the category


class Text(NamedTuple):
    """A text that asks or is to be found, and what else is known of its article; most scorers only read the text."""

    text: str
    category: str | None = None
    published_at: str | None = None


Scorer = Callable[
    [Sequence[Text], Sequence[Text]], np.ndarray
]  # scores [left, right], higher is more alike
Encode = Callable[[Sequence[str]], np.ndarray]


def encoder_scorer(encode: Encode) -> Scorer:
    """Return a scorer by cosine of encoded texts, which encodes each text once for all suites."""
    vectors = _remembered(encode)
    return lambda left, right: vectors(left) @ vectors(right).T


def joint_scorer(scorer: Scorer, lexical: TfIdf, weight: float) -> Scorer:
    """Return a scorer whose score is the cosine of two vectors side by side, the lexical one with that share."""
    terms = _remembered(lexical.encode)

    def scores(left: Sequence[Text], right: Sequence[Text]) -> np.ndarray:
        cosines = scorer(left, right)
        all_right = np.broadcast_to(np.arange(len(right)), cosines.shape)
        return TermVectors(terms(right)).hybrid_scores(cosines, terms(left), all_right, weight)

    return scores


def once(scorer: Scorer) -> Scorer:
    """Return a scorer that keeps its last answer: suites that differ in their labels ask about the same texts."""
    last: list[tuple[Sequence[Text], Sequence[Text], np.ndarray]] = []

    def scores(left: Sequence[Text], right: Sequence[Text]) -> np.ndarray:
        if not last or last[0][:2] != (left, right):
            last[:] = [(left, right, scorer(left, right))]
        return last[0][2]

    return scores


def _remembered(encode: Encode) -> Callable[[Sequence[Text]], np.ndarray]:
    known: dict[str, np.ndarray] = {}

    def rows(texts: Sequence[Text]) -> np.ndarray:
        new = [text for text in dict.fromkeys(one.text for one in texts) if text not in known]
        known.update(zip(new, encode(new) if new else (), strict=True))
        return np.stack([known[one.text] for one in texts])

    return rows
