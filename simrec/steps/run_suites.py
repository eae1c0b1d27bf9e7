"""Runs every suite on a release and its baselines, on articles held out from training."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from simrec.articles.article import encoded_text
from simrec.articles.store import Store
from simrec.encoder.query_cache import Encode
from simrec.evaluate import suites
from simrec.evaluate.baselines import BaselineInputs, open_baselines
from simrec.evaluate.evaluated_release import EvaluatedRelease
from simrec.evaluate.judged_lists import measure_lists, measure_preferences
from simrec.evaluate.judgement_files import (
    Grades,
    holds_grades,
    holds_preferences,
    read_grades,
    read_links,
    read_preferences,
)
from simrec.evaluate.judging import published_lists
from simrec.evaluate.measure import measure_release
from simrec.evaluate.qrels import TextOf, measure_judgements
from simrec.evaluate.report_format import OURS
from simrec.evaluate.scorers import Scorer
from simrec.evaluate.suite_result import SuiteResult
from simrec.recommend.table_reader import TableReader
from simrec.release_folder import ReleaseFolder
from simrec.steps.encode_queries import query_encoder
from simrec.steps.night import Night
from simrec.tasks.local import worker_count


def run_suites(
    night: Night,
    evaluated: EvaluatedRelease,
    scorers: dict[str, Scorer],
    others: Sequence[ReleaseFolder] = (),
    may_store: bool = False,
) -> list[SuiteResult]:
    """Run every suite with the scorers and the configured baselines, on the same queries.

    Judgements measure the published lists as well, beside those of other releases. Without
    `may_store` nothing is written.
    """
    config = night.config
    with night.open_store() as store:
        inputs = _baseline_inputs(night, store, evaluated, may_store)
        scorers = {**scorers, **open_baselines(config.evaluate.baselines, inputs)}
        sample = suites.sample(store.sample(config.evaluate.sample), night.held_out_boundary)
        results = measure_release(evaluated, sample, scorers)
        max_reject_share = config.ingest.max_reject_share
        for name in config.evaluate.judgements:
            path = Path(name)
            if holds_preferences(path):
                preferences = read_preferences(path)
                results += measure_preferences(path.stem, preferences, evaluated.folder.release_id)
                continue
            text_of = partial(_text_outside_training, night, store, str(path))
            results += measure_judgements(path, sample, text_of, max_reject_share, scorers)
            grades = _grades_outside_training(path, text_of)
            if grades:
                results += _measure_published(path.stem, grades, evaluated.folder, others)
    return results


def _grades_outside_training(path: Path, text_of: TextOf) -> Grades:
    """Return the grades or links of a file by id, but none that the encoder was trained with."""
    if holds_grades(path):
        return read_grades(path)
    links = read_links(path)
    return {topic: linked for topic, linked in links.items() if text_of(topic)}


def _measure_published(
    name: str, grades: Grades, folder: ReleaseFolder, others: Sequence[ReleaseFolder]
) -> list[SuiteResult]:
    """Measure the lists of a release, and of others beside it, by grades."""
    with ExitStack() as stack:
        lists = {}
        for scorer, release in ((OURS, folder), *((other.release_id, other) for other in others)):
            tables = stack.enter_context(closing(TableReader(release)))
            lists[scorer] = published_lists(scorer, tables).list_of
        return measure_lists(name, grades, lists)


def _baseline_inputs(
    night: Night, store: Store, evaluated: EvaluatedRelease, may_store: bool
) -> BaselineInputs:
    def encode_with(encoder_id: str) -> Encode | None:
        if not night.workspace.encoder(encoder_id).exists():
            return None
        return query_encoder(night, encoder_id, may_store=False)

    return BaselineInputs(
        store=store,
        boundary=night.held_out_boundary,
        stored_tfidf=night.workspace.tfidf_baseline(night.encoder_id),
        encoder=evaluated.encoder,
        encode_with=encode_with,
        threads=worker_count(night.config.engine.workers),
        seed=night.config.training.seed,
        may_store=may_store,
    )


def _text_outside_training(
    night: Night, store: Store, pair_file: str, article_id: str
) -> str | None:
    """Return the text of an article for the judgements of a file, None if there is no article.

    It is "" where the encoder was trained with this file and may have been with this article.
    """
    article = store.text_of(article_id)
    if article is None:
        return None
    key, title, text = article
    trained_with = {objective.pairs for objective in night.config.objectives}
    if key >= night.held_out_boundary and pair_file in trained_with:
        return ""
    return encoded_text(title, text)
