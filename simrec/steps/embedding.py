"""The step that encodes: texts become vectors and terms, and both stay in the cache."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simrec import files
from simrec.articles.article import encoded_text
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import ReleaseError
from simrec.steps.outcome import (
    OUTGROWN,
    StepResult,
    boundary_of,
    encode_asked,
    encoder_id_of,
    lexical_of,
)
from simrec.tasks.stages import run_missing
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.tasks.engine import Engine

logger = logging.getLogger(__name__)

GATHERED_TEXTS = 1_024


def embed(workspace: Workspace, config: Config) -> StepResult:
    """Encode the texts that have no vector yet by the newest encoder."""
    from simrec.encoder.embed import embed_shard, terms_shard
    from simrec.tasks.engine import open_engine

    encoder_id = _encoder_to_use(workspace)
    with Store.open(workspace.articles_db) as store:
        keys = store.text_keys()
    with open_engine(config.engine) as engine:
        vectors = Making(embed_shard, workspace.encoder(encoder_id), encoder_id)
        missing = _fill(workspace, config, engine, vectors, keys)
        _weigh_words(workspace, config, keys)
        lexical, termless = lexical_of(workspace, config), 0
        if lexical:
            words = Making(terms_shard, workspace.lexical(encoder_id), lexical.id)
            termless = _fill(workspace, config, engine, words, keys)
    sentence = (
        f"{missing:,} texts encoded by {encoder_id}, {len(keys) - missing:,} were in the cache"
    )
    return StepResult(sentence, len(keys), missing, skipped=not (missing or termless))


class Making(NamedTuple):
    """How texts are made into what a cache keeps: the task, the file or folder it goes by, and the cache's name."""

    work: Callable[[Any], int]
    by: Path
    name: str


def _fill(
    workspace: Workspace, config: Config, engine: "Engine", making: Making, keys: list[bytes]
) -> int:
    """Write the shards of a cache for the keys that it does not hold; return how many those were."""
    from simrec.encoder.embed import EmbedTask, cut_shards
    from simrec.encoder.embedding_cache import EmbeddingCache
    from simrec.tasks.local import worker_count

    folder = workspace.embeddings(making.name)
    folder.mkdir(exist_ok=True)
    missing = EmbeddingCache(folder).missing(keys)
    shards = cut_shards(missing, config.engine.shard_texts)
    threads = (
        worker_count(config.engine.workers) if len(shards) == 1 and not engine.is_remote else 1
    )
    if missing and engine.is_remote:
        with Store.open(workspace.articles_db) as store:
            store.checkpoint()
    db, by, folder = (path.absolute() for path in (workspace.articles_db, making.by, folder))
    tasks = [EmbedTask(db, engine.is_remote, by, folder, shard, threads) for shard in shards]
    run_missing(
        engine.run, making.work, tasks, making.work.__name__.removesuffix("_shard"), len(missing)
    )
    return len(missing)


def _weigh_words(workspace: Workspace, config: Config, keys: list[bytes]) -> None:
    """Fit the word weights, and choose their share in a score, where there are none or the corpus has outgrown them."""
    from simrec.lexical.tfidf import TfIdf
    from simrec.lexical.vocabulary import TermCounter
    from simrec.lexical.words import MAX_CHARS
    from simrec.recommend.choose_weight import choose_weight

    encoder_id = encoder_id_of(workspace)
    path = workspace.lexical(encoder_id)
    if config.recommend.lexical_weight == 0 or not keys:
        return
    if TfIdf.is_current(path) and len(keys) <= OUTGROWN * TfIdf.open(path).n_texts:
        return
    workspace.lexicals.mkdir(exist_ok=True)
    counting = TermCounter()
    with Store.open(workspace.articles_db) as store:
        parts = (
            keys[start : start + GATHERED_TEXTS] for start in range(0, len(keys), GATHERED_TEXTS)
        )
        texts = (
            encoded_text(*article) for part in parts for article in store.texts(part, MAX_CHARS)
        )
        lexical = TfIdf.fit(texts, on_document=counting.add)
        sample = store.sample(config.evaluate.sample)
    boundary = boundary_of(workspace, config)
    held_out = [(title, text) for key, title, text, *_ in sample if key < boundary]
    others = [(title, text) for key, title, text, *_ in sample if key >= boundary]
    encode = encode_asked(workspace, config, encoder_id)
    weight = choose_weight(held_out, others, encode, lexical)
    counting.vocabulary().save(workspace.vocabulary(encoder_id))
    lexical.with_weight(weight).save(path)
    logger.info(
        "embed: words have a share of %.1f in a score, as held-out articles ask for", weight
    )


def _encoder_to_use(workspace: Workspace) -> str:
    """Return the encoder in use; where there is none yet, that is the pretrained one, if it can read the articles."""
    from simrec.encoder import default_encoder, model_folder

    in_use = model_folder.newest(workspace.encoders)
    if in_use:
        return in_use
    with Store.open(workspace.articles_db) as store:
        why_not = default_encoder.unreadable(
            default_encoder.PRETRAINED,
            store.texts(store.text_keys(default_encoder.ASKED)),
        )
    if why_not:
        raise ReleaseError(f"{workspace.root}: no encoder yet, and {why_not}; run simrec train")
    encoder_id = model_folder.read_id(default_encoder.PRETRAINED)
    files.copy_folder(default_encoder.PRETRAINED, workspace.encoder(encoder_id))
    logger.info(
        "embed: with the pretrained encoder %s; simrec train adapts it to your articles", encoder_id
    )
    return encoder_id
