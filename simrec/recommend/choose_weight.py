"""Choose the shares of a hybrid score: of words, and of articles smoothed over their neighbours.

The best are those with which texts find what belongs to them. Nothing has to be labelled: two
halves of a text belong together, and so do a title and its text. Where articles have categories or
tags, articles of one belong together as well.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.lexical.tfidf import TfIdf
from simrec.metrics import precisions, reciprocal_ranks
from simrec.recommend.sample_scores import SampledTexts, SampleScores
from simrec.recommend.score_shares import SharePoint, Shares

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # shares of words that are tried
SMOOTHINGS = (0.0, 0.5)  # shares of smoothed articles that are tried
GOOD_ENOUGH = 0.005  # below the best mean, where the standard error is less
MIN_QUERIES = 20  # fewer say nothing
MIN_CHARS = 80  # of a text that is split in half
K = 10  # of the articles of one label, the nearest are counted
SPACE = re.compile(r"\s")
SPACE_WITHIN = 40  # characters after the middle

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
PerQuery = NDArray[np.float64]


class SampledText(NamedTuple):
    """An article of a sample: its title, its text, and its labels, such as categories."""

    title: str
    text: str
    labels: frozenset[str] = frozenset()


class Sample(NamedTuple):
    """Articles that are queries, others beside them, and of how many articles they are one."""

    held_out: Sequence[SampledText]
    others: Sequence[SampledText]
    one_in: float = 1.0

    @property
    def articles(self) -> list[SampledText]:
        """All articles, those held out first."""
        return [*self.held_out, *self.others]


def choose_shares(sample: Sample, encode: Encode, tfidf: TfIdf) -> Shares:
    """Return the shares with which the held-out articles find what belongs to them best.

    Good shares are within one standard error of the best in the mean over all measures, all of
    which count the same. Of good ones with smoothing, or else without, it is the middle one.
    """
    measures: list[dict[tuple[float, float], PerQuery]] = []
    for measure in (_split_half, _known_item, _same_label):
        measured = measure(sample, encode, tfidf)
        if measured:
            measures.append(measured)
    if not measures:
        return Shares()
    tried = [(weight, smoothing) for smoothing in SMOOTHINGS for weight in WEIGHTS]
    means = {shares: _mean(measures, shares) for shares in tried}
    best = max(tried, key=lambda shares: means[shares])
    good = [shares for shares in tried if _is_good(measures, shares, best)]
    smoothing = max(smoothing for _, smoothing in good)
    weights = [weight for weight, of_good in good if of_good == smoothing]
    curve = tuple(SharePoint(*shares, round(means[shares], 4)) for shares in tried)
    return Shares(weights[len(weights) // 2], smoothing, curve)


def _mean(
    measures: Sequence[dict[tuple[float, float], PerQuery]], shares: tuple[float, float]
) -> float:
    return float(np.mean([measured[shares].mean() for measured in measures]))


def _is_good(
    measures: Sequence[dict[tuple[float, float], PerQuery]],
    shares: tuple[float, float],
    best: tuple[float, float],
) -> bool:
    """Tell whether shares are within a standard error of the best (Breiman et al. 1984)."""
    differences = [measured[best] - measured[shares] for measured in measures]
    difference = np.mean([of_measure.mean() for of_measure in differences])
    variances = [of_measure.var() / len(of_measure) for of_measure in differences]
    standard_error = np.sqrt(np.sum(variances)) / len(measures)
    return bool(difference <= max(standard_error, GOOD_ENOUGH))


def _split_half(
    sample: Sample, encode: Encode, tfidf: TfIdf
) -> dict[tuple[float, float], PerQuery]:
    """Let the first half of each text find its second half among all second halves."""
    queries = []
    candidates = []
    for number, article in enumerate(sample.articles):
        if len(article.text) < MIN_CHARS:
            continue
        first, second = halves(article.text)
        candidates.append(second)
        if number < len(sample.held_out):
            queries.append(first)
    return _known_items(queries, candidates, sample, encode, tfidf)


def _known_item(
    sample: Sample, encode: Encode, tfidf: TfIdf
) -> dict[tuple[float, float], PerQuery]:
    """Let each title find its text among all texts."""
    queries = []
    candidates = []
    for number, article in enumerate(sample.articles):
        if not (article.title and article.text):
            continue
        candidates.append(article.text)
        if number < len(sample.held_out):
            queries.append(article.title)
    return _known_items(queries, candidates, sample, encode, tfidf)


def _known_items(
    queries: list[str],
    candidates: list[str],
    sample: Sample,
    encode: Encode,
    tfidf: TfIdf,
) -> dict[tuple[float, float], PerQuery]:
    """Return the reciprocal rank of candidate i for query i; nothing of too few queries."""
    if len(queries) < MIN_QUERIES:
        return {}
    of_queries = SampledTexts(encode(queries), tfidf.encode(queries))
    of_candidates = SampledTexts(encode(candidates), tfidf.encode(candidates))
    scores = SampleScores(of_queries, of_candidates, False, sample.one_in)
    return _measure(scores, reciprocal_ranks)


def _same_label(
    sample: Sample, encode: Encode, tfidf: TfIdf
) -> dict[tuple[float, float], PerQuery]:
    """Let each text find those that share a label with it, such as a category."""
    articles = sample.articles
    n_queries = len(sample.held_out)
    relevant = np.zeros((n_queries, len(articles)), bool)
    for query, article in enumerate(sample.held_out):
        for row, other in enumerate(articles):
            relevant[query, row] = row != query and not article.labels.isdisjoint(other.labels)
    has_others = relevant.any(axis=1)
    if has_others.sum() < MIN_QUERIES or relevant[has_others].mean() > 0.99:
        return {}
    texts = [article.text or article.title for article in articles]
    of_texts = SampledTexts(encode(texts), tfidf.encode(texts))
    of_queries = SampledTexts(of_texts.vectors[:n_queries], of_texts.terms[:n_queries])
    scores = SampleScores(of_queries, of_texts, True, sample.one_in)

    def precisions_of(matrix: NDArray[np.float32]) -> PerQuery:
        return precisions(matrix, relevant, K)[has_others]

    return _measure(scores, precisions_of)


def _measure(
    scores: SampleScores, per_query: Callable[[NDArray[np.float32]], PerQuery]
) -> dict[tuple[float, float], PerQuery]:
    """Return what each query measures, for each of the shares that are tried."""
    measured = {}
    for weight in WEIGHTS:
        raw = scores.raw(weight)
        smoothed = scores.smoothed(weight)
        for smoothing in SMOOTHINGS:
            matrix = (1 - smoothing) * raw + smoothing * smoothed
            measured[weight, smoothing] = per_query(matrix)
    return measured


def halves(text: str) -> tuple[str, str]:
    """Cut a text at the first white space after its middle; in the middle if none is near."""
    middle = len(text) // 2
    space = SPACE.search(text, middle, middle + SPACE_WITHIN)
    cut = space.start() if space else middle
    return text[:cut], text[cut:].lstrip()
