"""The step that encodes: texts become vectors and terms, and both stay in the cache."""

import logging

from simrec import files, log
from simrec.articles.article import encoded_text
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import ReleaseError
from simrec.steps.outcome import Outcome, boundary_of, encode_asked, encoder_id_of, lexical_of
from simrec.workspace import Workspace

logger = logging.getLogger(__name__)

GATHERED_TEXTS = 1_024
OUTGROWN = 2  # times the texts that the word weights were fitted on


def embed(workspace: Workspace, config: Config) -> Outcome:
    """Encode the texts that have no vector yet by the newest encoder."""
    from simrec.encoder import embed as room
    from simrec.encoder.shards import Cache
    from simrec.engine import local

    encoder_id = _encoder_to_use(workspace)
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
    _weigh_words(workspace, config, keys)
    termless = _write_terms(workspace, config, keys)
    sentence = f"{len(missing):,} texts encoded by {encoder_id}, {len(keys) - len(missing):,} were in the cache"
    return Outcome(sentence, len(keys), len(missing), skipped=not (missing or termless))


def _weigh_words(workspace: Workspace, config: Config, keys: list[bytes]) -> None:
    """Fit the word weights, and choose their share in a score, where there are none or the corpus has outgrown them."""
    from simrec.encoder.lexical import MOST_CHARS, Lexical
    from simrec.encoder.vocabulary import Counting
    from simrec.evaluate import scorers, suites

    encoder_id = encoder_id_of(workspace)
    path = workspace.lexical(encoder_id)
    if config.recommend.lexical_weight == 0 or not keys:
        return
    if Lexical.is_current(path) and len(keys) <= OUTGROWN * Lexical.open(path).texts:
        return
    workspace.lexicals.mkdir(exist_ok=True)
    counting = Counting()
    with Store.open(workspace.articles_db) as store:
        parts = (keys[start : start + GATHERED_TEXTS] for start in range(0, len(keys), GATHERED_TEXTS))
        texts = (encoded_text(*article) for part in parts for article in store.texts(part, MOST_CHARS))
        lexical = Lexical.fit(texts, see=counting.see)
        sample = suites.sample(store.sample(config.evaluate.sample), boundary_of(workspace, config))
    neural = scorers.encoder_scorer(encode_asked(workspace, config, encoder_id))
    weight = suites.best_weight(sample, neural, lexical)
    counting.vocabulary().save(workspace.vocabulary(encoder_id))
    lexical.weighing(weight).save(path)
    logger.info("embed: words have a share of %.1f in a score, as held-out articles ask for", weight)


def _write_terms(workspace: Workspace, config: Config, keys: list[bytes]) -> int:
    """Write the terms of the texts that have none yet; return of how many."""
    from simrec.encoder import embed as room
    from simrec.encoder.shards import Cache
    from simrec.engine import local

    lexical = lexical_of(workspace, config)
    if lexical is None:
        return 0
    folder = workspace.embeddings(lexical.id)
    folder.mkdir(exist_ok=True)
    missing = Cache(folder).missing(keys)
    where = workspace.articles_db, workspace.lexical(encoder_id_of(workspace)), folder
    tasks = [room.TermsTask(*where, shard) for shard in room.cut(missing, config.engine.shard_texts)]
    with log.progress("words", total=len(missing)) as bar:
        for done in local.run(room.terms_shard, tasks, local.worker_count(config.engine.workers)):
            bar.update(done)
    return len(missing)


def _encoder_to_use(workspace: Workspace) -> str:
    """Return the encoder in use; where there is none yet, that is the pretrained one, if it can read the articles."""
    from simrec.encoder import begin, folder

    in_use = folder.newest(workspace.encoders)
    if in_use:
        return in_use
    with Store.open(workspace.articles_db) as store:
        why_not = begin.unreadable(begin.PRETRAINED, store.texts(store.text_keys(begin.ASKED)))
    if why_not:
        raise ReleaseError(f"{workspace.root}: no encoder yet, and {why_not}; run simrec train")
    encoder_id = folder.read_id(begin.PRETRAINED)
    files.copy_folder(begin.PRETRAINED, workspace.encoder(encoder_id))
    logger.info("embed: with the pretrained encoder %s; simrec train adapts it to your articles", encoder_id)
    return encoder_id
