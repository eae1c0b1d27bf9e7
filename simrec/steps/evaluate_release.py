"""The step that evaluates: the new release is measured, and its report is written."""

import json
import logging

from simrec import files, release
from simrec.errors import ReleaseError
from simrec.evaluate import html
from simrec.evaluate.evaluated_release import EvaluatedRelease
from simrec.evaluate.maps import build_maps
from simrec.evaluate.measure import release_scorers
from simrec.evaluate.report import build_report
from simrec.evaluate.report_format import Maps, Report, to_json
from simrec.evaluate.suite_result import as_sentence
from simrec.release_folder import ReleaseFolder
from simrec.steps.encode_queries import query_encoder
from simrec.steps.night import Night
from simrec.steps.run_suites import run_suites
from simrec.steps.step import StepResult

logger = logging.getLogger(__name__)


def evaluate(night: Night) -> StepResult:
    """Measure the staged release beside the baselines, and write its report."""
    staged = night.staged
    assert staged
    evaluated = EvaluatedRelease(staged, night.encoder, night.tfidf, night.smoothing)
    encode = query_encoder(night, night.encoder_id)
    scorers = release_scorers(evaluated, encode, night.config.evaluate.sample)
    results = run_suites(night, evaluated, scorers, may_store=True)
    previous = _previous_release(night)
    suites = [result.summary() for result in results]
    with night.open_store() as store:
        report = build_report(evaluated, previous, suites, store.rejects())
    _write(staged, report, build_maps(staged, previous))
    measured = sum(bool(result.per_query) for result in results)
    return StepResult(as_sentence(results), len(results), measured)


def _write(staged: ReleaseFolder, report: Report, maps: Maps) -> None:
    """Write the report last, since it says that the step is done."""
    compact = json.dumps(to_json(maps), ensure_ascii=False, separators=(",", ":"))
    files.write(staged.maps, compact.encode())
    files.write(staged.report_page, html.render(report, maps).encode())
    files.write_json(staged.report, to_json(report))


def _previous_release(night: Night) -> ReleaseFolder | None:
    """Return the current release to compare the new one with, if its tables are whole."""
    if release.current_id(night.workspace) is None:
        return None
    try:
        current = release.Release.current(night.workspace)
        folder = current.folder
        current.verify(only=[folder.tables, folder.similar_articles, folder.maps])
    except ReleaseError as error:
        logger.info("evaluate: a new map and no stability, without the current release: %s", error)
        return None
    return folder
