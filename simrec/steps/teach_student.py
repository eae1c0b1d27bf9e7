"""The step that asks a teacher: it encodes the texts that a student will learn from."""

from pathlib import Path

from simrec.config import Config
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.training import ask_teacher
from simrec.training.ask_teacher import Teacher
from simrec.training.doors import open_teacher


def teach(night: Night) -> StepResult:
    """Let the teacher encode its vocabulary, and the texts that a student learns from."""
    config = night.config
    if ask_teacher.is_file(config):
        return StepResult("the teacher is a file of distillation data already", skipped=True)
    with night.open_store() as store:
        shards = ask_teacher.plan_shards(store, config)
    teacher = _open_teacher(config)
    distilled = ask_teacher.ask_teacher(teacher, shards, night.workspace.distillation)
    n_present = distilled.n_texts - distilled.n_encoded
    return StepResult(
        f"{distilled.n_encoded:,} texts encoded by the teacher, {n_present:,} were already",
        distilled.n_texts,
        distilled.n_encoded,
        skipped=not distilled.n_encoded,
    )


def _open_teacher(config: Config) -> Teacher:
    teachers = open_teacher()
    path = config.pretraining.teacher
    folder = Path(path) if path else teachers.packaged()
    teacher: Teacher = teachers.SentenceTransformerTeacher(folder)
    return teacher
