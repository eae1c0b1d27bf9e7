"""The steps of a week: read the release whole, remove what is not needed any more."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from simrec import files, journal, release
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import ReleaseError
from simrec.steps.outcome import StepResult, encoder_id_of, lexical_of
from simrec.workspace import Workspace


def verify(workspace: Workspace, config: Config) -> StepResult:
    """Read the current release and all that the next one is made from; ReleaseError names everything damaged."""
    from simrec import arrays
    from simrec.encoder import embedding_cache, model_folder
    from simrec.evaluate.tfidf_baseline import TfIdfBaseline
    from simrec.lexical import tfidf, vocabulary

    current = release.Release.current(workspace)
    checks: list[Callable[[], object]] = [current.verify, partial(release.rolled_back, workspace)]
    checks += [partial(_verify_articles, workspace), partial(journal.verify, workspace.journal)]
    checks += [
        partial(model_folder.verify, path) for path in sorted(workspace.encoders.glob("[!.]*/"))
    ]
    checks += [
        partial(embedding_cache.verify, path)
        for path in sorted(workspace.embedding_caches.glob("*/[!.]*.npz"))
    ]
    weights, words = (sorted(workspace.lexicals.glob(f"[!.]*.{kind}")) for kind in ("npz", "words"))
    checks += [partial(arrays.read_npz, path, tfidf.HINT, "facts", "idf") for path in weights]
    checks += [partial(vocabulary.TermVocabulary.open, path) for path in words]
    checks += [
        partial(TfIdfBaseline.open, path) for path in sorted(workspace.baselines.glob("[!.]*.npz"))
    ]
    damage = list(filter(None, map(_damage, checks)))
    if damage:
        raise ReleaseError("\n".join(damage))
    count, others = len(current.manifest.files), len(checks) - 1
    sentence = f"{current.manifest.release_id}: {count} files are as they were published, and {others} beside it whole"
    return StepResult(sentence, count + others, count + others)


def _verify_articles(workspace: Workspace) -> None:
    with Store.open(workspace.articles_db) as store:
        store.verify()


def _damage(check: Callable[[], object]) -> str:
    try:
        check()
    except ReleaseError as error:
        return str(error)
    return ""


def prune(workspace: Workspace, config: Config) -> StepResult:
    """Remove the oldest releases beyond those to keep, and the encoders that only they needed."""
    from simrec.encoder.model_folder import newest

    pruned = release.prune(workspace, config.release.keep)
    needed = {kept.manifest.encoder_id for kept in release.published(workspace)} | {
        newest(workspace.encoders)
    }
    lexical = lexical_of(workspace, config)
    needed |= {lexical.id} if lexical else set()
    folders = [*workspace.encoders.glob("*/"), *workspace.embedding_caches.glob("*/")]
    unused = [folder for folder in folders if folder.name not in needed]
    for folder in unused:
        files.remove_folder(folder)
    for path in [*workspace.lexicals.glob("*.*"), *workspace.baselines.glob("*.*")]:
        if path.stem not in needed:
            files.remove(path)
    sentence = f"{len(pruned)} old releases and {len(unused)} folders of unused encoders removed"
    return StepResult(sentence, len(pruned) + len(unused), skipped=not (pruned or unused))


def compact(workspace: Workspace, config: Config) -> StepResult:
    """Write the shards in use anew, without the vectors and the words of texts that are gone."""
    lexical = lexical_of(workspace, config)
    used = [encoder_id_of(workspace), *([lexical.id] if lexical else [])]
    with Store.open(workspace.articles_db) as store:
        keys = store.text_keys()
    counted = [
        _compact(workspace.embeddings(name), keys, config.engine.shard_texts) for name in used
    ]
    before, after = sum(done[0] for done in counted), sum(done[1] for done in counted)
    if not any(changed for _, _, changed in counted):
        return StepResult("the embedding cache is compact", before, after, skipped=True)
    return StepResult(f"{before} shards are now {after}", before, after)


def _compact(folder: Path, keys: list[bytes], shard_texts: int) -> tuple[int, int, bool]:
    """Compact one cache; return how many shards there were and are, and whether they changed."""
    from simrec.encoder import embed as room
    from simrec.encoder.embedding_cache import EmbeddingCache, write_shard

    cache = EmbeddingCache(folder)
    wanted = room.cut_shards(cache.present(keys), shard_texts)
    if len(cache) == sum(map(len, wanted)) and cache.shards <= len(wanted):
        return cache.shards, cache.shards, False
    before = cache.shards
    kept = {write_shard(folder, part, cache.gather(part)) for part in wanted}
    cache.remove_all_but(kept)
    return before, len(kept), True
