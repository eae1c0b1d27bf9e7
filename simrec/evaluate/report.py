"""The report of a release: measured suites and what the release itself shows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simrec.articles.reject_reasons import kind_of, subject_of
from simrec.articles.store_writer import Reject
from simrec.encoder.model_folder import read_card, read_id
from simrec.evaluate.bootstrap import confidence_interval
from simrec.evaluate.evaluated_release import (
    ArticleLabels,
    EvaluatedRelease,
    read_labels,
    score_random_pairs,
)
from simrec.evaluate.exposure_facts import describe_exposure, read_attributes
from simrec.evaluate.list_statistics import describe_lists, score_histogram
from simrec.evaluate.recommendations import K, Recommendations, overlap
from simrec.evaluate.report_format import (
    FORMAT,
    CorpusSummary,
    EncoderSummary,
    RejectReason,
    Report,
    Stability,
    SuiteSummary,
    WordsSummary,
    read_part,
)
from simrec.evaluate.rule_effects import measure_rule_effects
from simrec.evaluate.samples import show_duplicates, show_hubs, show_seeds
from simrec.index.index_facts import IndexFacts, Recall
from simrec.metrics import mean
from simrec.recommend.tables.sqlite import read_ids
from simrec.release_folder import ReleaseFolder

MAX_REASONS = 12
MAX_LANGUAGES = 5
STABILITY_LISTS = 5_000  # that the interval is computed of


def build_report(
    release: EvaluatedRelease,
    previous: ReleaseFolder | None,
    suites: list[SuiteSummary],
    rejects: Iterable[Reject],
) -> Report:
    """Return the report of a staged release; previous is the release before it."""
    folder = release.folder
    articles = read_labels(folder)
    ids = [article.id for article in articles]
    accounts = [article.account for article in articles]
    days = [article.published_at for article in articles]
    lists = Recommendations.read(folder.similar_articles, ids)
    attributes = read_attributes(folder)
    return Report(
        format=FORMAT,
        release=folder.release_id,
        encoder=describe_encoder(release.encoder),
        words=WordsSummary(release.words_share),
        index=read_part(folder.index_facts, IndexFacts),
        candidates=read_part(folder.candidate_recall, Recall),
        suites=suites,
        articles=describe_corpus(articles),
        lists=describe_lists(lists, accounts, days),
        exposure=describe_exposure(folder, attributes, lists),
        rule_effects=measure_rule_effects(folder, attributes, lists),
        scores=score_histogram(lists, score_random_pairs(release)),
        hubs=show_hubs(folder, lists, len(ids)),
        stability=_measure_stability(lists, ids, previous),
        seeds=show_seeds(folder, lists, ids),
        duplicates=show_duplicates(folder, ids),
        rejects=summarize_rejects(rejects),
    )


def describe_encoder(folder: Path) -> EncoderSummary:
    """Return what the encoder's card says of how it was made."""
    card = read_card(folder)
    return EncoderSummary(
        id=read_id(folder),
        trained_here=bool(card.plan),
        encoder=card.encoder,
        start=card.start,
        articles=card.articles,
        held_out=card.held_out,
        history=card.history,
        gradient_reach=card.gradient_reach,
        scores=card.scores,
    )


def describe_corpus(articles: Sequence[ArticleLabels]) -> CorpusSummary:
    """Return how many articles there are, and of what."""
    days = [article.published_at[:10] for article in articles if article.published_at]
    languages = Counter(article.lang for article in articles if article.lang)
    return CorpusSummary(
        count=len(articles),
        accounts=len({article.account for article in articles} - {None}),
        categories=len({article.category for article in articles} - {None}),
        languages=dict(languages.most_common(MAX_LANGUAGES)),
        first=min(days, default=None),
        last=max(days, default=None),
    )


def summarize_rejects(rejects: Iterable[Reject]) -> list[RejectReason]:
    """Return why rows, values and sources were left out, and what was guessed, by frequency."""
    reasons: dict[str, RejectReason] = {}
    for reject in rejects:
        text = kind_of(reject.reason)
        if text not in reasons:
            first = f"{Path(reject.file).name}, line {reject.line}: {reject.reason}"
            subject = subject_of(reject.reason)
            reasons[text] = RejectReason(reason=text, rows=0, first=first, subject=subject)
        reasons[text].rows += 1
    ordered = sorted(reasons.values(), key=lambda reason: (-reason.rows, reason.reason))
    return ordered[:MAX_REASONS]


def _measure_stability(
    lists: Recommendations,
    ids: Sequence[str],
    previous: ReleaseFolder | None,
) -> Stability:
    """Return how much of the lists of the previous release is left."""
    if previous is None or not previous.similar_articles.exists():
        return Stability(skipped="there is no release before this one to compare with")
    previous_ids = read_ids(previous)
    previous_lists = Recommendations.read(previous.similar_articles, previous_ids)
    shares = overlap(lists, ids, previous_lists, previous_ids)
    if not len(shares):
        return Stability(skipped="no article is in this release and in the one before")
    return Stability(
        measure=f"overlap@{K}",
        value=_rounded(shares.mean()),
        interval=_stability_interval(shares),
        before=previous.release_id,
        articles=len(shares),
        unchanged=_rounded((shares == 1).mean()),
    )


def _stability_interval(shares: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval, from lists at equal distances where there are many."""
    n_sampled = min(len(shares), STABILITY_LISTS)
    rows = np.linspace(0, len(shares) - 1, n_sampled, dtype=np.int64)
    low, high = confidence_interval(shares[rows], mean)
    return _rounded(low), _rounded(high)


def _rounded(value: np.floating | float) -> float:
    return round(float(value), 4)
