"""Measure a release: its scorers, on all suites that the corpus itself has the answers of."""

from collections.abc import Sequence

from simrec.arrays import open_npy
from simrec.evaluate import suites
from simrec.evaluate.account_halves import measure_account_halves
from simrec.evaluate.evaluated_release import EvaluatedRelease, read_labels
from simrec.evaluate.report_format import ENCODER, OURS
from simrec.evaluate.scorers import Encode, Scorer, encoder_scorer, hybrid_scorer, smoothed_scorer
from simrec.evaluate.suite_result import SuiteResult
from simrec.evaluate.suites import SampledArticle
from simrec.recommend.score_shares import Shares


def release_scorers(
    release: EvaluatedRelease, encode: Encode, sample_size: int
) -> dict[str, Scorer]:
    """Return the scorer of a release, and that of its encoder alone where words have a share.

    They score what a sample of that size holds, with all shares of a score, and without rules.
    """
    encoder_alone = encoder_scorer(encode)
    tfidf = release.tfidf
    if tfidf is None:
        return {OURS: encoder_alone}
    if not release.smoothing:
        return {OURS: hybrid_scorer(encoder_alone, tfidf, tfidf.weight), ENCODER: encoder_alone}
    articles = len(open_npy(release.folder.vectors))
    one_in = max(1.0, articles / sample_size)
    shares = Shares(tfidf.weight, release.smoothing)
    return {OURS: smoothed_scorer(encode, tfidf, shares, one_in), ENCODER: encoder_alone}


def measure_release(
    release: EvaluatedRelease, sample: Sequence[SampledArticle], scorers: dict[str, Scorer]
) -> list[SuiteResult]:
    """Run the suites of articles with all scorers, and that of accounts with the release."""
    return [*suites.run(sample, scorers), _measure_accounts(release)]


def _measure_accounts(release: EvaluatedRelease) -> SuiteResult:
    labels = read_labels(release.folder)
    ids = [article.id for article in labels]
    accounts = [article.account for article in labels]
    vectors = open_npy(release.folder.vectors)
    terms = open_npy(release.folder.terms) if release.tfidf else None
    return measure_account_halves(ids, accounts, vectors, terms)
