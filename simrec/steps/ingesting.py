"""The step that brings articles in."""

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from simrec import files, log
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import ReleaseError
from simrec.steps.outcome import Outcome
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.articles.parts import Batch

logger = logging.getLogger(__name__)


def ingest(workspace: Workspace, config: Config) -> Outcome:
    """Bring new and changed articles in from the sources, and take deleted ones out."""
    from simrec.articles import ingest as room

    if not (config.sources or config.ingest.deletions):
        return Outcome("no sources are configured; the articles stay as they are", skipped=True)
    with Store.open(workspace.articles_db, create=True) as store:
        done = room.ingest(store, config, log.now(), partial(_shape_ahead, workspace, config, store))
        total = store.count()
    files.remove_folder(workspace.parts)
    if done.rejects.count or done.notes.count:
        logger.warning("ingest: %s", done.problems)
    return Outcome(f"{done}; {total:,} articles", done.read, done.new + done.changed + done.deleted)


def _shape_ahead(workspace: Workspace, config: Config, store: Store, batches: "list[Batch]") -> Path | None:
    """Let tasks read and clean the batches, where that can be done side by side; return the folder of their parts."""
    from simrec.articles.parts import Task, write_part
    from simrec.engine.engine import engine_of
    from simrec.engine.local import worker_count

    folder, engine = workspace.parts.absolute(), engine_of(config.engine)
    if len(batches) < 2 or not (engine.elsewhere or worker_count(config.engine.workers) > 1):
        files.remove_folder(folder)
        return None
    folder.mkdir(exist_ok=True)
    tasks = [Task(batch, workspace.articles_db.absolute(), engine.elsewhere, folder / batch.name) for batch in batches]
    for leftover in set(folder.iterdir()) - {task.part for task in tasks}:  # of other files, or of another mapping
        files.remove(leftover)
    missing = [task for task in tasks if not task.part.exists()]
    if missing and engine.elsewhere:
        store.settle()
    with log.progress("read", total=len(missing), unit="parts") as bar:
        for written in engine.run(write_part, missing):
            bar.update(written)
    unseen = [task for task in missing if not task.part.exists()]
    if unseen:
        raise ReleaseError(
            f"{len(unseen)} of {len(missing)} parts were written and are not here, such as {unseen[0].part}; do all "
            "workers see the disk that this machine sees?"
        )
    return folder
