"""Distillation data: texts, and the teacher's embedding of each."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet

from simrec import files
from simrec.errors import ConfigError

SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")
SENTENCE_CHARS = (20, 400)  # longer than the one, shorter than the other
MAX_SENTENCES = 3  # of an article
PASSAGE_WORDS = 80
MAX_PASSAGES = 5
LEAD_WORDS = 60
TEXT = "text"
VECTOR = "vector"


class DistillationSet(NamedTuple):
    """Texts and the teacher's embeddings of them, [texts, teacher dim], float16 once read."""

    texts: list[str]
    vectors: NDArray[np.floating]


EMPTY_SET = DistillationSet([], np.empty((0, 0), np.float16))


def distillation_texts(title: str, text: str) -> Iterator[str]:
    """Yield what an article gives: its title, its lead under the title, passages and sentences.

    Short and long texts, with and without a title, as an encoder is given later.
    """
    words = text.split()
    if title:
        yield title
        yield f"{title}\n{' '.join(words[:LEAD_WORDS])}"
    for start in range(0, min(len(words), MAX_PASSAGES * PASSAGE_WORDS), PASSAGE_WORDS):
        yield " ".join(words[start : start + PASSAGE_WORDS])
    shortest, longest = SENTENCE_CHARS
    sentences = (part for part in SENTENCE_END.split(text) if shortest < len(part) < longest)
    yield from islice(sentences, MAX_SENTENCES)


def write_distillation_set(path: Path, data: DistillationSet) -> None:
    """Write one Parquet shard of (text, vector), whole or not at all."""
    flat = pyarrow.array(data.vectors.astype(np.float16).ravel())
    vectors = pyarrow.FixedSizeListArray.from_arrays(flat, data.vectors.shape[1])
    with files.atomic_path(path) as temporary:
        parquet.write_table(pyarrow.table({TEXT: data.texts, VECTOR: vectors}), temporary)


def read_distillation_set(paths: Iterable[Path], max_texts: int) -> DistillationSet:
    """Read the first texts of Parquet files of (text, vector).

    ConfigError names a file without these columns, or with vectors of another size.
    """
    texts: list[str] = []
    vectors: list[NDArray[np.floating]] = []
    for path in paths:
        part = _read_file(path)
        dim = part.vectors.shape[1]
        if vectors and dim != vectors[0].shape[1]:
            raise ConfigError(
                f"{path}: vectors of {dim}, those before it have {vectors[0].shape[1]}; one teacher"
            )
        texts += part.texts
        vectors.append(part.vectors)
        if len(texts) >= max_texts:
            break
    if not texts:
        raise ConfigError(
            "there is no distillation data: run simrec teach, or set "
            "pretraining.distillation_data to Parquet files"
        )
    return DistillationSet(texts[:max_texts], np.concatenate(vectors)[:max_texts])


def _read_file(path: Path) -> DistillationSet:
    try:
        table = parquet.read_table(path, columns=[TEXT, VECTOR])
        vectors = np.stack(table[VECTOR].to_numpy()).astype(np.float16)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: no distillation data, which are Parquet columns '{TEXT}' and '{VECTOR}' "
            f"({error})"
        ) from error
    is_finite = np.isfinite(vectors).all(axis=1)
    if not is_finite.all():
        row = int(np.argmin(is_finite))
        raise ConfigError(f"{path}: row {row} has a vector that is no number")
    return DistillationSet(table[TEXT].to_pylist(), vectors)
