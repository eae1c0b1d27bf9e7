"""The step that measures: every suite, beside the baselines, on articles held out from training."""

import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    OUTGROWN,
    StepResult,
    boundary_of,
    encode_asked,
    encoder_id_of,
    lexical_of,
)
from simrec.steps.staging import need, nothing_to_do, read_json, stage
from simrec.steps.training import import_training, teacher_room
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.evaluate.report import EvaluatedRelease
    from simrec.evaluate.scorers import Scorer
    from simrec.evaluate.suites import Result, Sampled

logger = logging.getLogger(__name__)

BASELINE_TEXTS = 10_000  # that TF-IDF and LSA learn from
MOST_CHARS = 20_000  # of each
USES_TFIDF = {"TF-IDF", "LSA"}
MINILM_TOKENS = 256  # that all-MiniLM-L6-v2 reads of a text, as its users have it


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
    _keep_tfidf(workspace, config)
    results = _measure(workspace, config, made, _scorers(made, neural))
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
    workspace: Workspace, config: Config, made: "EvaluatedRelease", ours: "dict[str, Scorer]"
) -> "list[Result]":
    """Ask every suite of the release and of whatever stands beside it, on the same rows."""
    from simrec.evaluate import suites

    boundary = boundary_of(workspace, config)
    with (
        Store.open(workspace.articles_db) as store,
        _baselines(workspace, store, made, config) as baselines,
    ):
        sample = suites.sample(store.sample(config.evaluate.sample), boundary)
        scorers = {**ours, **baselines}
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


def _keep_tfidf(workspace: Workspace, config: Config) -> None:
    """Fit TF-IDF where there is none, or the corpus has outgrown it: as seldom as the word weights, and as fair."""
    from simrec.evaluate.baselines import TfIdfBaseline

    path = workspace.tfidf(encoder_id_of(workspace))
    if not USES_TFIDF & {*config.evaluate.baselines}:
        return
    with Store.open(workspace.articles_db) as store:
        count = store.count()
        if not path.exists() or count > OUTGROWN * TfIdfBaseline.open(path).articles:
            workspace.baselines.mkdir(exist_ok=True)
            TfIdfBaseline.fit(_texts(store, b""), count).save(path)


@contextmanager
def _baselines(
    workspace: Workspace, store: Store, made: "EvaluatedRelease", config: Config
) -> "Iterator[dict[str, Scorer]]":
    """Yield the baselines that the configuration names, in its order."""
    from simrec.encoder.default_encoder import PRETRAINED
    from simrec.encoder.model_folder import read_id
    from simrec.encoder.runtime import Encoder
    from simrec.evaluate import baselines
    from simrec.evaluate.scorers import encoder_scorer
    from simrec.tasks import local

    names, threads = config.evaluate.baselines, local.worker_count(config.engine.workers)
    kept, tfidf = workspace.tfidf(encoder_id_of(workspace)), None
    if USES_TFIDF & {*names}:
        tfidf = (
            baselines.TfIdfBaseline.open(kept)
            if kept.exists()
            else baselines.TfIdfBaseline.fit(_texts(store, b""))
        )
    others = _texts(store, boundary_of(workspace, config)) if "LSA" in names else []
    made_of = baselines.simple(names, tfidf, others)
    with tempfile.TemporaryDirectory() as folder:
        if "untrained encoder" in names:
            _write_untrained(made.encoder, Path(folder), config)
            made_of["untrained encoder"] = encoder_scorer(Encoder(Path(folder), threads).encode)
        if "pretrained encoder" in names:
            own = read_id(PRETRAINED)
            known = workspace.encoder(own).exists()
            made_of["pretrained encoder"] = (
                _neural(workspace, config, own)
                if known
                else encoder_scorer(Encoder(PRETRAINED, threads).encode)
            )
        if "MiniLM" in names:
            room = teacher_room()
            made_of["MiniLM"] = encoder_scorer(
                room.SentenceTransformerTeacher(room.packaged(), MINILM_TOKENS).encode
            )
        yield {name: made_of[name] for name in names}


def _texts(store: Store, start: bytes) -> list[str]:
    return [text for _, text in store.texts(store.text_keys(BASELINE_TEXTS, start), MOST_CHARS)]


def _write_untrained(encoder: Path, folder: Path, config: Config) -> None:
    import_training()  # first: its libraries are to be silent
    from simrec.training.random_encoder import write_random_encoder

    write_random_encoder(encoder, folder, config.training.seed)


def _accounts(made: "EvaluatedRelease") -> "Result":
    """Let halves of accounts find each other, by the vectors and words of the release."""
    from simrec.arrays import open_npy
    from simrec.evaluate import account_halves
    from simrec.recommend.tables.sqlite import read_articles

    matrix = open_npy(made.folder.vectors)
    terms = open_npy(made.folder.terms) if made.lexical else None
    listed = read_articles(made.folder.tables, "id, account")
    return account_halves.run([row[0] for row in listed], [row[1] for row in listed], matrix, terms)


def _ask(
    path: Path,
    store: Store,
    sample: "Sequence[Sampled]",
    boundary: bytes,
    config: Config,
    scorers: "dict[str, Scorer]",
) -> "list[Result]":
    """Ask what a file of judgements knows; links that an encoder may have been trained with are passed over."""
    from simrec.evaluate import qrels

    trained_with = {objective.pairs for objective in config.objectives}

    def text_of(article_id: str) -> str | None:
        found = store.text_of(article_id)
        if found is None:
            return None
        key, *article = found
        return "" if key >= boundary and str(path) in trained_with else encoded_text(*article)

    return qrels.ask(path, sample, text_of, config.ingest.max_reject_share, scorers)
