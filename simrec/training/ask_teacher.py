"""Ask a teacher: its embeddings of texts from the articles, kept shard by shard."""

import hashlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simrec import files, log
from simrec.articles.article import held_out_below
from simrec.articles.language import detect_language
from simrec.articles.store import Store
from simrec.config import Config, TeacherConfig
from simrec.encoder.tokenizer import pieces, without_additions
from simrec.errors import ConfigError
from simrec.training.distillation import (
    DistillationSet,
    distillation_texts,
    write_distillation_set,
)
from simrec.training.starting_point import TeacherVocabulary

SHARD_TEXTS = 8_192  # what is lost if the process is killed
READ_ARTICLES = 1_024
MAX_CHARS = 16_384  # of an article, from which texts are drawn
TOKENIZER = "tokenizer.json"
TOKENS = "tokens.parquet"
LAST_TEACHER = "TEACHER"

LanguageOf = dict[str, str | None]  # of each text, by its article; None where it is not certain


class Teacher(Protocol):
    """An encoder that a student learns from; see `simrec.training.teacher`."""

    @property
    def id(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...

    def tokenizer_json(self) -> str | None: ...


class Distilled(NamedTuple):
    """How many texts have an embedding now, and how many of them the teacher encoded just now."""

    n_texts: int
    n_encoded: int


class TeacherData(NamedTuple):
    """The vocabulary of the teacher last asked, if it has one, and each teacher's files."""

    vocabulary: TeacherVocabulary | None
    paths: list[list[Path]]


def is_file(teacher: TeacherConfig) -> bool:
    """Return whether a teacher is Parquet files of (text, vector), and not a model."""
    return teacher.model.endswith(".parquet")


def plan_texts(store: Store, config: Config) -> LanguageOf:
    """Return the texts to encode: those of the first articles by key, each text once.

    Held-out articles give none. Empty where `pretraining.distillation_data` names files.
    """
    if config.pretraining.distillation_data:
        return {}
    max_texts = config.pretraining.max_distillation_texts
    first_key = held_out_below(config.training.held_out)
    keys = store.text_keys(config.training.max_articles, start=first_key)
    distinct: LanguageOf = {}
    for start in range(0, len(keys), READ_ARTICLES):
        for title, text in store.texts(keys[start : start + READ_ARTICLES], MAX_CHARS):
            language = detect_language(title, text)
            for part in distillation_texts(title, text):
                distinct.setdefault(part, language)
        if len(distinct) >= max_texts:
            break
    return dict(islice(distinct.items(), max_texts))


def cut_shards(
    texts: LanguageOf, languages: Sequence[str] = (), shard_texts: int = SHARD_TEXTS
) -> list[list[str]]:
    """Return the texts in shards; with languages those of articles in one of them."""
    planned = [text for text, lang in texts.items() if not languages or lang in languages]
    starts = range(0, len(planned), shard_texts)
    return [planned[start : start + shard_texts] for start in starts]


def ask_teacher(teacher: Teacher, shards: list[list[str]], root: Path) -> Distilled:
    """Let the teacher encode its vocabulary, and the shards that are not there yet.

    All goes into a folder of this teacher below root.
    """
    folder = root / teacher.id
    folder.mkdir(parents=True, exist_ok=True)
    _write_vocabulary(teacher, folder)
    missing = [texts for texts in shards if not shard_path(folder, texts).exists()]
    n_encoded = sum(map(len, missing))
    with log.progress("teach", total=n_encoded, unit="texts") as bar:
        for texts in missing:
            path = shard_path(folder, texts)
            path.parent.mkdir(exist_ok=True)
            write_distillation_set(path, DistillationSet(texts, teacher.encode(texts)))
            bar.update(len(texts))
    return Distilled(sum(map(len, shards)), n_encoded)


def note_teachers(teacher_ids: Sequence[str], root: Path) -> None:
    """Write down which teachers a student learns from, in their order."""
    files.write(root / LAST_TEACHER, "".join(f"{name}\n" for name in teacher_ids).encode())


def _write_vocabulary(teacher: Teacher, folder: Path) -> None:
    """Write the teacher's tokenizer and its embeddings of single tokens, if it has a tokenizer."""
    tokenizer_json = teacher.tokenizer_json()
    if not tokenizer_json or (folder / TOKENS).exists():
        return
    tokenizer = without_additions(tokenizer_json)
    texts = pieces(tokenizer)
    files.write(folder / TOKENIZER, tokenizer.to_str(pretty=False).encode())
    write_distillation_set(folder / TOKENS, DistillationSet(texts, teacher.encode(texts)))


def shard_path(folder: Path, texts: list[str]) -> Path:
    """Return the path of the shard that holds the embeddings of these texts."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    return folder / "shards" / f"{digest[:32]}.parquet"


def teacher_data(config: Config, root: Path) -> TeacherData:
    """Return what a student learns from: files the configuration names, or those below root."""
    asked = []
    if (root / LAST_TEACHER).exists():
        names = (root / LAST_TEACHER).read_text(encoding="utf-8").split()
        asked = [root / name for name in names]
    vocabulary = None
    if len(asked) == 1 and (asked[0] / TOKENS).exists():
        vocabulary = TeacherVocabulary(asked[0] / TOKENIZER, asked[0] / TOKENS)
    if config.pretraining.distillation_data:
        return TeacherData(vocabulary, [_glob(config.pretraining.distillation_data)])
    paths = []
    for teacher in config.pretraining.teachers:
        if is_file(teacher):
            vocabulary = None
            paths.append(_glob(teacher.model))
        elif asked:
            paths.append(sorted((asked.pop(0) / "shards").glob("*.parquet")))
    return TeacherData(vocabulary, paths)


def _glob(pattern: str) -> list[Path]:
    path = Path(pattern)
    paths = sorted(path.parent.glob(path.name))
    if not paths:
        raise ConfigError(f"{pattern}: there is no such file of distillation data")
    return paths
