"""The step that brings articles in."""

import logging
from functools import partial
from pathlib import Path

from simrec import files, log
from simrec.articles import ingest as room
from simrec.articles.clean_tasks import CleanTask, SplitBatch, write_part_if_readable
from simrec.articles.sources.spool import Spool
from simrec.articles.store import Store
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.tasks.engine import open_engine
from simrec.tasks.local import worker_count
from simrec.tasks.stages import run_missing

logger = logging.getLogger(__name__)


def ingest(night: Night) -> StepResult:
    """Bring new and changed articles in from the sources, and take deleted ones out."""
    config = night.config
    if not (config.sources or config.ingest.deletions):
        return StepResult("no sources are configured; the articles stay as they are", skipped=True)
    with night.open_store(create=True) as store, Spool.open(night.workspace.spool) as spool:
        clean_ahead = partial(_clean_ahead, night, store)
        done = room.ingest(store, config, log.now(), clean_ahead, spool)
        total = store.count()
    night.articles_changed()
    files.remove_folder(night.workspace.parts)
    if done.new_problems:
        logger.warning("ingest: %s", done.new_problems)
    rows_out = done.new + done.changed + done.deleted
    sentence = f"{done}; {total:,} articles"
    return StepResult(sentence, done.read, rows_out, failure=done.failure)


def _clean_ahead(night: Night, store: Store, batches: list[SplitBatch]) -> Path | None:
    """Let tasks clean the batches if several can run at once; return the folder of their parts."""
    config = night.config.engine
    folder = night.workspace.parts.absolute()
    with open_engine(config) as engine:
        several = engine.is_remote or worker_count(config.workers) > 1
        if len(batches) < 2 or not several:
            files.remove_folder(folder)
            return None
        folder.mkdir(exist_ok=True)
        articles_db = night.workspace.articles_db.absolute()
        tasks = [
            CleanTask(batch, articles_db, engine.is_remote, folder / batch.name)
            for batch in batches
        ]
        # Parts of other files, or by another mapping, were left by a run that was killed.
        for leftover in set(folder.iterdir()) - {task.path for task in tasks}:
            files.remove(leftover)
        if engine.is_remote:
            store.checkpoint()
        run_missing(engine.run, write_part_if_readable, tasks, "read", len(tasks), "parts")
    return folder
