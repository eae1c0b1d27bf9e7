"""The step that measures a release and its baselines on articles held out from training."""

import json
import logging
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from simrec import files, release
from simrec.articles.article import encoded_text
from simrec.articles.store import Store
from simrec.config import Config, override
from simrec.errors import ReleaseError
from simrec.release_folder import ReleaseFolder
from simrec.steps.outcome import (
    StepResult,
    boundary_of,
    encode_asked,
    encoder_id_of,
    lexical_of,
)
from simrec.steps.staging import need, nothing_to_do, stage
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.encoder.query_cache import Encode
    from simrec.evaluate.baselines import BaselineInputs
    from simrec.evaluate.evaluated_release import EvaluatedRelease
    from simrec.evaluate.report_format import SuiteSummary
    from simrec.evaluate.scorers import Scorer
    from simrec.evaluate.suite_result import SuiteResult

logger = logging.getLogger(__name__)


def evaluate(workspace: Workspace, config: Config) -> StepResult:
    """Measure the staged release beside the baselines, and write its report."""
    staged = stage(workspace, config)
    if staged is None or staged.report.exists():
        return nothing_to_do(workspace, staged)
    need(staged.tables, "recommend")

    from simrec.evaluate import html
    from simrec.evaluate.evaluated_release import EvaluatedRelease
    from simrec.evaluate.maps import build_maps
    from simrec.evaluate.measure import release_scorers
    from simrec.evaluate.report import build_report
    from simrec.evaluate.report_format import to_json
    from simrec.evaluate.scorers import encoder_scorer
    from simrec.evaluate.suite_result import as_sentence

    encoder_id = encoder_id_of(workspace)
    tfidf = lexical_of(workspace, config)
    evaluated = EvaluatedRelease(staged, workspace.encoder(encoder_id), tfidf)
    scorer = encoder_scorer(encode_asked(workspace, config, encoder_id))
    scorers = release_scorers(evaluated, scorer)
    results = _measure(workspace, config, evaluated, scorers, may_store=True)
    previous = _previous_release(workspace)
    suites = [result.summary() for result in results]
    with Store.open(workspace.articles_db) as store:
        report = build_report(evaluated, previous, suites, store.rejects())
    maps = build_maps(staged, previous)
    compact = json.dumps(to_json(maps), ensure_ascii=False, separators=(",", ":"))
    files.write(staged.maps, compact.encode())
    files.write(staged.report_page, html.render(report, maps).encode())
    files.write_json(staged.report, to_json(report))  # last, since it says that the step is done
    measured = sum(bool(result.per_query) for result in results)
    return StepResult(as_sentence(results), len(results), measured)


def compare_scorers(
    workspace: Workspace,
    config: Config,
    baselines: Sequence[str],
    judgements: Sequence[str],
    against: str,
) -> "list[SuiteSummary]":
    """Measure the current release beside more baselines, judgements or an older release.

    Nothing is stored.
    """
    from simrec.evaluate.measure import release_scorers
    from simrec.evaluate.report_format import OURS

    more_judgements = (*config.evaluate.judgements, *judgements)
    keys = {
        "baselines": tuple(baselines) or config.evaluate.baselines,
        "judgements": more_judgements,
    }
    config = override(config, evaluate=keys)
    current = _open_published(workspace, release.Release.current(workspace))
    scorer_of = cache(partial(_encoder_scorer, workspace, config))  # two releases may share it
    scorers = release_scorers(current, scorer_of(current.encoder.name))
    if against:
        published = {kept.manifest.release_id: kept for kept in release.published(workspace)}
        if against not in published:
            raise ReleaseError(f"no release '{against}'; simrec releases lists them")
        other = _open_published(workspace, published[against])
        scorers[against] = release_scorers(other, scorer_of(other.encoder.name))[OURS]
    results = _measure(workspace, config, current, scorers)
    return [result.summary() for result in results]


def _previous_release(workspace: Workspace) -> ReleaseFolder | None:
    """Return the current release to compare the new one with, if its tables are whole."""
    if release.current_id(workspace) is None:
        return None
    try:
        current = release.Release.current(workspace)
        folder = current.folder
        current.verify(only=[folder.tables, folder.similar_articles, folder.maps])
    except ReleaseError as error:
        logger.info("evaluate: a new map and no stability, without the current release: %s", error)
        return None
    return folder


def _open_published(workspace: Workspace, published: release.Release) -> "EvaluatedRelease":
    from simrec.evaluate.evaluated_release import EvaluatedRelease
    from simrec.lexical.tfidf import TfIdf

    tfidf = None
    lexical = published.manifest.lexical
    if lexical:
        tfidf = TfIdf.open(published.folder.tfidf).with_weight(lexical.weight)
    encoder = workspace.encoder(published.manifest.encoder_id)
    return EvaluatedRelease(published.folder, encoder, tfidf)


def _measure(
    workspace: Workspace,
    config: Config,
    evaluated: "EvaluatedRelease",
    scorers: "dict[str, Scorer]",
    may_store: bool = False,
) -> "list[SuiteResult]":
    """Run every suite with the scorers and the configured baselines, on the same queries."""
    from simrec.evaluate import suites
    from simrec.evaluate.baselines import open_baselines
    from simrec.evaluate.measure import measure_release
    from simrec.evaluate.qrels import measure_judgements

    boundary = boundary_of(workspace, config)
    with Store.open(workspace.articles_db) as store:
        inputs = _baseline_inputs(workspace, config, store, evaluated, may_store)
        scorers = {**scorers, **open_baselines(config.evaluate.baselines, inputs)}
        sample = suites.sample(store.sample(config.evaluate.sample), boundary)
        results = measure_release(evaluated, sample, scorers)
        for name in config.evaluate.judgements:
            path = Path(name)
            text_of = partial(_text_outside_training, store, boundary, str(path), config)
            max_reject_share = config.ingest.max_reject_share
            results += measure_judgements(path, sample, text_of, max_reject_share, scorers)
    return results


def _encoder_scorer(workspace: Workspace, config: Config, encoder_id: str) -> "Scorer":
    """Return the scorer of an encoder of the workspace, which stores no new vectors."""
    from simrec.evaluate.scorers import encoder_scorer

    return encoder_scorer(encode_asked(workspace, config, encoder_id, keep=False))


def _baseline_inputs(
    workspace: Workspace,
    config: Config,
    store: Store,
    evaluated: "EvaluatedRelease",
    may_store: bool,
) -> "BaselineInputs":
    from simrec.evaluate.baselines import BaselineInputs
    from simrec.tasks.local import worker_count

    def encode_with(encoder_id: str) -> "Encode | None":
        if not workspace.encoder(encoder_id).exists():
            return None
        return encode_asked(workspace, config, encoder_id, keep=False)

    return BaselineInputs(
        store=store,
        boundary=boundary_of(workspace, config),
        stored_tfidf=workspace.tfidf_baseline(encoder_id_of(workspace)),
        encoder=evaluated.encoder,
        encode_with=encode_with,
        threads=worker_count(config.engine.workers),
        seed=config.training.seed,
        may_store=may_store,
    )


def _text_outside_training(
    store: Store, boundary: bytes, name: str, config: Config, article_id: str
) -> str | None:
    """Return the text of an article for the judgements of a file, None if there is no article.

    It is "" where the encoder was trained with this file and may have been with this article.
    """
    article = store.text_of(article_id)
    if article is None:
        return None
    key, title, text = article
    trained_with = {objective.pairs for objective in config.objectives}
    return "" if key >= boundary and name in trained_with else encoded_text(title, text)
