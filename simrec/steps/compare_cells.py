"""Trains one encoder of each recurrent cell, and compares them."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simrec import files, metrics
from simrec.articles.article import encoded_text, held_out_below
from simrec.config import Config, override
from simrec.encoder.runtime import Encoder
from simrec.evaluate import bootstrap, suites
from simrec.evaluate.scorers import encoder_scorer
from simrec.evaluate.suites import SampledArticle
from simrec.files import JsonObject
from simrec.journal import Stopwatch
from simrec.steps.night import Night
from simrec.training import corpus
from simrec.training.corpus import TrainingCorpus
from simrec.training.doors import open_trainer
from simrec.training.starting_point import FROM_ARTICLES
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.training.train_encoder import Trained  # TensorFlow is opened by a door

SPEED_TEXTS = 100
SPEED_ROUNDS = 5
KNOWN_ITEM_SUITES = ("split-half", "known-item")


def compare_cells(
    workspace: Workspace, config: Config, cells: Sequence[str], plot: Path
) -> list[JsonObject]:
    """Train one encoder of each cell from the articles alone; return and plot what they are worth.

    That is quality with its interval, speed and how far gradients reach. Nothing in the workspace
    changes.
    """
    open_trainer()  # first, since its libraries are to be silent
    from simrec.training import plots

    with Night(workspace, config) as night, night.open_store() as store:
        training_corpus = corpus.gather(store, config, [])
        rows = store.sample(config.evaluate.sample)
    sample = suites.sample(rows, held_out_below(config.training.held_out))
    texts = [encoded_text(*article) for article in training_corpus.articles[:SPEED_TEXTS]]
    trained = {cell: _train_cell(workspace, config, training_corpus, cell) for cell in cells}
    encoders = {cell: of_cell.encoder for cell, of_cell in trained.items()}
    measured = measure_cells(encoders, sample)
    speeds = speeds_in_turn(encoders, texts)
    results = [
        plots.CellResult(
            cell,
            held_out=of_cell.trained.best["score"],
            before=of_cell.trained.start["score"],
            training_seconds=of_cell.seconds,
            articles_a_second=speeds[cell],
            gradient_reach=of_cell.reach,
            **measured[cell],
        )
        for cell, of_cell in trained.items()
    ]
    norms = {cell: of_cell.trained.gradient_norms for cell, of_cell in trained.items()}
    plots.write_comparison(plot, results, norms)
    return [asdict(result) for result in results]


class TrainedCell(NamedTuple):
    """What training one cell gave and took: the encoder is opened, and its folder gone."""

    encoder: Encoder
    trained: "Trained"
    seconds: float
    reach: int


def _train_cell(
    workspace: Workspace, config: Config, training_corpus: TrainingCorpus, cell: str
) -> TrainedCell:
    trainer = open_trainer()
    from simrec.training.gradient_flow import gradient_reach

    staged = workspace.staged_training(f"compare-{cell}")
    files.remove_folder(staged)
    staged.mkdir()
    stopwatch = Stopwatch()
    cell_config = override(config, encoder={"cell": cell})
    training_run = trainer.TrainingRun()
    trained = trainer.train(FROM_ARTICLES, training_corpus, cell_config, staged, training_run)
    seconds = stopwatch.seconds
    encoder = Encoder(staged)
    files.remove_folder(staged)
    return TrainedCell(encoder, trained, seconds, gradient_reach(trained.gradient_norms))


def measure_cells(
    encoders: dict[str, Encoder], sample: Sequence[SampledArticle]
) -> dict[str, dict[str, float]]:
    """Return the MRR of titles and halves for each cell, and its interval, on the same articles.

    Empty where too few articles are held out.
    """
    scorers = {cell: encoder_scorer(encoder.encode) for cell, encoder in encoders.items()}
    known_items = [
        result
        for result in suites.run(sample, scorers)
        if result.per_query and result.suite in KNOWN_ITEM_SUITES
    ]
    measured: dict[str, dict[str, float]] = {cell: {} for cell in encoders}
    if known_items:
        for cell in encoders:
            ranks = np.concatenate([result.per_query[cell] for result in known_items])
            low, high = bootstrap.confidence_interval(ranks, metrics.mean)
            measured[cell] = {"mrr": float(ranks.mean()), "low": low, "high": high}
    return measured


def speeds_in_turn(encoders: dict[str, Encoder], texts: Sequence[str]) -> dict[str, float]:
    """Return how many texts a second each encodes: the median of rounds, in which all take turns.

    What else the machine does then slows all of them alike.
    """
    seconds: dict[str, list[float]] = {cell: [] for cell in encoders}
    for _ in range(SPEED_ROUNDS):
        for cell, encoder in encoders.items():
            started = time.monotonic()
            encoder.encode(texts)
            seconds[cell].append(time.monotonic() - started)
    return {cell: len(texts) / statistics.median(took) for cell, took in seconds.items()}
