"""What fine-tuning gains and forgets: `python -m tests.benchmarks.fine_tuning DATA TUNED`.

TUNED is an encoder that `simrec train` made from the one in the box on bbc_articles of DATA. Averages
of the weights of both (`training.start_share`) are measured on 700 articles it was tuned on, and on
what it never saw: STS-B dev, and the topics of 800 blog articles.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

from simrec.config import EncoderConfig
from simrec.encoder import model_folder
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.model_folder import EncoderCard, Runtime
from simrec.encoder.runtime import Encoder
from simrec.metrics import reciprocal_ranks
from simrec.recommend.choose_weight import halves
from simrec.training.network import Weights
from simrec.training.onnx_export import export, read_weights
from tests.benchmarks.encoder import Rows, rows, sts, topic_precision
from tests.benchmarks.machine import print_machine

SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
NEWS, BLOGS, CHARS = 700, 800, 900


def main(data: Path, tuned: Path) -> None:
    """Print a line for each share of the start."""
    print_machine("python -m tests.benchmarks.fine_tuning DATA TUNED")
    shape = json.loads((tuned / model_folder.CONFIG).read_text())["network"]
    config = EncoderConfig(**shape)
    before = read_weights((PRETRAINED / model_folder.ONNX).read_bytes(), config)
    after = read_weights((tuned / model_folder.ONNX).read_bytes(), config)
    news = [row for row in rows(data, "bbc_articles") if len(row["text"]) > 300]
    random.Random(0).shuffle(news)
    blogs = [row for row in rows(data, "openblogs_articles") if row.get("category") and row["text"]]
    columns = ["share of the start", "topics", "halves", "titles", "STS-B dev", "blog topics"]
    print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for share in SHARES:
        with tempfile.TemporaryDirectory() as name:
            encoder = averaged(Path(name), mixed(before, after, share), config)
            figures = [*of_news(news[:NEWS], encoder), sts(data, encoder.encode)]
            figures.append(topics(blogs[:BLOGS], encoder))
        print(f"| {share} | {' | '.join(f'{figure:.4f}' for figure in figures)} |", flush=True)


def mixed(before: Weights, after: Weights, share: float) -> Weights:
    """Return the weighted mean of two towers."""

    def mean(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return (share * left + (1 - share) * right).astype(np.float32)

    recurrent = [
        [list(map(mean, *triples)) for triples in zip(*layers, strict=True)]
        for layers in zip(before.recurrent, after.recurrent, strict=True)
    ]
    tokens = mean(before.tokens, after.tokens)
    return Weights(tokens, recurrent, [], list(map(mean, before.project, after.project)))


def averaged(folder: Path, weights: Weights, config: EncoderConfig) -> Encoder:
    """Write an encoder of these weights, with the vocabulary of the one in the box."""
    (folder / model_folder.ONNX).write_bytes(export(weights, config))
    vocabulary = (PRETRAINED / model_folder.TOKENIZER).read_bytes()
    (folder / model_folder.TOKENIZER).write_bytes(vocabulary)
    model_folder.finish(folder, Runtime.of(config), EncoderCard())
    return Encoder(folder)


def of_news(news: Rows, encoder: Encoder) -> list[float]:
    """Return P@10 of topics, and the MRR of halves and of titles."""
    parts = [halves(row["text"]) for row in news]
    first = encoder.encode([part[0] for part in parts])
    second = encoder.encode([part[1] for part in parts])
    texts = encoder.encode([row["text"][:CHARS] for row in news])
    titles = encoder.encode([row["title"] for row in news])
    by_halves = float(reciprocal_ranks(first @ second.T).mean())
    by_titles = float(reciprocal_ranks(titles @ texts.T).mean())
    return [topics(news, encoder), by_halves, by_titles]


def topics(articles: Rows, encoder: Encoder) -> float:
    """Return P@10 of the categories of articles."""
    return topic_precision(encoder.encode([row["text"][:CHARS] for row in articles]), articles)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
