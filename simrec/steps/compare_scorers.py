"""Measures the current release beside more baselines, judgements or an older release."""

from collections.abc import Sequence
from functools import cache

from simrec import release
from simrec.config import Config, override
from simrec.errors import ReleaseError
from simrec.evaluate.evaluated_release import EvaluatedRelease
from simrec.evaluate.measure import release_scorers
from simrec.evaluate.report_format import OURS, SuiteSummary
from simrec.evaluate.scorers import Encode, Scorer
from simrec.evaluate.suite_result import summarize
from simrec.lexical.tfidf import TfIdf
from simrec.release import Release
from simrec.steps.encode_queries import query_encoder
from simrec.steps.night import Night
from simrec.steps.run_suites import run_suites
from simrec.workspace import Workspace


def compare_scorers(
    workspace: Workspace,
    config: Config,
    baselines: Sequence[str],
    judgements: Sequence[str],
    against: str,
) -> list[SuiteSummary]:
    """Measure the current release beside more baselines, judgements or an older release.

    Nothing is stored. ReleaseError if there is no release `against`.
    """
    config = override(
        config,
        evaluate={
            "baselines": tuple(baselines) or config.evaluate.baselines,
            "judgements": (*config.evaluate.judgements, *judgements),
        },
    )
    with Night(workspace, config) as night:

        @cache  # two releases may be of one encoder
        def encode_with(encoder_id: str) -> Encode:
            return query_encoder(night, encoder_id, may_store=False)

        def scorers_of(evaluated: EvaluatedRelease) -> dict[str, Scorer]:
            encode = encode_with(evaluated.encoder.name)
            return release_scorers(evaluated, encode, config.evaluate.sample)

        current = _evaluated(workspace, Release.current(workspace))
        scorers = scorers_of(current)
        others = []
        if against:
            other = _evaluated(workspace, _published(workspace, against))
            scorers[against] = scorers_of(other)[OURS]
            others.append(other.folder)
        return summarize(run_suites(night, current, scorers, others))


def _published(workspace: Workspace, release_id: str) -> Release:
    for published in release.published(workspace):
        if published.manifest.release_id == release_id:
            return published
    raise ReleaseError(f"no release '{release_id}'; simrec releases lists them")


def _evaluated(workspace: Workspace, published: Release) -> EvaluatedRelease:
    tfidf = None
    lexical = published.manifest.lexical
    if lexical:
        tfidf = TfIdf.open(published.folder.tfidf).with_weight(lexical.weight)
    encoder = workspace.encoder(published.manifest.encoder_id)
    return EvaluatedRelease(published.folder, encoder, tfidf, published.manifest.smoothing)
