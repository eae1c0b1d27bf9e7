"""The report of a release: measured suites and what the release itself shows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from simrec.articles.reject_reasons import kind_of, subject_of
from simrec.articles.store_writer import Reject
from simrec.encoder.model_folder import read_card, read_id
from simrec.evaluate.evaluated_release import (
    ArticleLabels,
    EvaluatedRelease,
    read_labels,
    score_random_pairs,
)
from simrec.evaluate.exposure_facts import (
    count_lists,
    describe_exposure,
    find_what_may_be_recommended,
)
from simrec.evaluate.list_changes import ListComparison, ReleaseLists
from simrec.evaluate.list_quality import describe_quality
from simrec.evaluate.list_statistics import describe_lists, score_histogram
from simrec.evaluate.recommendations import Recommendations
from simrec.evaluate.report_format import (
    FORMAT,
    Changes,
    CorpusSummary,
    EncoderSummary,
    ExposureFacts,
    ListQuality,
    RejectReason,
    Report,
    RuleEffect,
    Stability,
    SuiteSummary,
    WordsSummary,
    read_part,
)
from simrec.evaluate.rule_effects import measure_rule_effects
from simrec.evaluate.samples import show_duplicates, show_hubs, show_seeds
from simrec.index.index_facts import IndexFacts, Recall
from simrec.recommend.table_reader import ArticleAttributes
from simrec.recommend.tables.sqlite import read_articles
from simrec.release_folder import ReleaseFolder

MAX_REASONS = 12
MAX_LANGUAGES = 5
MAX_SITES = 3


class Measured(NamedTuple):
    """What was measured with queries: suites, and questions by the rules and without."""

    suites: list[SuiteSummary]
    questions: list[RuleEffect]


def build_report(
    release: EvaluatedRelease,
    previous: ReleaseFolder | None,
    attributes: Sequence[ArticleAttributes],
    measured: Measured,
    rejects: Iterable[Reject],
) -> Report:
    """Return the report of a staged release; previous is the release before it.

    attributes are what the rules may ask of all articles of the release, by row.
    """
    folder = release.folder
    articles = read_labels(folder)
    ids = [article.id for article in articles]
    days = [article.published_at for article in articles]
    lists = Recommendations.read(folder.similar_articles, ids)
    random_scores = score_random_pairs(release)
    exposure, quality = _describe_readers_view(folder, attributes, lists, random_scores)
    stability, changes = _compare(ReleaseLists(folder, ids, lists), previous, days)
    return Report(
        format=FORMAT,
        release=folder.release_id,
        encoder=describe_encoder(release.encoder),
        words=WordsSummary(release.words_share),
        index=read_part(folder.index_facts, IndexFacts),
        candidates=read_part(folder.candidate_recall, Recall),
        suites=measured.suites,
        articles=describe_corpus(articles),
        lists=describe_lists(lists, [article.account for article in articles], days),
        exposure=exposure,
        rule_effects=[*measured.questions, *measure_rule_effects(folder, attributes, lists)],
        quality=quality,
        changes=changes,
        sites=find_sites(folder),
        scores=score_histogram(lists, random_scores),
        hubs=show_hubs(folder, lists, len(ids)),
        stability=stability,
        seeds=show_seeds(folder, lists, ids),
        duplicates=show_duplicates(folder, ids),
        rejects=summarize_rejects(rejects),
    )


def _describe_readers_view(
    folder: ReleaseFolder,
    attributes: Sequence[ArticleAttributes],
    lists: Recommendations,
    random_scores: NDArray[np.float32],
) -> tuple[ExposureFacts, ListQuality]:
    """Return what of the archive readers see, and which lists are weak."""
    may_be_recommended = find_what_may_be_recommended(folder, attributes)
    list_counts = count_lists(folder, len(attributes))
    exposure = describe_exposure(may_be_recommended, lists, list_counts)
    counts = list_counts.of_articles
    quality = describe_quality(folder, lists, counts, may_be_recommended, random_scores)
    return exposure, quality


def _compare(
    now: ReleaseLists, previous: ReleaseFolder | None, days: Sequence[str | None]
) -> tuple[Stability, Changes | None]:
    """Return how much of the lists before is left, and what changed; days are by row."""
    if previous is None or not previous.similar_articles.exists():
        return Stability(skipped="there is no release before this one to compare with"), None
    comparison = ListComparison(now, ReleaseLists.read(previous))
    return comparison.stability(), comparison.changes(days)


def host_of(url: str | None) -> str | None:
    """Return the host of an address, None if it has none that can be read."""
    try:
        return urlsplit(url or "").hostname
    except ValueError:
        return None


def find_sites(folder: ReleaseFolder) -> list[str]:
    """Return the hosts of most articles, a few at most; none where most have no address."""
    hosts: Counter[str] = Counter()
    urls = read_articles(folder, "url")
    for (url,) in urls:
        host = host_of(url)
        if host:
            hosts[host] += 1
    if 2 * hosts.total() <= len(urls):
        return []
    return [host for host, _ in hosts.most_common(MAX_SITES)]


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
