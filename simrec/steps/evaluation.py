"""The step that measures: every suite, beside the baselines, on articles held out from training."""

import json
import logging
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from simrec.steps.staging import need, nothing_to_do, read_json, stage
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.encoder.query_cache import Encode
    from simrec.evaluate.baselines import BaselineInputs
    from simrec.evaluate.report import EvaluatedRelease
    from simrec.evaluate.scorers import Scorer
    from simrec.evaluate.suites import SampledArticle, SuiteResult

logger = logging.getLogger(__name__)


def evaluate(workspace: Workspace, config: Config) -> StepResult:
    """Measure the staged release on articles held out from training, beside the baselines, and write its report."""
    staged = stage(workspace, config)
    if staged is None or staged.report.exists():
        return nothing_to_do(workspace, staged)
    need(staged.tables, "recommend")

    from simrec.evaluate import html, report, suites
    from simrec.evaluate.report import EvaluatedRelease
    from simrec.evaluate.scorers import encoder_scorer

    made = EvaluatedRelease(
        staged, workspace.encoder(encoder_id_of(workspace)), lexical_of(workspace, config)
    )
    neural = encoder_scorer(encode_asked(workspace, config, encoder_id_of(workspace)))
    results = _measure(workspace, config, made, _scorers(made, neural), may_store=True)
    described, maps = report.gather(made, _before(workspace))
    with Store.open(workspace.articles_db) as store:
        rejected = report.rejects(store.rejects())
    facts = {
        "format": html.FORMAT, "release": staged.release_id, "encoder": _encoder(made),
        "words": {"share": made.lexical.weight if made.lexical else 0.0},
        "index": read_json(staged.index_facts), "suites": [result.as_dict() for result in results],
        **described, "rejects": rejected,
    }  # fmt: skip
    files.write(staged.maps, json.dumps(maps, ensure_ascii=False, separators=(",", ":")).encode())
    files.write(staged.report_page, html.render(facts, maps).encode())
    files.write_json(staged.report, facts)  # last: its being there says that the step is done
    return StepResult(
        suites.as_sentence(results), len(results), sum(bool(result.scored) for result in results)
    )


def compare_scorers(
    workspace: Workspace,
    config: Config,
    baselines: Sequence[str],
    judgements: Sequence[str],
    against: str,
) -> list[dict[str, Any]]:
    """Return what the current release measures beside more baselines, judgements or an older release; keep nothing."""
    more = {"baselines": tuple(baselines) or config.evaluate.baselines}
    config = override(
        config, evaluate={**more, "judgements": (*config.evaluate.judgements, *judgements)}
    )
    current = _made(workspace, release.Release.current(workspace))
    neural = cache(partial(_neural, workspace, config))  # two releases may be of one encoder
    scorers = _scorers(current, neural(current.encoder.name))
    if against:
        known = {kept.manifest.release_id: kept for kept in release.published(workspace)}
        if against not in known:
            raise ReleaseError(f"no release '{against}'; simrec releases lists them")
        other = _made(workspace, known[against])
        scorers[against] = _scorers(other, neural(other.encoder.name))["simrec"]
    return [result.as_dict() for result in _measure(workspace, config, current, scorers)]


def _before(workspace: Workspace) -> ReleaseFolder | None:
    """Return the folder of the current release for the new one to be compared with, if its tables are whole."""
    if release.current_id(workspace) is None:
        return None
    try:
        current = release.Release.current(workspace)
        folder = current.folder
        current.verify(only=[folder.tables, folder.similar_articles, folder.maps])
    except ReleaseError as error:
        logger.info(
            "evaluate: with a new map and without stability, since the current release cannot be read: %s",
            error,
        )
        return None
    return folder


def _encoder(made: "EvaluatedRelease") -> dict[str, Any]:
    """Return what the encoder's card says of how it was made."""
    from simrec.encoder.model_folder import read_card, read_id

    card = read_card(made.encoder)
    told = ("encoder", "start", "articles", "held_out", "history", "gradient_reach", "scores")
    return {
        "id": read_id(made.encoder),
        "trained_here": "plan" in card,
        **{k: card[k] for k in told if k in card},
    }


def _made(workspace: Workspace, published: release.Release) -> "EvaluatedRelease":
    from simrec.evaluate.report import EvaluatedRelease
    from simrec.lexical.tfidf import TfIdf

    words, lexical = None, published.manifest.lexical
    if lexical:
        words = TfIdf.open(published.folder.tfidf).with_weight(lexical.weight)
    return EvaluatedRelease(
        published.folder, workspace.encoder(published.manifest.encoder_id), words
    )


def _measure(
    workspace: Workspace,
    config: Config,
    made: "EvaluatedRelease",
    ours: "dict[str, Scorer]",
    may_store: bool = False,
) -> "list[SuiteResult]":
    """Ask every suite of the release and of whatever stands beside it, on the same rows."""
    from simrec.evaluate import suites
    from simrec.evaluate.baselines import open_baselines

    boundary = boundary_of(workspace, config)
    with Store.open(workspace.articles_db) as store:
        inputs = _baseline_inputs(workspace, config, store, made, may_store)
        scorers = {**ours, **open_baselines(config.evaluate.baselines, inputs)}
        sample = suites.sample(store.sample(config.evaluate.sample), boundary)
        results = [*suites.run(sample, scorers), _accounts(made)]
        for path in config.evaluate.judgements:
            results += _ask(Path(path), store, sample, boundary, config, scorers)
    return results


def _neural(workspace: Workspace, config: Config, encoder_id: str) -> "Scorer":
    """Return the scorer of an encoder of the workspace; it remembers what nights have encoded, and keeps nothing."""
    from simrec.evaluate.scorers import encoder_scorer

    return encoder_scorer(encode_asked(workspace, config, encoder_id, keep=False))


def _scorers(made: "EvaluatedRelease", neural: "Scorer") -> "dict[str, Scorer]":
    """Return the scorer of a release, and that of its encoder alone where words have a share."""
    from simrec.evaluate.scorers import joint_scorer

    if made.lexical is None:
        return {"simrec": neural}
    return {
        "simrec": joint_scorer(neural, made.lexical, made.lexical.weight),
        "encoder alone": neural,
    }


def _baseline_inputs(
    workspace: Workspace, config: Config, store: Store, made: "EvaluatedRelease", may_store: bool
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
        encoder=made.encoder,
        encode_with=encode_with,
        threads=worker_count(config.engine.workers),
        seed=config.training.seed,
        may_store=may_store,
    )


def _accounts(made: "EvaluatedRelease") -> "SuiteResult":
    """Let halves of accounts find each other, by the vectors and words of the release."""
    from simrec.arrays import open_npy
    from simrec.evaluate import account_halves
    from simrec.recommend.tables.sqlite import read_articles

    matrix = open_npy(made.folder.vectors)
    terms = open_npy(made.folder.terms) if made.lexical else None
    listed = read_articles(made.folder, "id, account")
    return account_halves.run([row[0] for row in listed], [row[1] for row in listed], matrix, terms)


def _ask(
    path: Path,
    store: Store,
    sample: "Sequence[SampledArticle]",
    boundary: bytes,
    config: Config,
    scorers: "dict[str, Scorer]",
) -> "list[SuiteResult]":
    """Ask what a file of judgements knows; links that an encoder may have been trained with are passed over."""
    from simrec.evaluate import qrels

    trained_with = {objective.pairs for objective in config.objectives}

    def text_of(article_id: str) -> str | None:
        found = store.text_of(article_id)
        if found is None:
            return None
        key, *article = found
        return "" if key >= boundary and str(path) in trained_with else encoded_text(*article)

    return qrels.measure_judgements(path, sample, text_of, config.ingest.max_reject_share, scorers)
