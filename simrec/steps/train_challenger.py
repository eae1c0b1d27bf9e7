"""The step that trains an encoder, which is used if it is better than the one in use."""

from pathlib import Path

from simrec import files, log, release
from simrec.config import Config
from simrec.encoder import model_folder
from simrec.steps.champion_challenger import choose_encoder
from simrec.steps.count_texts import count_texts
from simrec.steps.night import Night, as_text
from simrec.steps.step import StepResult
from simrec.training import ask_teacher, corpus, starting_point
from simrec.training.corpus import TrainingCorpus
from simrec.training.doors import open_trainer
from simrec.training.starting_point import StartingPoint
from simrec.workspace import Workspace


def train(night: Night) -> StepResult:
    """Train an encoder, unless one was trained on just these articles with this configuration."""
    config = night.config
    count_texts(night)  # encoders are compared on what counts
    data = ask_teacher.teacher_data(config, night.workspace.distillation)
    with night.open_store() as store:
        training_corpus = corpus.gather(store, config, data.paths)
    start = starting_point.choose(config, training_corpus.articles, data.vocabulary)
    lesson_paths = [path for paths in data.paths for path in paths]
    plan = _plan_id(config, training_corpus, start, lesson_paths)
    encoder_id = model_folder.trained_from(night.workspace.encoders, plan)
    if encoder_id:
        sentence = f"{encoder_id} was trained on these articles already"
        return StepResult(sentence, len(training_corpus.keys), skipped=True)
    staged = _staged_training(night.workspace, plan)
    trainer = open_trainer()
    training_run = trainer.TrainingRun(plan, log.now())
    trained = trainer.train(start, training_corpus, config, staged, training_run)
    return choose_encoder(night, training_corpus, start, trained, staged)


def _plan_id(
    config: Config, training_corpus: TrainingCorpus, start: StartingPoint, data: list[Path]
) -> str:
    """Derive an id from all that the weights depend on."""
    settings = as_text(config.encoder, config.training, *config.objectives, config.pretraining)
    paths = [*map(Path, training_corpus.pair_files), *data]
    learned_from = " ".join([start.name, *map(files.sha256, paths)])
    keys = (("", key, key) for key in training_corpus.keys)
    return release.derive_id(keys, learned_from, settings)


def _staged_training(workspace: Workspace, plan: str) -> Path:
    """Return the folder of this training, with the checkpoint of a killed run of it.

    Folders of other trainings are removed.
    """
    staged = workspace.staged_training(plan)
    for other in workspace.staged_trainings() - {staged}:
        files.remove_folder(other)
    staged.mkdir(exist_ok=True)
    return staged
