"""The step that removes old releases, and what only they needed."""

from simrec import files, release
from simrec.steps.night import Night
from simrec.steps.step import StepResult


def prune(night: Night) -> StepResult:
    """Remove the oldest releases beyond those to keep, and the encoders that only they needed."""
    workspace = night.workspace
    pruned = release.prune(workspace, night.config.release.keep)
    needed = {kept.manifest.encoder_id for kept in release.published(workspace)}
    needed.add(night.encoder_id)
    if night.tfidf:
        needed.add(night.tfidf.id)
    folders = [*workspace.encoders.glob("*/"), *workspace.embedding_caches.glob("*/")]
    unused = [folder for folder in folders if folder.name not in needed]
    for folder in unused:
        files.remove_folder(folder)
    for path in [*workspace.lexicals.glob("*.*"), *workspace.baselines.glob("*.*")]:
        if path.stem not in needed:
            files.remove(path)
    sentence = f"{len(pruned)} old releases and {len(unused)} folders of unused encoders removed"
    return StepResult(sentence, len(pruned) + len(unused), skipped=not (pruned or unused))
