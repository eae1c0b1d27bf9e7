"""The step that publishes: the gates look at the new release, and then it answers."""

import json
import logging

from simrec import files, log, release
from simrec.errors import GateError, ReleaseError
from simrec.evaluate import gates
from simrec.index.index_facts import IndexFacts, Recall
from simrec.manifest import LexicalFacts, Manifest
from simrec.recommend.clicks import read_click_facts
from simrec.release_folder import ReleaseFolder
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.tasks.stages import PARTS

logger = logging.getLogger(__name__)


def publish(night: Night) -> StepResult:
    """Check the gates, publish the staged release, and prune old ones."""
    workspace = night.workspace
    release_id = night.release_id
    if release_id == release.current_id(workspace):
        return StepResult("nothing changed since this is published", skipped=True)
    if release_id in release.rolled_back(workspace):
        return StepResult(
            f"{release_id} was rolled back and stays so until articles, encoder or "
            "configuration change",
            skipped=True,
        )
    if night.staged:
        _check_gates(night, night.staged)
        # a step may have been killed when all but this was done
        files.remove_folder(night.staged.path / PARTS)
        _manifest(night, night.staged).write(night.staged)
    release.publish(workspace, release_id)
    pruned = release.prune(workspace, night.config.release.keep)
    sentence = f"{release_id} is the current release"
    if pruned:
        sentence += f"; {len(pruned)} old removed"
    return StepResult(sentence, 1, 1, release=release_id)


def _manifest(night: Night, staged: ReleaseFolder) -> Manifest:
    lexical = None
    if night.tfidf:
        lexical = LexicalFacts(night.tfidf.weight, night.config.index.word_candidates)
    with night.open_store() as store:
        articles = store.count()
        accounts = store.count("accounts")
    return Manifest(
        release_id=staged.release_id,
        created_at=log.now(),
        encoder_id=night.encoder_id,
        articles=articles,
        accounts=accounts,
        index=IndexFacts.read(staged.index_facts),
        lexical=lexical,
        rules=json.loads(staged.rules.read_bytes()),
        smoothing=night.smoothing,
        shares=night.shares,
        candidates=Recall(**json.loads(staged.candidate_recall.read_bytes())),
        clicks=read_click_facts(staged),
        files=release.checksums(staged),
    )


def _check_gates(night: Night, staged: ReleaseFolder) -> None:
    """Let the gates look at a staged release.

    GateError if they refuse it; the reason stays beside it in a file.
    """
    files.remove(staged.refusal)  # what it was refused for may be allowed now
    try:
        gates.check(gates.Candidate.read(staged), _current(night), night.config)
    except GateError as error:
        files.write(staged.refusal, f"{error}\n".encode())
        raise


def _current(night: Night) -> gates.Candidate | None:
    """Return what the new release is compared with; None without a readable current release."""
    if release.current_id(night.workspace) is None:
        return None
    try:
        current = release.Release.current(night.workspace)
        return gates.Candidate.published(current.folder, current.manifest.articles)
    except (ReleaseError, ValueError) as error:
        logger.warning("publish: not compared with the current release: %s", error)
        return None
