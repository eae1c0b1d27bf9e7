"""Scorers: functions that give every candidate a score for every query."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf
from simrec.recommend.sample_scores import SampledTexts, SampleScores
from simrec.recommend.score_shares import Shares

RECENT = "recent in category"  # the scorer that is told the category


class Text(NamedTuple):
    """A query or a candidate; most scorers read only the text of it."""

    text: str
    category: str | None = None
    published_at: str | None = None


Texts = Sequence[Text]
Scores = NDArray[Any]  # [queries, candidates], higher is more alike
Scorer = Callable[[Texts, Texts], Scores]
Rows = NDArray[Any]  # [texts, dim]
Encode = Callable[[Sequence[str]], Rows]


def encoder_scorer(encode: Encode) -> Scorer:
    """Return a scorer by cosine of encoded texts, which encodes each text once for all suites."""
    rows = _cached_rows(encode)

    def scores(queries: Texts, candidates: Texts) -> Scores:
        cosines: Scores = rows(queries) @ rows(candidates).T
        return cosines

    return scores


def smoothed_scorer(encode: Encode, tfidf: TfIdf, shares: Shares, one_in: float) -> Scorer:
    """Return a scorer by hybrid score and smoothing, as a release of these texts would have it.

    Candidates are smoothed over their nearest among themselves; `one_in` is of how many articles
    the texts are a sample of one.
    """
    vectors = _cached_rows(encode)
    terms = _cached_rows(tfidf.encode)

    def scores(queries: Texts, candidates: Texts) -> Scores:
        are_candidates = list(queries) == list(candidates[: len(queries)])
        of_queries = SampledTexts(vectors(queries), terms(queries))
        of_candidates = SampledTexts(vectors(candidates), terms(candidates))
        sample = SampleScores(of_queries, of_candidates, are_candidates, one_in)
        raw = sample.raw(shares.weight)
        smoothed = sample.smoothed(shares.weight)
        return (1 - shares.smoothing) * raw + shares.smoothing * smoothed

    return scores


def hybrid_scorer(scorer: Scorer, tfidf: TfIdf, weight: float) -> Scorer:
    """Return a scorer by hybrid score, in which words have the share `weight`."""
    rows = _cached_rows(tfidf.encode)

    def scores(queries: Texts, candidates: Texts) -> Scores:
        cosines = scorer(queries, candidates)
        every_candidate = np.broadcast_to(np.arange(len(candidates)), cosines.shape)
        term_vectors = TermVectors(rows(candidates))
        return term_vectors.hybrid_scores(cosines, rows(queries), every_candidate, weight)

    return scores


def with_last_scores(scorer: Scorer) -> Scorer:
    """Return a scorer that keeps its last scores, since suites of labels share their texts."""
    last: list[tuple[Texts, Texts, Scores]] = []

    def scores(queries: Texts, candidates: Texts) -> Scores:
        if not last or last[0][:2] != (queries, candidates):
            last[:] = [(queries, candidates, scorer(queries, candidates))]
        return last[0][2]

    return scores


def _cached_rows(encode: Encode) -> Callable[[Texts], Rows]:
    """Return a function from texts to their rows, which encodes no text twice."""
    row_of: dict[str, Rows] = {}

    def rows(texts: Texts) -> Rows:
        distinct = dict.fromkeys(text.text for text in texts)
        new = [text for text in distinct if text not in row_of]
        if new:
            row_of.update(zip(new, encode(new), strict=True))
        return np.stack([row_of[text.text] for text in texts])

    return rows
