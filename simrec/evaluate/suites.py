"""Suites: questions with known answers that a corpus holds itself, without anybody labelling it."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from simrec import metrics
from simrec.articles.article import encoded_text
from simrec.evaluate import bootstrap
from simrec.evaluate.scorers import RECENT, Scorer, Text, once
from simrec.recommend.choose_weight import MIN_CHARS, MIN_QUERIES, halves

FEWEST_OF_LABEL = 2
K = 10
PRECISION = f"P@{K}"
OURS = "simrec"  # the scorer that the others stand beside


class SampledArticle(NamedTuple):
    """A sampled article: whether the encoder never saw it, its text, and what labels there are."""

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

    def asks(self, text: str) -> Text:
        return Text(text, self.category, self.published_at)


@dataclass(frozen=True)
class SuiteResult:
    """What one suite measured for each scorer, question by question, or why it could not be measured."""

    suite: str
    measure: str
    questions: int
    scored: dict[str, np.ndarray] = field(default_factory=dict)  # [questions, ...] of each scorer
    skipped: str = ""
    candidates: int = 0
    statistic: bootstrap.Statistic = metrics.mean

    @property
    def values(self) -> dict[str, float]:
        return {who: float(self.statistic(scored[None])[0]) for who, scored in self.scored.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return what the report keeps, rounded to four places: values, intervals, and how far OURS is ahead."""
        others = self.scored.keys() - {OURS} if OURS in self.scored else set()
        compared = {
            who: bootstrap.difference(self.scored[OURS], scored, self.statistic)
            for who, scored in self.scored.items()
            if who in others
        }
        within = {
            who: bootstrap.interval(scored, self.statistic) for who, scored in self.scored.items()
        }
        return {
            "suite": self.suite,
            "measure": self.measure,
            "questions": self.questions,
            "candidates": self.candidates,
            **({"skipped": self.skipped} if self.skipped else {}),
            "values": {who: round(value, 4) for who, value in self.values.items()},
            "intervals": {who: [round(end, 4) for end in ends] for who, ends in within.items()},
            "ahead_of": {
                who: {key: round(value, 4) for key, value in found._asdict().items()}
                for who, found in compared.items()
            },
        }


def sample(rows: Iterable[tuple[Any, ...]], boundary: bytes) -> list[SampledArticle]:
    """Return sampled articles from the store's rows; those whose key is below the boundary ask."""
    return [
        SampledArticle(key < boundary, title, text, account, category, day, tuple(json.loads(tags)))
        for key, title, text, account, category, day, tags in rows
    ]


def run(sample: Sequence[SampledArticle], scorers: dict[str, Scorer]) -> list[SuiteResult]:
    """Ask every suite of every scorer on the same texts.

    Only articles held out from training ask; the others stand among the candidates.
    """
    sample = sorted(sample, key=lambda article: not article.held_out)
    scorers = {who: once(scores) for who, scores in scorers.items()}
    return [
        _halves(sample, scorers),
        _known_item(sample, scorers),
        _same_label(sample, scorers, "category"),
        _same_label(sample, scorers, "account"),
        _shared_tag(sample, scorers),
    ]


def _halves(sample: Sequence[SampledArticle], scorers: dict[str, Scorer]) -> SuiteResult:
    """Let the first half of each text find its second half among all second halves."""
    long = [article for article in sample if len(article.text) >= MIN_CHARS]
    pairs = [tuple(map(article.asks, halves(article.text))) for article in long]
    return _paired(
        "split-half", _asking(long), pairs, scorers, f"texts of at least {MIN_CHARS} characters"
    )


def _known_item(sample: Sequence[SampledArticle], scorers: dict[str, Scorer]) -> SuiteResult:
    """Let each title find its text among all texts, which are compared without their titles."""
    titled = [article for article in sample if article.title and article.text]
    pairs = [(article.asks(article.title), article.asks(article.text)) for article in titled]
    return _paired(
        "known-item", _asking(titled), pairs, scorers, "articles with a title and a text"
    )


def _asking(sample: Sequence[SampledArticle]) -> int:
    return sum(article.held_out for article in sample)


def _paired(
    name: str,
    asking: int,
    pairs: Sequence[tuple[Text, ...]],
    scorers: dict[str, Scorer],
    of_what: str,
) -> SuiteResult:
    """Let the first `asking` left texts find their right ones among all right ones."""
    if asking < MIN_QUERIES:
        return SuiteResult(
            name,
            "MRR",
            asking,
            skipped=f"only {asking} held-out {of_what}, of {MIN_QUERIES} needed",
        )
    left, right = zip(*pairs, strict=True)
    scored = {
        who: metrics.reciprocal_ranks(scores(left[:asking], right))
        for who, scores in scorers.items()
    }
    return SuiteResult(name, "MRR", asking, scored, candidates=len(right))


def _same_label(
    sample: Sequence[SampledArticle], scorers: dict[str, Scorer], field: str
) -> SuiteResult:
    """Let each text find others of its label among all labelled texts."""
    counts = Counter(getattr(article, field) for article in sample)
    del counts[None]
    rows = [
        row
        for row, article in enumerate(sample)
        if counts[getattr(article, field)] >= FEWEST_OF_LABEL
    ]
    labels = [getattr(sample[row], field) for row in rows]
    asking, different = sum(sample[row].held_out for row in rows), len(set(labels))
    told = {RECENT} if field == "category" else set()  # who is told the answer is not asked
    scorers = {who: scores for who, scores in scorers.items() if who not in told}
    if asking < MIN_QUERIES:
        why = f"only {asking} held-out articles whose {field} others have as well, of {MIN_QUERIES} needed"
        return SuiteResult(f"same {field}", PRECISION, asking, skipped=why)
    if different == 1:
        return SuiteResult(
            f"same {field}",
            PRECISION,
            asking,
            skipped=f"all articles that have one are of one {field}",
        )
    return _relevant(f"same {field}", sample, rows, metrics.same(labels, asking), scorers)


def _shared_tag(sample: Sequence[SampledArticle], scorers: dict[str, Scorer]) -> SuiteResult:
    """Let each text find others that share a tag with it among all tagged texts."""
    counts = Counter(tag for article in sample for tag in set(article.tags))
    rows = [
        row
        for row, article in enumerate(sample)
        if any(counts[tag] >= FEWEST_OF_LABEL for tag in article.tags)
    ]
    column = {tag: number for number, tag in enumerate(counts)}
    marks = np.zeros((len(rows), len(column)), np.float32)
    for place, row in enumerate(rows):
        marks[place, [column[tag] for tag in sample[row].tags]] = 1
    asking = sum(sample[row].held_out for row in rows)
    relevant = marks[:asking] @ marks.T > 0
    if asking < MIN_QUERIES:
        why = f"only {asking} held-out articles whose tags others have as well, of {MIN_QUERIES} needed"
        return SuiteResult("shared tag", PRECISION, asking, skipped=why)
    if relevant.all():
        return SuiteResult(
            "shared tag", PRECISION, asking, skipped="all articles that have tags share one"
        )
    return _relevant("shared tag", sample, rows, relevant, scorers)


def _relevant(
    name: str,
    sample: Sequence[SampledArticle],
    rows: Sequence[int],
    relevant: np.ndarray,
    scorers: dict[str, Scorer],
) -> SuiteResult:
    """Let the first of some rows find those relevant to them, bool [questions, rows].

    Scorers are asked about the whole sample, so that they need not be asked again for other rows.
    """
    texts, asking = (
        [article.asks(article.text or article.title) for article in sample],
        _asking(sample),
    )
    some = np.ix_(rows[: len(relevant)], rows)
    scored = {
        who: metrics.precisions(scores(texts[:asking], texts)[some], relevant, K)
        for who, scores in scorers.items()
    }
    return SuiteResult(name, PRECISION, len(relevant), scored, candidates=len(rows))


def as_sentence(results: Sequence[SuiteResult]) -> str:
    """Return what was measured in one line, for the log."""
    measured = (
        f"{result.suite} {result.measure} "
        + " ".join(f"{who} {value:.3f}" for who, value in result.values.items())
        for result in results
        if result.scored
    )
    return "; ".join(measured) or "the corpus is too small to measure anything"
