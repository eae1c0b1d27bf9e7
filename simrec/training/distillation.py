"""Lessons: the texts of which a student learns what its teacher makes of them, and the teacher's vectors of them."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simrec import files
from simrec.errors import ConfigError

SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")
SHORTEST, LONGEST = 20, 400  # characters of a sentence
PASSAGE_WORDS, LEAD_WORDS, MOST_PASSAGES, MOST_SENTENCES = 80, 60, 5, 3
TEXT, VECTOR = "text", "vector"


class DistillationSet(NamedTuple):
    """Texts and the teacher's vectors of them, float16 [texts, teacher dim]."""

    texts: list[str]
    vectors: np.ndarray


def lessons(title: str, text: str) -> Iterator[str]:
    """Yield what an article gives to learn from: its title, its lead under the title, passages and sentences.

    Short and long, with and without a title: what an encoder is asked for later.
    """
    words = text.split()
    if title:
        yield title
        yield f"{title}\n{' '.join(words[:LEAD_WORDS])}"
    for start in range(0, min(len(words), MOST_PASSAGES * PASSAGE_WORDS), PASSAGE_WORDS):
        yield " ".join(words[start : start + PASSAGE_WORDS])
    sentences = (part for part in SENTENCE_END.split(text) if SHORTEST < len(part) < LONGEST)
    yield from islice(sentences, MOST_SENTENCES)


def write_distillation_set(path: Path, taught: DistillationSet) -> None:
    """Write one Parquet shard of (text, vector), whole or not at all."""
    import pyarrow
    from pyarrow import parquet

    flat = pyarrow.array(taught.vectors.astype(np.float16).ravel())
    vectors = pyarrow.FixedSizeListArray.from_arrays(flat, taught.vectors.shape[1])
    with files.atomic_path(path) as temporary:
        parquet.write_table(pyarrow.table({TEXT: taught.texts, VECTOR: vectors}), temporary)


def read_distillation_set(paths: Iterable[Path], most: int) -> DistillationSet:
    """Read Parquet files of (text, vector); ConfigError names a file without those, or with vectors of another size."""
    import pyarrow
    from pyarrow import parquet

    texts: list[str] = []
    vectors: list[np.ndarray] = []
    for path in paths:
        try:
            table = parquet.read_table(path, columns=[TEXT, VECTOR])
            rows = np.stack(table[VECTOR].to_numpy()).astype(np.float16)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise ConfigError(
                f"{path}: no lessons, which are Parquet columns '{TEXT}' and '{VECTOR}' ({error})"
            ) from error
        if not np.isfinite(rows).all():
            raise ConfigError(
                f"{path}: row {int(np.argmin(np.isfinite(rows).all(axis=1)))} has a vector that is no number"
            )
        if vectors and rows.shape[1] != vectors[0].shape[1]:
            raise ConfigError(
                f"{path}: vectors of {rows.shape[1]}, those before it have {vectors[0].shape[1]}; one teacher"
            )
        texts += table[TEXT].to_pylist()
        vectors.append(rows)
        if len(texts) >= most:
            break
    if not texts:
        raise ConfigError(
            "there are no lessons: run simrec teach, or set pretraining.distillation_data to Parquet files"
        )
    return DistillationSet(texts[:most], np.concatenate(vectors)[:most])
