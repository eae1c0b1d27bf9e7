"""The step that evaluates: the new release is measured, and its report is written."""

import json
import logging
from collections.abc import Sequence
from contextlib import closing

from simrec import files, release
from simrec.articles.store import Store
from simrec.errors import ReleaseError
from simrec.evaluate import html
from simrec.evaluate.evaluated_release import EvaluatedRelease
from simrec.evaluate.exposure_facts import find_what_may_be_recommended, read_attributes
from simrec.evaluate.known_items import AskedArticles, measure_known_items, read_questions
from simrec.evaluate.maps import build_maps
from simrec.evaluate.measure import release_scorers
from simrec.evaluate.report import Measured, build_report
from simrec.evaluate.report_format import Maps, Report, RuleEffect, to_json
from simrec.evaluate.scorers import Encode
from simrec.evaluate.sentences import summarize_lists
from simrec.evaluate.suite_result import as_sentence, summarize
from simrec.recommend.table_reader import ArticleAttributes, TableReader
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
    word_candidates = night.config.index.word_candidates
    evaluated = EvaluatedRelease(
        staged, night.encoder, night.tfidf, night.smoothing, word_candidates
    )
    encode = query_encoder(night, night.encoder_id)
    scorers = release_scorers(evaluated, encode, night.config.evaluate.sample)
    results = run_suites(night, evaluated, scorers, may_store=True)
    previous = _previous_release(night)
    attributes = read_attributes(staged)
    with night.open_store() as store:
        questions = _ask(night, evaluated, attributes, store, encode)
        measured = Measured(summarize(results), questions)
        report = build_report(evaluated, previous, attributes, measured, store.rejects())
    _write(staged, report, build_maps(staged, previous))
    n_measured = sum(bool(result.per_query) for result in results)
    sentence = f"{summarize_lists(report)}; by score alone, without rules: {as_sentence(results)}"
    return StepResult(sentence, len(results), n_measured)


def _ask(
    night: Night,
    evaluated: EvaluatedRelease,
    attributes: Sequence[ArticleAttributes],
    store: Store,
    encode: Encode,
) -> list[RuleEffect]:
    """Ask the staged release as readers will."""
    may_be_found = find_what_may_be_recommended(evaluated.folder, attributes).mask
    articles = AskedArticles.of(attributes, may_be_found)
    tables = TableReader(evaluated.folder)
    with closing(tables):
        search = evaluated.open_search(tables)
        questions = read_questions(evaluated.folder, articles, store, night.held_out_boundary)
        return measure_known_items(evaluated, search, articles, questions, encode)


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
