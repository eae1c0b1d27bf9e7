"""The step that encodes: texts become vectors and terms, and both stay in a cache."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simrec import files
from simrec.articles.article import encoded_text
from simrec.articles.store import LabelledText, Store
from simrec.encoder import default_encoder, model_folder
from simrec.encoder.embed import EmbedTask, cut_shards, embed_shard, terms_shard
from simrec.encoder.embedding_cache import EmbeddingCache
from simrec.errors import ReleaseError
from simrec.index.vectors import unit_rows
from simrec.lexical.fit_vocabulary import fit_vocabulary
from simrec.lexical.tfidf import OUTGROWN, TfIdf
from simrec.lexical.vocabulary import TermCounter, TermVocabulary
from simrec.lexical.word_sample import SAMPLED_TEXTS
from simrec.lexical.words import MAX_CHARS
from simrec.recommend.choose_weight import Sample, SampledText, choose_shares
from simrec.recommend.score_shares import Shares
from simrec.steps.count_texts import count_texts
from simrec.steps.encode_queries import query_encoder
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.tasks.engine import Engine, open_engine
from simrec.tasks.local import worker_count
from simrec.tasks.stages import run_missing

logger = logging.getLogger(__name__)

BLOCK_TEXTS = 1_024


class CacheFill(NamedTuple):
    """How a cache is filled: its name, the task of one shard, and what the task works by."""

    cache_name: str
    stage: str
    work: Callable[[Any], int]
    made_by: Path


def embed(night: Night) -> StepResult:
    """Encode the texts that have no vector yet by the newest encoder."""
    _ensure_encoder(night)
    boilerplate = count_texts(night)
    with night.open_store() as store:
        keys = store.counted_keys()
    terms_missing = 0
    with open_engine(night.config.engine) as engine:
        vectors = CacheFill(night.encoder_id, "embed", embed_shard, night.encoder)
        missing = _fill(night, engine, vectors, keys)
        _fit_words(night, keys)
        if night.tfidf:
            _ensure_vocabulary(night, keys)
            path = night.workspace.lexical(night.encoder_id)
            terms = CacheFill(night.tfidf.id, "terms", terms_shard, path)
            terms_missing = _fill(night, engine, terms, keys)
    return StepResult(
        f"{missing:,} texts encoded by {night.encoder_id}, "
        f"{len(keys) - missing:,} were in the cache{boilerplate}",
        rows_in=len(keys),
        rows_out=missing,
        skipped=not (missing or terms_missing),
    )


def _ensure_encoder(night: Night) -> None:
    """Use the pretrained encoder where there is none yet and it can read the articles."""
    workspace = night.workspace
    if night.newest_encoder:
        return
    pretrained = default_encoder.PRETRAINED
    with night.open_store() as store:
        texts = store.texts(store.text_keys(default_encoder.CHECKED_ARTICLES))
    problem = default_encoder.unreadable(pretrained, texts)
    if problem:
        raise ReleaseError(f"{workspace.root}: no encoder yet, and {problem}; run simrec train")
    encoder_id = model_folder.read_id(pretrained)
    files.copy_folder(pretrained, workspace.encoder(encoder_id))
    night.encoder_changed()
    logger.info(
        "embed: with the pretrained encoder %s; simrec train adapts it to your articles",
        encoder_id,
    )


def _fill(night: Night, engine: Engine, fill: CacheFill, keys: list[bytes]) -> int:
    """Write the shards of a cache for the keys that it lacks; return how many those are."""
    config = night.config.engine
    folder = night.workspace.embeddings(fill.cache_name)
    folder.mkdir(exist_ok=True)
    missing = EmbeddingCache(folder).missing(keys)
    shards = cut_shards(missing, config.shard_texts)
    threads = 1
    if len(shards) == 1 and not engine.is_remote:
        threads = worker_count(config.workers)
    if missing and engine.is_remote:
        with night.open_store() as store:
            store.checkpoint()
    tasks = [
        EmbedTask(
            night.workspace.articles_db.absolute(),
            engine.is_remote,
            fill.made_by.absolute(),
            folder.absolute(),
            shard,
            threads,
        )
        for shard in shards
    ]
    run_missing(engine.run, fill.work, tasks, fill.stage, len(missing))
    return len(missing)


def _fit_words(night: Night, keys: list[bytes]) -> None:
    """Fit the word weights and choose their share in a score, where that is due."""
    path = night.workspace.lexical(night.encoder_id)
    if not _is_due(night, path, len(keys)):
        return
    night.workspace.lexicals.mkdir(exist_ok=True)
    counter = TermCounter()
    with night.open_store() as store:
        tfidf = TfIdf.fit(_texts(store, keys), on_text=counter.add_text)
        sample = store.sample(night.config.evaluate.sample)
    shares = _choose_shares(night, sample, tfidf, len(keys))
    _fit_vocabulary(night, counter, keys)
    shares.write(night.workspace.shares(night.encoder_id))
    tfidf.with_weight(shares.weight).save(path)
    night.word_weights_changed()
    logger.info(
        "embed: words have a share of %.1f in a score and smoothed articles one of %.1f, "
        "with which held-out articles are found best",
        shares.weight,
        shares.smoothing,
    )


def _is_due(night: Night, path: Path, texts: int) -> bool:
    """Tell whether there are no word weights, or the corpus has outgrown them."""
    if night.config.recommend.lexical_weight == 0 or not texts:
        return False
    if not night.workspace.shares(night.encoder_id).exists():
        return True
    return not TfIdf.is_current(path) or texts > OUTGROWN * TfIdf.open(path).n_texts


def _ensure_vocabulary(night: Night, keys: list[bytes]) -> None:
    """Fit the vocabulary where there is none of this format beside word weights that stay."""
    if TermVocabulary.is_current(night.workspace.vocabulary(night.encoder_id)):
        return
    counter = TermCounter()
    with night.open_store() as store:
        for text in _texts(store, keys):
            counter.add_text(text)
    _fit_vocabulary(night, counter, keys)


def _fit_vocabulary(night: Night, counter: TermCounter, keys: list[bytes]) -> None:
    """Learn which of the counted words tell something, from a sample of texts and their vectors."""
    sampled = keys[:SAMPLED_TEXTS]  # keys are hashes, in order
    with night.open_store() as store:
        texts = list(_texts(store, sampled))
    vectors = EmbeddingCache(night.workspace.embeddings(night.encoder_id)).gather(sampled)
    vocabulary = fit_vocabulary(counter.most_written(), texts, unit_rows(vectors))
    vocabulary.save(night.workspace.vocabulary(night.encoder_id))


def _choose_shares(
    night: Night, sample: Sequence[LabelledText], tfidf: TfIdf, n_texts: int
) -> Shares:
    held_out: list[SampledText] = []
    others: list[SampledText] = []
    for text in sample:
        part = held_out if text.key < night.held_out_boundary else others
        part.append(SampledText(text.title, text.text, _labels(text)))
    encode = query_encoder(night, night.encoder_id)
    one_in = n_texts / max(1, len(sample))
    return choose_shares(Sample(held_out, others, one_in), encode, tfidf)


def _labels(text: LabelledText) -> frozenset[str]:
    """Return the category and the tags of an article."""
    tags: list[str] = json.loads(text.tags)
    labels = {f"tag {tag}" for tag in tags}
    if text.category is not None:
        labels.add(f"category {text.category}")
    return frozenset(labels)


def _texts(store: Store, keys: list[bytes]) -> Iterator[str]:
    for start in range(0, len(keys), BLOCK_TEXTS):
        for title, text in store.texts(keys[start : start + BLOCK_TEXTS], MAX_CHARS):
            yield encoded_text(title, text)
