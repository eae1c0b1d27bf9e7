"""The steps of a job: each a verb that may be said again, and then does only what is missing."""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from simrec import files, log, release
from simrec.articles.article import held_out_below
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import GateError, ReleaseError, missing_extra
from simrec.workspace import Workspace

logger = logging.getLogger(__name__)

GATHERED_ROWS = 65_536
BASELINE_TEXTS = 10_000  # that TF-IDF learns its weights from
MOST_HELD_OUT = 1_000  # articles that judge an epoch of training


@dataclass(frozen=True)
class Outcome:
    """What a step did, for the journal: a sentence, rows in and out, and whether there was nothing to do."""

    sentence: str
    rows_in: int = 0
    rows_out: int = 0
    skipped: bool = False


Step = Callable[[Workspace, Config], Outcome]


def ingest(workspace: Workspace, config: Config) -> Outcome:
    """Bring new and changed articles in from the sources, and take deleted ones out."""
    from simrec.articles import ingest as room

    if not (config.sources or config.ingest.deletions):
        return Outcome("no sources are configured; the articles stay as they are", skipped=True)
    with Store.open(workspace.articles_db, create=True) as store:
        done = room.ingest(store, config, log.now())
        total = store.count()
    if done.rejects.count or done.notes.count:
        logger.warning("ingest: %s", done.problems)
    return Outcome(f"{done}; {total:,} articles", done.read, done.new + done.changed + done.deleted)


def train(workspace: Workspace, config: Config) -> Outcome:
    """Train an encoder on the articles, unless one was trained on just these with this configuration."""
    from simrec.encoder import folder

    boundary = held_out_below(config.training.held_out)
    with Store.open(workspace.articles_db) as store:
        keys = store.text_keys(config.training.max_articles, start=boundary)
        judges = [key for key in store.text_keys(MOST_HELD_OUT) if key < boundary]
        articles, held_out = store.texts(keys), store.texts(judges)
    rules = _rules(config.encoder, config.training)
    plan = release.derive_id((("", key, key) for key in judges + keys), "", rules)
    known = folder.trained_from(workspace.encoders, plan)
    if known:
        return Outcome(f"{known} was trained on these articles already", len(keys), skipped=True)
    staged = workspace.staged("encoder")
    files.remove_folder(staged)
    staged.mkdir()
    facts = {"created_at": log.now(), "plan": plan, **_asdict(encoder=config.encoder, training=config.training)}
    encoder_id = _training().train(articles, held_out, config, staged, facts)
    if not workspace.encoder(encoder_id).exists():
        files.move_folder(staged, workspace.encoder(encoder_id))
    history = folder.read_card(workspace.encoder(encoder_id))["history"]
    best = max(history, key=lambda epoch: epoch["held_out_mrr"])
    return Outcome(
        f"{encoder_id}: held-out passages find each other with MRR {best['held_out_mrr']:.3f} after epoch "
        f"{best['epoch']:.0f} of {history[-1]['epoch']:.0f} ({history[0]['held_out_mrr']:.3f} before training)",
        len(keys),
        len(keys),
    )


def _training() -> Any:
    """Open the room that needs TensorFlow; its libraries speak on stderr before they can be told not to."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with log.native_silence():
            from simrec.encoder import training

            training.warm_up()
    except ModuleNotFoundError as error:
        if error.name in ("tensorflow", "keras", "onnx"):
            raise missing_extra("train", "training an encoder") from error
        raise
    return training


def embed(workspace: Workspace, config: Config) -> Outcome:
    """Encode the texts that have no vector yet by the newest encoder."""
    from simrec.encoder import embed as room
    from simrec.encoder.shards import Cache
    from simrec.engine import local

    encoder_id = _encoder_id(workspace)
    folder = workspace.embeddings(encoder_id)
    folder.mkdir(exist_ok=True)
    with Store.open(workspace.articles_db) as store:
        keys = store.text_keys()
    missing = Cache(folder).missing(keys)
    workers = local.worker_count(config.engine.workers)
    shards = room.cut(missing, config.engine.shard_texts)
    threads = workers if len(shards) == 1 else 1
    where = workspace.articles_db, workspace.encoder(encoder_id), folder
    tasks = [room.EmbedTask(*where, shard, threads) for shard in shards]
    with log.progress("embed", total=len(missing)) as bar:
        for encoded in local.run(room.embed_shard, tasks, workers):
            bar.update(encoded)
    sentence = f"{len(missing):,} texts encoded by {encoder_id}, {len(keys) - len(missing):,} were in the cache"
    return Outcome(sentence, len(keys), len(missing), skipped=not missing)


def index(workspace: Workspace, config: Config) -> Outcome:
    """Build the index over all articles and find the neighbours of each."""
    staged = _stage(workspace, config)
    if staged is None or (staged / "index.json").exists():
        return _nothing_to_do(workspace, staged)

    import numpy as np

    from simrec.index import neighbours, search, vectors

    for leftover in workspace.staging.iterdir():
        if leftover != staged:
            files.remove_folder(leftover)
    staged.mkdir(exist_ok=True)
    ids = _gather_vectors(workspace, staged / "vectors.npy")
    vectors.check(staged / "vectors.npy", ids)
    matrix = vectors.read_unit(staged / "vectors.npy")
    built = search.Index.build(matrix, config.index, config.index.candidates)
    built.save(staged / "index.faiss")
    graph = neighbours.neighbours(built, matrix, config.index.candidates)
    with files.atomic_path(staged / "neighbours.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, rows=graph.rows, scores=graph.scores)
    files.write_json(staged / "index.json", built.facts.as_dict())
    facts = built.facts
    return Outcome(f"{facts.kind} index, recall@{config.index.candidates} {facts.recall:.3f}", len(ids), len(ids))


def _gather_vectors(workspace: Workspace, path: Path) -> list[str]:
    """Write the vectors of all articles in order of id; return the ids."""
    from simrec.encoder.folder import check
    from simrec.encoder.shards import Cache
    from simrec.index import vectors

    encoder_id = _encoder_id(workspace)
    with Store.open(workspace.articles_db) as store:
        keys = list(store.keys())
    cache = Cache(workspace.embeddings(encoder_id))
    missing = cache.missing([text_key for _, _, text_key in keys])
    if missing:
        raise ReleaseError(f"{len(missing):,} articles have no vector of {encoder_id}; run simrec embed first")
    text_keys = [text_key for _, _, text_key in keys]
    parts = (text_keys[start : start + GATHERED_ROWS] for start in range(0, len(keys), GATHERED_ROWS))
    dim = check(workspace.encoder(encoder_id)).dim
    vectors.write(path, map(cache.gather, parts), shape=(len(keys), dim))
    return [article_id for article_id, _, _ in keys]


def recommend(workspace: Workspace, config: Config) -> Outcome:
    """Turn neighbours into the tables of similar articles and similar accounts."""
    staged = _stage(workspace, config)
    if staged is None or (staged / "items.db").exists():
        return _nothing_to_do(workspace, staged)
    _need(staged / "index.json", "index")

    import numpy as np

    from simrec.index import neighbours, vectors
    from simrec.recommend import bulk, tables
    from simrec.recommend.accounts import similar_accounts

    with np.load(staged / "neighbours.npz", allow_pickle=False) as stored:
        graph = neighbours.Neighbours(stored["rows"], stored["scores"])
    with Store.open(workspace.articles_db) as store:
        articles, accounts = list(store.rows()), store.accounts()
    matrix = vectors.read_unit(staged / "vectors.npy")
    most = config.recommend
    related = similar_accounts(matrix, [article.account for article in articles], config.index, most.similar_accounts)
    ids = [article.id for article in articles]
    bulk.write_pairs(staged / "similar_articles.parquet", "article", ids, graph, most.similar_articles)
    bulk.write_pairs(staged / "neighbours.parquet", "article", ids, graph, config.index.candidates)
    names = [account.id for account in accounts]
    bulk.write_pairs(staged / "similar_accounts.parquet", "account", names, related, most.similar_accounts)
    tables.write_tables(
        staged / "items.db",
        articles,
        neighbours.pairs(graph, most.similar_articles),
        accounts,
        neighbours.pairs(related, most.similar_accounts),
        (most.similar_articles, most.similar_accounts),
    )
    return Outcome(f"{len(ids):,} articles, {len(names):,} accounts", len(ids), len(ids) + len(names))


def evaluate(workspace: Workspace, config: Config) -> Outcome:
    """Measure the staged release on articles held out from training, beside TF-IDF, and write its report."""
    staged = _stage(workspace, config)
    if staged is None or (staged / "report.json").exists():
        return _nothing_to_do(workspace, staged)
    _need(staged / "items.db", "recommend")

    from simrec.encoder.folder import read_card
    from simrec.encoder.runtime import Encoder
    from simrec.engine import local
    from simrec.evaluate import baselines, suites

    folder = workspace.encoder(_encoder_id(workspace))
    boundary = held_out_below(read_card(folder)["training"]["held_out"])
    with Store.open(workspace.articles_db) as store:
        sample = [
            suites.Sampled(key < boundary, title, text, account, category)
            for key, title, text, account, category in store.sample(config.evaluate.sample)
        ]
        texts = [text for _, text in store.texts(store.text_keys(BASELINE_TEXTS))]
    encoder = Encoder(folder, local.worker_count(config.engine.workers))
    scorers = {"simrec": suites.encoder_scorer(encoder.encode), "TF-IDF": baselines.TfIdf(texts).scores}
    results = suites.run(sample, scorers)
    report = {"index": _read_json(staged / "index.json"), "suites": suites.as_json(results)}
    files.write_json(staged / "report.json", report)
    return Outcome(suites.as_sentence(results), len(sample), len(results))


def publish(workspace: Workspace, config: Config) -> Outcome:
    """Check the gates, publish the staged release, and prune old ones."""
    from simrec.evaluate import gates

    release_id = _release_id(workspace, config)
    current = release.current_id(workspace)
    if release_id == current:
        return _nothing_to_do(workspace, None)
    if release_id in release.held(workspace):
        why = f"{release_id} was rolled back and stays so until articles, encoder or configuration change"
        return Outcome(why, skipped=True)
    staged = workspace.staged(release_id)
    if not workspace.release(release_id).exists():
        _need(staged / "report.json", "evaluate")
        last = workspace.release(current or "") / "report.json"
        gates.check(_read_json(staged / "report.json"), _read_json(last) if last.exists() else None, config)
        files.remove(staged / "neighbours.npz")
        with Store.open(workspace.articles_db) as store:
            counts = {"articles": store.count(), "accounts": store.count("accounts")}
        facts = {"release_id": release_id, "created_at": log.now(), "encoder_id": _encoder_id(workspace), **counts}
        release.seal(staged, index=_read_json(staged / "index.json"), **facts)
    release.publish(workspace, release_id)
    pruned = release.prune(workspace, config.release.keep)
    return Outcome(f"{release_id} is the current release" + (f"; {len(pruned)} old removed" if pruned else ""), 1, 1)


def verify(workspace: Workspace, config: Config) -> Outcome:
    """Read the current release whole and compare it with its checksums."""
    current = release.Release.current(workspace)
    current.verify()
    count = len(current.manifest.files)
    return Outcome(f"{current.manifest.release_id}: {count} files are as they were published", count, count)


def prune(workspace: Workspace, config: Config) -> Outcome:
    """Remove the oldest releases beyond those to keep, and the encoders that only they needed."""
    from simrec.encoder.folder import newest

    pruned = release.prune(workspace, config.release.keep)
    needed = {kept.manifest.encoder_id for kept in release.published(workspace)} | {newest(workspace.encoders)}
    folders = [*workspace.encoders.glob("*/"), *workspace.embeddings("").glob("*/")]
    unused = [folder for folder in folders if folder.name not in needed]
    for folder in unused:
        files.remove_folder(folder)
    sentence = f"{len(pruned)} old releases and {len(unused)} folders of unused encoders removed"
    return Outcome(sentence, len(pruned) + len(unused), skipped=not (pruned or unused))


def compact(workspace: Workspace, config: Config) -> Outcome:
    """Write the shards of the newest encoder anew, without the vectors of texts that are gone."""
    from simrec.encoder import embed as room
    from simrec.encoder.shards import Cache, write_shard

    folder = workspace.embeddings(_encoder_id(workspace))
    with Store.open(workspace.articles_db) as store:
        keys = store.text_keys()
    cache = Cache(folder)
    wanted = room.cut(cache.present(keys), config.engine.shard_texts)
    if len(cache) == sum(map(len, wanted)) and cache.shards <= len(wanted):
        return Outcome("the embedding cache is compact", len(cache), len(cache), skipped=True)
    kept = {write_shard(folder, part, cache.gather(part)) for part in wanted}
    cache.remove_all_but(kept)
    return Outcome(f"{len(cache):,} vectors in {cache.shards} shards are now {len(kept)}", len(cache), len(keys))


def _stage(workspace: Workspace, config: Config) -> Path | None:
    """Return the staging folder of the release that is due, or None if it is published already."""
    release_id = _release_id(workspace, config)
    return None if workspace.release(release_id).exists() else workspace.staged(release_id)


def _release_id(workspace: Workspace, config: Config) -> str:
    with Store.open(workspace.articles_db) as store:
        if not store.count():
            raise GateError(f"{workspace.root}: there are no articles, so there is nothing to release")
        rules = _rules(config.index, config.recommend)
        return release.derive_id(store.keys(), _encoder_id(workspace), rules)


def _encoder_id(workspace: Workspace) -> str:
    from simrec.encoder.folder import newest

    encoder_id = newest(workspace.encoders)
    if encoder_id is None:
        raise ReleaseError(f"{workspace.root}: no encoder yet; run simrec train")
    return encoder_id


def _nothing_to_do(workspace: Workspace, staged: Path | None) -> Outcome:
    where = "is published" if staged is None else "is done"
    return Outcome(f"nothing changed since this {where}", skipped=True)


def _need(path: Path, step: str) -> None:
    if not path.exists():
        raise ReleaseError(f"the articles of now have not been through '{step}' yet; run simrec {step} first")


def _rules(*sections: msgspec.Struct) -> str:
    return json.dumps([msgspec.to_builtins(section) for section in sections])


def _asdict(**sections: msgspec.Struct) -> dict[str, Any]:
    return {name: msgspec.to_builtins(section) for name, section in sections.items()}


def _read_json(path: Path) -> Any:
    return json.loads(path.read_bytes())
