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
        clean_ahead = partial(_clean_ahead, workspace, config, store)
        done = room.ingest(store, config, log.now(), clean_ahead)
        total = store.count()
    files.remove_folder(workspace.parts)
    if done.bad_rows:
        logger.warning("ingest: %s", done.problems)
    rows_out = done.new + done.changed + done.deleted
    return StepResult(f"{done}; {total:,} articles", done.read, rows_out)


def _clean_ahead(
    workspace: Workspace, config: Config, store: Store, batches: "list[SplitBatch]"
) -> Path | None:
    """Let tasks clean the batches if several can run at once; return the folder of their parts."""
    from simrec.articles.clean_tasks import CleanTask, write_part
    from simrec.tasks.engine import open_engine
    from simrec.tasks.local import worker_count

    folder = workspace.parts.absolute()
    with open_engine(config.engine) as engine:
        several = engine.is_remote or worker_count(config.engine.workers) > 1
        if len(batches) < 2 or not several:
            files.remove_folder(folder)
            return None
        folder.mkdir(exist_ok=True)
        articles_db = workspace.articles_db.absolute()
        tasks = [
            CleanTask(batch, articles_db, engine.is_remote, folder / batch.name)
            for batch in batches
        ]
        # Parts of other files, or by another mapping, were left by a run that was killed.
        for leftover in set(folder.iterdir()) - {task.path for task in tasks}:
            files.remove(leftover)
        if engine.is_remote:
            store.checkpoint()
        run_missing(engine.run, write_part, tasks, "read", len(tasks), "parts")
    return folder
