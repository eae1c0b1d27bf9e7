"""Suites: queries whose right answers the corpus itself knows, without labelling."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec import metrics
from simrec.articles.article import encoded_text
from simrec.evaluate.scorers import RECENT, Scorer, Text, Texts, with_last_scores
from simrec.evaluate.suite_result import SuiteResult
from simrec.recommend.choose_weight import MIN_CHARS, MIN_QUERIES, halves

MIN_ARTICLES_OF_LABEL = 2
K = 10
PRECISION = f"P@{K}"


class SampledArticle(NamedTuple):
    """An article of the sample; it is a query if it was held out from training."""

    held_out: bool
    title: str
    text: str
    account: str | None
    category: str | None
    published_at: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def encoded(self) -> str:
        return encoded_text(self.title, self.text)

    def with_text(self, text: str) -> Text:
        """Return a part of the article for a scorer, with what else some baselines read."""
        return Text(text, self.category, self.published_at)


Sample = Sequence[SampledArticle]
Scorers = dict[str, Scorer]
Relevance = NDArray[np.bool_]  # [queries, candidates]


def sample(rows: Iterable[tuple[Any, ...]], boundary: bytes) -> list[SampledArticle]:
    """Return sampled articles from the store's rows; a key below the boundary is held out."""
    articles = []
    for key, title, text, account, category, published_at, encoded_tags in rows:
        tags = tuple(json.loads(encoded_tags))
        labels = (account, category, published_at, tags)
        articles.append(SampledArticle(key < boundary, title, text, *labels))
    return articles


def run(sample: Sample, scorers: Scorers) -> list[SuiteResult]:
    """Run every suite with every scorer on the same texts.

    Only articles held out from training are queries; the others are among the candidates.
    """
    sample = sorted(sample, key=lambda article: not article.held_out)
    scorers = {name: with_last_scores(scorer) for name, scorer in scorers.items()}
    return [
        _split_half(sample, scorers),
        _known_item(sample, scorers),
        _same_category(sample, scorers),
        _same_account(sample, scorers),
        _shared_tag(sample, scorers),
    ]


def _split_half(sample: Sample, scorers: Scorers) -> SuiteResult:
    """Let the first half of each text find its second half among all second halves."""
    articles = [article for article in sample if len(article.text) >= MIN_CHARS]
    queries = []
    candidates = []
    for article in articles:
        first, second = halves(article.text)
        if article.held_out:
            queries.append(article.with_text(first))
        candidates.append(article.with_text(second))
    kind = f"texts of at least {MIN_CHARS} characters"
    return _measure_known_item("split-half", queries, candidates, scorers, kind)


def _known_item(sample: Sample, scorers: Scorers) -> SuiteResult:
    """Let each title find its text among all texts, which are compared without their titles."""
    articles = [article for article in sample if article.title and article.text]
    queries = [article.with_text(article.title) for article in articles if article.held_out]
    candidates = [article.with_text(article.text) for article in articles]
    kind = "articles with a title and a text"
    return _measure_known_item("known-item", queries, candidates, scorers, kind)


def _measure_known_item(
    suite: str,
    queries: Texts,
    candidates: Texts,
    scorers: Scorers,
    kind: str,
) -> SuiteResult:
    """Measure the rank of candidate i for query i; `kind` names the texts that are needed."""
    n_queries = len(queries)
    if n_queries < MIN_QUERIES:
        skipped = f"only {n_queries} held-out {kind}, of {MIN_QUERIES} needed"
        return SuiteResult(suite, "MRR", n_queries, skipped=skipped)
    ranks = {
        name: metrics.reciprocal_ranks(scorer(queries, candidates))
        for name, scorer in scorers.items()
    }
    return SuiteResult(suite, "MRR", n_queries, ranks, n_candidates=len(candidates))


def _same_category(sample: Sample, scorers: Scorers) -> SuiteResult:
    """Let each text find others of its category; a scorer that is told it takes no part."""
    blind = {name: scorer for name, scorer in scorers.items() if name != RECENT}
    return _same_label("category", [article.category for article in sample], sample, blind)


def _same_account(sample: Sample, scorers: Scorers) -> SuiteResult:
    """Let each text find others of its account."""
    return _same_label("account", [article.account for article in sample], sample, scorers)


def _same_label(
    kind: str,
    labels: Sequence[str | None],
    sample: Sample,
    scorers: Scorers,
) -> SuiteResult:
    """Let each text find others of its label among all texts whose label others have as well."""
    suite = f"same {kind}"
    counts = Counter(labels)
    rows = []
    row_labels = []
    for row, label in enumerate(labels):
        if label is not None and counts[label] >= MIN_ARTICLES_OF_LABEL:
            rows.append(row)
            row_labels.append(label)
    n_queries = _count_queries(sample, rows)
    if n_queries < MIN_QUERIES:
        return _too_few(suite, n_queries, f"{kind} others have")
    if len(set(row_labels)) == 1:
        return _unmeasured(suite, n_queries, f"all articles that have one are of one {kind}")
    relevant = metrics.same(row_labels, n_queries)
    return _measure_relevant(suite, sample, rows, relevant, scorers)


def _shared_tag(sample: Sample, scorers: Scorers) -> SuiteResult:
    """Let each text find others that share a tag with it among all tagged texts."""
    suite = "shared tag"
    counts = Counter(tag for article in sample for tag in set(article.tags))
    shared = {tag for tag, count in counts.items() if count >= MIN_ARTICLES_OF_LABEL}
    rows = [row for row, article in enumerate(sample) if shared.intersection(article.tags)]
    n_queries = _count_queries(sample, rows)
    if n_queries < MIN_QUERIES:
        return _too_few(suite, n_queries, "tags others have")
    tags = _tag_matrix([sample[row].tags for row in rows], list(counts))
    relevant = tags[:n_queries] @ tags.T > 0
    if relevant.all():
        return _unmeasured(suite, n_queries, "all articles that have tags share one")
    return _measure_relevant(suite, sample, rows, relevant, scorers)


def _tag_matrix(tags_of_rows: Sequence[Sequence[str]], tags: list[str]) -> NDArray[np.float32]:
    """Return which row has which tag, 0 or 1, float32 [rows, tags]."""
    column_of = {tag: column for column, tag in enumerate(tags)}
    matrix = np.zeros((len(tags_of_rows), len(tags)), np.float32)
    for row, row_tags in enumerate(tags_of_rows):
        matrix[row, [column_of[tag] for tag in row_tags]] = 1
    return matrix


def _count_queries(sample: Sample, rows: Sequence[int]) -> int:
    return sum(sample[row].held_out for row in rows)


def _too_few(
    suite: str,
    n_queries: int,
    what_others_have: str,
) -> SuiteResult:
    skipped = (
        f"only {n_queries} held-out articles whose {what_others_have} as well, "
        f"of {MIN_QUERIES} needed"
    )
    return _unmeasured(suite, n_queries, skipped)


def _unmeasured(
    suite: str,
    n_queries: int,
    skipped: str,
) -> SuiteResult:
    return SuiteResult(suite, PRECISION, n_queries, skipped=skipped)


def _measure_relevant(
    suite: str,
    sample: Sample,
    rows: Sequence[int],
    relevant: Relevance,
    scorers: Scorers,
) -> SuiteResult:
    """Measure the precision of the first of some rows, where relevant is [queries, rows].

    The sample begins with the held-out articles. Scorers score the whole sample, so that their last
    scores serve every suite of labels.
    """
    texts = [article.with_text(article.text or article.title) for article in sample]
    queries = texts[: _count_queries(sample, range(len(sample)))]
    n_queries = len(relevant)
    measured = np.ix_(rows[:n_queries], rows)
    precisions = {}
    for name, scorer in scorers.items():
        scores = scorer(queries, texts)[measured]
        precisions[name] = metrics.precisions(scores, relevant, K)
    return SuiteResult(suite, PRECISION, n_queries, precisions, n_candidates=len(rows))
