"""The steps of a week: read the release whole, remove what is not needed any more."""

from pathlib import Path

from simrec import files, release
from simrec.articles.store import Store
from simrec.config import Config
from simrec.steps.outcome import Outcome, encoder_id_of, lexical_of
from simrec.workspace import Workspace


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
    lexical = lexical_of(workspace, config)
    needed |= {lexical.id} if lexical else set()
    folders = [*workspace.encoders.glob("*/"), *workspace.embeddings("").glob("*/")]
    unused = [folder for folder in folders if folder.name not in needed]
    for folder in unused:
        files.remove_folder(folder)
    for path in workspace.lexicals.glob("*.*"):
        if path.stem not in needed:
            files.remove(path)
    sentence = f"{len(pruned)} old releases and {len(unused)} folders of unused encoders removed"
    return Outcome(sentence, len(pruned) + len(unused), skipped=not (pruned or unused))


def compact(workspace: Workspace, config: Config) -> Outcome:
    """Write the shards in use anew, without the vectors and the words of texts that are gone."""
    lexical = lexical_of(workspace, config)
    used = [encoder_id_of(workspace), *([lexical.id] if lexical else [])]
    with Store.open(workspace.articles_db) as store:
        keys = store.text_keys()
    counted = [_compact(workspace.embeddings(name), keys, config.engine.shard_texts) for name in used]
    before, after = sum(done[0] for done in counted), sum(done[1] for done in counted)
    if not any(changed for _, _, changed in counted):
        return Outcome("the embedding cache is compact", before, after, skipped=True)
    return Outcome(f"{before} shards are now {after}", before, after)


def _compact(folder: Path, keys: list[bytes], shard_texts: int) -> tuple[int, int, bool]:
    """Compact one cache; return how many shards there were and are, and whether they changed."""
    from simrec.encoder import embed as room
    from simrec.encoder.shards import Cache, write_shard

    cache = Cache(folder)
    wanted = room.cut(cache.present(keys), shard_texts)
    if len(cache) == sum(map(len, wanted)) and cache.shards <= len(wanted):
        return cache.shards, cache.shards, False
    before = cache.shards
    kept = {write_shard(folder, part, cache.gather(part)) for part in wanted}
    cache.remove_all_but(kept)
    return before, len(kept), True
