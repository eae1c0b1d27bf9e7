"""The step that brings articles in."""

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from simrec import files, log
from simrec.articles.store import Store
from simrec.config import Config
from simrec.steps.outcome import StepResult
from simrec.tasks.stages import run_missing
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.articles.clean_tasks import SplitBatch

logger = logging.getLogger(__name__)


def ingest(workspace: Workspace, config: Config) -> StepResult:
    """Bring new and changed articles in from the sources, and take deleted ones out."""
    from simrec.articles import ingest as room

    if not (config.sources or config.ingest.deletions):
        return StepResult("no sources are configured; the articles stay as they are", skipped=True)
    with Store.open(workspace.articles_db, create=True) as store:
        done = room.ingest(
            store, config, log.now(), partial(_shape_ahead, workspace, config, store)
        )
        total = store.count()
    files.remove_folder(workspace.parts)
    if done.rejects.count or done.notes.count:
        logger.warning("ingest: %s", done.problems)
    return StepResult(
        f"{done}; {total:,} articles", done.read, done.new + done.changed + done.deleted
    )


def _shape_ahead(
    workspace: Workspace, config: Config, store: Store, batches: "list[SplitBatch]"
) -> Path | None:
    """Let tasks read and clean the batches, where that can be done side by side; return the folder of their parts."""
    from simrec.articles.clean_tasks import CleanTask, write_part
    from simrec.tasks.engine import open_engine
    from simrec.tasks.local import worker_count

    folder = workspace.parts.absolute()
    with open_engine(config.engine) as engine:
        if len(batches) < 2 or not (engine.elsewhere or worker_count(config.engine.workers) > 1):
            files.remove_folder(folder)
            return None
        folder.mkdir(exist_ok=True)
        db = workspace.articles_db.absolute()
        tasks = [CleanTask(batch, db, engine.elsewhere, folder / batch.name) for batch in batches]
        for leftover in set(folder.iterdir()) - {
            task.path for task in tasks
        }:  # of other files, or another mapping
            files.remove(leftover)
        if engine.elsewhere:
            store.checkpoint()
        run_missing(engine.run, write_part, tasks, "read", len(tasks), "parts")
    return folder
