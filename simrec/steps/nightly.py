"""The steps of a night: what changed becomes a release."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from simrec import files, log, release
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import GateError, ReleaseError
from simrec.index.index_facts import IndexFacts
from simrec.manifest import LexicalFacts, Manifest
from simrec.release_folder import ReleaseFolder
from simrec.steps.outcome import StepResult, encoder_id_of, lexical_of
from simrec.steps.staging import (
    gather,
    need,
    nothing_to_do,
    read_json,
    release_id_of,
    stage,
    stages,
)
from simrec.tasks.stages import PARTS
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.evaluate.gates import Candidate
    from simrec.index.refresh import PreviousIndex

logger = logging.getLogger(__name__)


def index(workspace: Workspace, config: Config) -> StepResult:
    """Index all articles and find the neighbours of each, from the current release where little has changed."""
    staged = stage(workspace, config)
    if staged is None or staged.graph.exists():
        return nothing_to_do(workspace, staged)

    from simrec.index import vectors
    from simrec.index.refresh import refresh

    for leftover in workspace.staged_releases():
        if leftover.release_id != staged.release_id:
            files.remove_folder(leftover.path)
    staged.path.mkdir(exist_ok=True)
    ids = _gather_vectors(workspace, staged.vectors)
    vectors.check(staged.vectors, ids)
    with stages(staged, "index", config) as parts:
        sentence = refresh(
            staged.absolute(),
            ids,
            _before(workspace),
            config.index,
            config.recommend.similar_articles,
            parts,
        )
    return StepResult(sentence, len(ids), len(ids))


def _before(workspace: Workspace) -> "PreviousIndex | None":
    """Return the current release for the next one to start from, if it is whole and of the encoder in use."""
    from simrec.index.refresh import PreviousIndex
    from simrec.recommend.tables.sqlite import read_ids

    if release.current_id(workspace) is None:
        return None
    try:
        current = release.Release.current(workspace)
        if current.manifest.encoder_id == encoder_id_of(workspace):
            folder = current.folder.absolute()
            current.verify(only=[folder.vectors, folder.index, folder.graph])
            return PreviousIndex(folder, read_ids(folder), current.manifest.index)
    except ReleaseError as error:  # damaged, or of an older simrec: the next is made without it
        logger.warning(
            "index: from scratch, since the current release cannot be built upon: %s", error
        )
    return None


def _gather_vectors(workspace: Workspace, path: Path) -> list[str]:
    """Write the vectors of all articles in order of id; return the ids."""
    from simrec.encoder.model_folder import check

    encoder_id = encoder_id_of(workspace)
    return gather(workspace, encoder_id, path, check(workspace.encoder(encoder_id)).dim, "<f2")


def publish(workspace: Workspace, config: Config) -> StepResult:
    """Check the gates, publish the staged release, and prune old ones."""
    release_id = release_id_of(workspace, config)
    current = release.current_id(workspace)
    if release_id == current:
        return nothing_to_do(workspace, None)
    if release_id in release.rolled_back(workspace):
        why = f"{release_id} was rolled back and stays so until articles, encoder or configuration change"
        return StepResult(why, skipped=True)
    staged = workspace.staged_release(release_id)
    if not workspace.release(release_id).exists():
        need(staged.report, "evaluate")
        _judge(workspace, staged, config)
        # a step may have been killed when all but this was done
        files.remove_folder(staged.path / PARTS)
        _manifest(workspace, staged, config).write(staged)
    release.publish(workspace, release_id)
    pruned = release.prune(workspace, config.release.keep)
    return StepResult(
        f"{release_id} is the current release" + (f"; {len(pruned)} old removed" if pruned else ""),
        1,
        1,
    )


def _manifest(workspace: Workspace, staged: ReleaseFolder, config: Config) -> Manifest:
    lexical = lexical_of(workspace, config)
    with Store.open(workspace.articles_db) as store:
        articles = store.count()
        accounts = store.count("accounts")
    return Manifest(
        release_id=staged.release_id,
        created_at=log.now(),
        encoder_id=encoder_id_of(workspace),
        articles=articles,
        accounts=accounts,
        index=IndexFacts.from_dict(read_json(staged.index_facts)),
        lexical=LexicalFacts(lexical.weight, config.index.candidates) if lexical else None,
        rules=read_json(staged.rules),
        files=release.checksums(staged),
    )


def _judge(workspace: Workspace, staged: ReleaseFolder, config: Config) -> None:
    """Let the gates look at a staged release; GateError if they refuse it, and the reason stays beside it in a file."""
    from simrec.evaluate import gates

    files.remove(staged.refusal)  # what it was refused for may be allowed now
    try:
        gates.check(gates.Candidate.read(staged), _last(workspace), config)
    except GateError as error:
        files.write(staged.refusal, f"{error}\n".encode())
        raise


def _last(workspace: Workspace) -> "Candidate | None":
    """Return what the current release is compared by, or None if there is none or it cannot be read."""
    from simrec.evaluate.gates import Candidate

    current = release.current_id(workspace)
    if current is None:
        return None
    try:
        last = release.Release.current(workspace)
        return Candidate.published(last.folder, last.manifest.articles)
    except (ReleaseError, ValueError) as error:
        logger.warning("publish: not compared with the current release: %s", error)
        return None
