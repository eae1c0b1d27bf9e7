"""Trains one encoder of each recurrent cell, and compares them."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from simrec import files
from simrec.articles.article import encoded_text
from simrec.config import Config, override
from simrec.encoder.runtime import Encoder
from simrec.files import JsonObject
from simrec.journal import Stopwatch
from simrec.steps.night import Night
from simrec.training import corpus
from simrec.training.doors import open_trainer
from simrec.training.starting_point import FROM_ARTICLES
from simrec.workspace import Workspace

SPEED_TEXTS = 500


def compare_cells(
    workspace: Workspace, config: Config, cells: Sequence[str], plot: Path
) -> list[JsonObject]:
    """Train one encoder of each cell from the articles alone; return and plot what they are worth.

    That is quality, speed and how far gradients reach. Nothing in the workspace changes.
    """
    trainer = open_trainer()  # first, since its libraries are to be silent
    from simrec.training import plots
    from simrec.training.gradient_flow import gradient_reach

    with Night(workspace, config) as night, night.open_store() as store:
        training_corpus = corpus.gather(store, config, [])
    texts = [encoded_text(*article) for article in training_corpus.articles[:SPEED_TEXTS]]
    results = []
    gradient_norms = {}
    for cell in cells:
        staged = workspace.staged_training(f"compare-{cell}")
        files.remove_folder(staged)
        staged.mkdir()
        stopwatch = Stopwatch()
        cell_config = override(config, encoder={"cell": cell})
        training_run = trainer.TrainingRun()
        trained = trainer.train(FROM_ARTICLES, training_corpus, cell_config, staged, training_run)
        result = plots.CellResult(
            cell,
            held_out=trained.best["score"],
            before=trained.start["score"],
            training_seconds=stopwatch.seconds,
            articles_a_second=_speed(staged, texts),
            gradient_reach=gradient_reach(trained.gradient_norms),
        )
        results.append(result)
        gradient_norms[cell] = trained.gradient_norms
        files.remove_folder(staged)
    plots.write_comparison(plot, results, gradient_norms)
    return [asdict(result) for result in results]


def _speed(encoder: Path, texts: Sequence[str]) -> float:
    """Return how many texts an encoder encodes in a second."""
    opened = Encoder(encoder)
    started = time.monotonic()
    opened.encode(texts)
    return len(texts) / (time.monotonic() - started)
