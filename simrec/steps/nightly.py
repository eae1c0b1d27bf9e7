"""The steps of a night: what changed becomes a release."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from simrec import files, log, release
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import GateError, ReleaseError
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
    if staged is None or (staged / "graph.npy").exists():
        return nothing_to_do(workspace, staged)

    from simrec.index import vectors
    from simrec.index.refresh import refresh

    for leftover in workspace.staged_releases() - {staged}:
        files.remove_folder(leftover)
    staged.mkdir(exist_ok=True)
    ids = _gather_vectors(workspace, staged / "vectors.npy")
    vectors.check(staged / "vectors.npy", ids)
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
    from simrec.index.vector_index import IndexFacts
    from simrec.index.vectors import GRAPH, INDEX, VECTORS
    from simrec.recommend.tables.sqlite import read_ids

    if release.current_id(workspace) is None:
        return None
    try:
        current = release.Release.current(workspace)
        if current.manifest.encoder_id == encoder_id_of(workspace):
            current.verify(only=[VECTORS, INDEX, GRAPH])
            return PreviousIndex(
                current.folder.absolute(),
                read_ids(current.folder / "items.db"),
                IndexFacts(**current.manifest.index),
            )
    except (
        ReleaseError,
        TypeError,
    ) as error:  # damaged, or of an older simrec: the next one is made without it
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
    if release_id in release.held(workspace):
        why = f"{release_id} was rolled back and stays so until articles, encoder or configuration change"
        return StepResult(why, skipped=True)
    staged = workspace.staged(release_id)
    if not workspace.release(release_id).exists():
        need(staged / "report.json", "evaluate")
        _judge(workspace, staged, config)
        with Store.open(workspace.articles_db) as store:
            counts = {"articles": store.count(), "accounts": store.count("accounts")}
        facts = {
            "release_id": release_id,
            "created_at": log.now(),
            "encoder_id": encoder_id_of(workspace),
            **counts,
        }
        lexical = lexical_of(workspace, config)
        words = {"weight": lexical.weight, "candidates": config.index.candidates} if lexical else {}
        facts |= {name: read_json(staged / f"{name}.json") for name in ("index", "rules")}
        files.remove_folder(
            staged / PARTS
        )  # a step may have been killed when all but this was done
        release.seal(staged, lexical=words, **facts)
    release.publish(workspace, release_id)
    pruned = release.prune(workspace, config.release.keep)
    return StepResult(
        f"{release_id} is the current release" + (f"; {len(pruned)} old removed" if pruned else ""),
        1,
        1,
    )


def _judge(workspace: Workspace, staged: Path, config: Config) -> None:
    """Let the gates look at a staged release; GateError if they refuse it, and the reason stays beside it in a file."""
    from simrec.evaluate import gates

    refusal = staged / release.REFUSAL
    files.remove(refusal)  # what it was refused for may be allowed now
    try:
        gates.check(gates.Candidate.read(staged), _last(workspace), config)
    except GateError as error:
        files.write(refusal, f"{error}\n".encode())
        raise


def _last(workspace: Workspace) -> "Candidate | None":
    """Return what the current release is compared by, or None if there is none or it cannot be read."""
    from simrec.evaluate.gates import Candidate

    current = release.current_id(workspace)
    if current is None:
        return None
    try:
        last = release.Release.current(workspace)
        return Candidate(read_json(last.folder / "report.json"), last.manifest.articles)
    except (ReleaseError, ValueError) as error:
        logger.warning("publish: not compared with the current release: %s", error)
        return None
