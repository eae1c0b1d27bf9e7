"""Teaching: lessons are drawn from articles, and shard by shard the teacher's vectors of them are kept."""

import hashlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np

from simrec import files
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import ConfigError
from simrec.training.distillation import DistillationSet, lessons, write_distillation_set
from simrec.training.starting_point import TeacherVocabulary

SHARD = 8_192  # lessons: what is lost if teaching is killed
READ_TEXTS, MOST_CHARS = 1_024, 16_384  # of an article, from which lessons are drawn
TOKENIZER, TOKENS, TEACHER = "tokenizer.json", "tokens.parquet", "TEACHER"


class Teacher(Protocol):
    """What a teacher can do; see `simrec.training.teacher`."""

    @property
    def id(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> np.ndarray: ...

    def tokenizer_json(self) -> str | None: ...


def is_file(config: Config) -> bool:
    """Tell whether the teacher is one or more Parquet files of (text, vector), and not a folder to be asked."""
    return config.pretraining.teacher.endswith(".parquet")


def plan(store: Store, keys: list[bytes], config: Config) -> list[list[str]]:
    """Return the lessons to be taught in shards: those of the first articles by key, each text once.

    Empty where `pretraining.distillation_data` names files of lessons that were taught already.
    """
    if config.pretraining.distillation_data:
        return []
    found: dict[str, None] = {}
    for start in range(0, len(keys), READ_TEXTS):
        articles = store.texts(keys[start : start + READ_TEXTS], MOST_CHARS)
        found.update(
            dict.fromkeys(chain.from_iterable(lessons(title, text) for title, text in articles))
        )
        if len(found) >= config.pretraining.max_distillation_texts:
            break
    texts = list(found)[: config.pretraining.max_distillation_texts]
    return [texts[start : start + SHARD] for start in range(0, len(texts), SHARD)]


def prepare(teacher: Teacher, root: Path) -> Path:
    """Make the folder of this teacher's lessons, with its vocabulary and its vectors of single tokens; return it."""
    folder = root / teacher.id
    folder.mkdir(parents=True, exist_ok=True)
    written = teacher.tokenizer_json()
    if written and not (folder / TOKENS).exists():
        from simrec.encoder.tokenizer import pieces, plain

        tokenizer = plain(written)
        texts = pieces(tokenizer)
        files.write(folder / TOKENIZER, tokenizer.to_str(pretty=False).encode())
        write_distillation_set(folder / TOKENS, DistillationSet(texts, teacher.encode(texts)))
    files.write(root / TEACHER, f"{teacher.id}\n".encode())
    return folder


def shard_path(folder: Path, texts: list[str]) -> Path:
    """Name the shard that holds the vectors of these lessons."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    return folder / "shards" / f"{digest[:32]}.parquet"


def teach_shard(teacher: Teacher, folder: Path, texts: list[str]) -> int:
    """Let the teacher encode the lessons of one shard and write it; return how many."""
    path = shard_path(folder, texts)
    path.parent.mkdir(exist_ok=True)
    write_distillation_set(path, DistillationSet(texts, teacher.encode(texts)))
    return len(texts)


def taught_by(config: Config, root: Path) -> tuple[TeacherVocabulary | None, list[Path]]:
    """Return the vocabulary of the last teacher asked, if it has one, and the files of lessons to learn from."""
    if is_file(config):
        return None, _glob(config.pretraining.teacher)
    if not (root / TEACHER).exists():
        return None, []
    folder = root / (root / TEACHER).read_text(encoding="utf-8").strip()
    vocabulary = (
        TeacherVocabulary(folder / TOKENIZER, folder / TOKENS)
        if (folder / TOKENS).exists()
        else None
    )
    given = (
        _glob(config.pretraining.distillation_data)
        if config.pretraining.distillation_data
        else None
    )
    return vocabulary, given or sorted((folder / "shards").glob("*.parquet"))


def _glob(pattern: str) -> list[Path]:
    path = Path(pattern)
    found = sorted(path.parent.glob(path.name))
    if not found:
        raise ConfigError(f"{pattern}: there is no such file of lessons")
    return found
