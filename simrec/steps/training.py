"""The steps that make an encoder: a teacher teaches, a challenger is trained, and the better one is used."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simrec import files, log, release
from simrec.articles.article import encoded_text, held_out_below
from simrec.articles.store import Store
from simrec.config import Config, override
from simrec.journal import Stopwatch
from simrec.steps.outcome import StepResult, rules
from simrec.training.doors import open_teacher, open_trainer
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from simrec.training.ask_teacher import Teacher
    from simrec.training.corpus import TrainingCorpus
    from simrec.training.pair_files import PairFile
    from simrec.training.starting_point import StartingPoint
    from simrec.training.train_encoder import Trained

logger = logging.getLogger(__name__)

SPEED_TEXTS = 500


def teach(workspace: Workspace, config: Config) -> StepResult:
    """Let the teacher encode its vocabulary, and texts of the articles that a student learns from."""
    from simrec.training import ask_teacher

    if ask_teacher.is_file(config):
        return StepResult("the teacher is a file of distillation data already", skipped=True)
    with Store.open(workspace.articles_db) as store:
        shards = ask_teacher.plan_shards(store, config)
    distilled = ask_teacher.ask_teacher(_teacher(config), shards, workspace.distillation)
    n_present = distilled.n_texts - distilled.n_encoded
    return StepResult(
        f"{distilled.n_encoded:,} texts encoded by the teacher, {n_present:,} were already",
        distilled.n_texts,
        distilled.n_encoded,
        skipped=not distilled.n_encoded,
    )


def train(workspace: Workspace, config: Config) -> StepResult:
    """Train an encoder, unless one was trained on just these articles with this configuration."""
    from simrec.encoder import model_folder
    from simrec.training import ask_teacher, corpus, starting_point

    data = ask_teacher.teacher_data(config, workspace.distillation)
    with Store.open(workspace.articles_db) as store:
        gathered = corpus.gather(store, config, data.paths)
    start = starting_point.choose(config, gathered.articles, data.vocabulary)
    settings = rules(config.encoder, config.training, *config.objectives, config.pretraining)
    paths = [*map(Path, gathered.pair_files), *data.paths]
    learned_from = " ".join([start.name, *map(files.sha256, paths)])
    keys = (("", key, key) for key in gathered.keys)
    plan = release.derive_id(keys, learned_from, settings)
    encoder_id = model_folder.trained_from(workspace.encoders, plan)
    if encoder_id:
        sentence = f"{encoder_id} was trained on these articles already"
        return StepResult(sentence, len(gathered.keys), skipped=True)
    staged = _staged_training(workspace, plan)
    trainer = open_trainer()
    run = trainer.TrainingRun(plan, log.now())
    trained = trainer.train(start, gathered, config, staged, run)
    return _challenge(workspace, config, gathered, start, trained, staged)


def compare(
    workspace: Workspace, config: Config, cells: Sequence[str], plot: Path
) -> list[dict[str, Any]]:
    """Train an encoder of each cell from the articles alone; return and plot how they compare.

    Nothing in the workspace changes.
    """
    trainer = open_trainer()  # first: its libraries are to be silent

    from simrec.training import corpus, plots
    from simrec.training.gradient_flow import gradient_reach
    from simrec.training.starting_point import FROM_ARTICLES

    with Store.open(workspace.articles_db) as store:
        gathered = corpus.gather(store, config, [])
    results = []
    norms = {}
    for cell in cells:
        staged = workspace.staged_training(f"compare-{cell}")
        files.remove_folder(staged)
        staged.mkdir()
        cost = Stopwatch()
        with_cell = override(config, encoder={"cell": cell})
        trained = trainer.train(FROM_ARTICLES, gathered, with_cell, staged, trainer.TrainingRun())
        norms[cell] = trained.gradient_norms
        result = plots.CellResult(
            cell,
            held_out=trained.best["score"],
            before=trained.start["score"],
            training_seconds=cost.seconds,
            articles_a_second=_speed(staged, gathered.articles[:SPEED_TEXTS]),
            gradient_reach=gradient_reach(trained.gradient_norms),
        )
        results.append(result)
        files.remove_folder(staged)
    plots.write_comparison(plot, results, norms)
    return [asdict(result) for result in results]


def _speed(encoder: Path, articles: list[tuple[str, str]]) -> float:
    from simrec.encoder.runtime import Encoder

    opened, texts = Encoder(encoder), [encoded_text(*article) for article in articles]
    started = time.monotonic()
    opened.encode(texts)
    return len(texts) / (time.monotonic() - started)


def _challenge(
    workspace: Workspace,
    config: Config,
    material: "TrainingCorpus",
    start: "StartingPoint",
    trained: "Trained",
    staged: Path,
) -> StepResult:
    """Ask the trained encoder and the one in use, or else the start, held-out questions; the better one is used."""
    from simrec.encoder import model_folder

    in_use = model_folder.newest(workspace.encoders)
    champion = workspace.encoder(in_use) if in_use else start.encoder
    scores: dict[str, float] = {}
    if champion and model_folder.read_id(champion) != trained.encoder_id:
        scores = _duel(workspace, config, material, {"champion": champion, "challenger": staged})
    kept = not scores or scores["challenger"] > scores["champion"]
    model_folder.amend_card(staged, kept=kept, scores=scores)
    if not kept and champion and not in_use:
        files.copy_folder(champion, workspace.encoder(model_folder.read_id(champion)))
    if workspace.encoder(trained.encoder_id).exists():
        files.remove_folder(staged)
    else:
        files.move_folder(staged, workspace.encoder(trained.encoder_id))
    best = trained.best
    sentence = (
        f"{trained.encoder_id} from {start.name}: held-out score {best['score']:.3f} after epoch {best['epoch']:.0f} "
        f"of {trained.history[-1]['epoch']:.0f} ({trained.start['score']:.3f} before)"
    )
    if scores and champion:
        verdict = "takes over from" if kept else "is no better than, and leaves the work to,"
        beaten = model_folder.read_id(champion)
        sentence += (
            f"; with {scores['challenger']:.4f} to {scores['champion']:.4f} it {verdict} {beaten}"
        )
    return StepResult(sentence, len(trained.history) - 1, int(kept))


def _duel(
    workspace: Workspace, config: Config, material: "TrainingCorpus", encoders: dict[str, Path]
) -> dict[str, float]:
    """Return the mean of all measures for each encoder; nothing where nothing can be measured.

    Measures are the correlation with the held-out grades of each graded file, and the suites, unless
    the articles are not what was trained for.
    """
    from simrec.encoder.runtime import Encoder
    from simrec.evaluate import scorers, suites
    from simrec.tasks import local
    from simrec.training.corpus import learns_from_articles

    threads = local.worker_count(config.engine.workers)
    opened = {who: Encoder(path, threads).encode for who, path in encoders.items()}
    graded = [file for file in material.pair_files.values() if file.kind == "graded"]
    measured = [
        {who: _correlation(encode, file) for who, encode in opened.items()} for file in graded
    ]
    if learns_from_articles(config) or not graded:
        with Store.open(workspace.articles_db) as store:
            sample = suites.sample(
                store.sample(config.evaluate.sample), held_out_below(config.training.held_out)
            )
        both = {who: scorers.encoder_scorer(encode) for who, encode in opened.items()}
        measured += [result.values for result in suites.run(sample, both) if result.per_query]
    return (
        {who: sum(values[who] for values in measured) / len(measured) for who in encoders}
        if measured
        else {}
    )


def _correlation(encode: "Callable[[Sequence[str]], np.ndarray]", file: "PairFile") -> float:
    """Return Pearson's correlation of cosines and held-out grades."""
    import numpy as np

    left, right = zip(*file.rows[file.held_out], strict=True)
    return float(
        np.corrcoef((encode(left) * encode(right)).sum(axis=1), file.grades[file.held_out])[0, 1]
    )


def _staged_training(workspace: Workspace, plan: str) -> Path:
    """Return the folder of this training, with the checkpoint of a killed run of it; others are removed."""
    staged = workspace.staged_training(plan)
    for other in workspace.staged_trainings() - {staged}:
        files.remove_folder(other)
    staged.mkdir(exist_ok=True)
    return staged


def _teacher(config: Config) -> "Teacher":
    room, named = open_teacher(), config.pretraining.teacher
    opened: Teacher = room.SentenceTransformerTeacher(Path(named) if named else room.packaged())
    return opened
