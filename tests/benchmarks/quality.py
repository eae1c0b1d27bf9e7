"""Benchmark of quality: `python -m tests.benchmarks.quality DATA [WHAT ...]`.

DATA is a folder with the development sets as JSON lines under xz: bbc_articles, news_articles,
openblogs_articles, techblog_articles; WHAT names some of them, or speed; all without any. Of each set, articles drawn
by a hash ask the suites of `simrec evaluate`, the encoder in the box against the baselines on the same rows. Nothing
was trained on what asks: of the blogs only those that the encoder's model card keeps out; LSA learns from, and the
share of words is chosen by, articles that do not ask. MiniLM needs the extra `teacher`, the mean of token
embeddings the extra `train`.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simrec.config import EncoderConfig
from simrec.encoder import model_folder as encoder_folder
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.encoder.tokenizer import token_ids
from simrec.evaluate import baselines, suites
from simrec.evaluate.bm25 import bm25
from simrec.evaluate.report_format import SuiteSummary
from simrec.evaluate.scorers import Scorer, Text, encoder_scorer, hybrid_scorer
from simrec.evaluate.tfidf_baseline import TfIdfBaseline
from simrec.lexical.tfidf import TfIdf
from simrec.recommend.choose_weight import choose_weight
from tests.benchmarks.encoder import cores, rows, sentence_transformer, unseen
from tests.benchmarks.machine import print_machine

COLUMNS = ("split-half MRR", "known-item MRR", "same category P@10", "same account P@10")
SETS = ("bbc_articles", "openblogs_articles", "news_articles", "techblog_articles")
ASKING, CANDIDATES = 500, 1_500
LEARNED_FROM = 10_000  # other articles
TIMED = 200


def main(data: Path, what: list[str]) -> None:
    """Print a table for every set, and one of speed."""
    print_machine(f"python -m tests.benchmarks.quality DATA {' '.join(what)}".strip())
    for name in what or (*SETS, "speed"):
        if name == "speed":
            speed([article.text for article in drawn(data, "news_articles")[:TIMED]])
        else:
            quality(name, drawn(data, name))


def drawn(data: Path, name: str) -> list[suites.SampledArticle]:
    """Return articles in the order of a hash of their text; the first ASKING ask."""
    found = [
        row
        for row in rows(data, name)
        if row.get("text") and (name != "openblogs_articles" or unseen(row))
    ]
    found.sort(key=lambda row: hashlib.sha256(row["text"].encode()).digest())
    found = found[: CANDIDATES + LEARNED_FROM]
    return [
        suites.SampledArticle(
            n < ASKING, row.get("title") or "", row["text"], row.get("account"), row.get("category")
        )
        for n, row in enumerate(found)
    ]


def quality(name: str, articles: list[suites.SampledArticle]) -> None:
    """Print one row for each scorer: values with their 95 % intervals, and * where simrec differs with p < .05."""
    sample, others = (
        articles[:CANDIDATES],
        [article.encoded for article in articles[ASKING:][:LEARNED_FROM]],
    )
    encoder, lexical = Encoder(PRETRAINED, threads=cores()), TfIdf.fit(others)
    neural = encoder_scorer(encoder.encode)
    texts = [(article.title, article.text) for article in sample]
    share = choose_weight(texts[ASKING:], texts[:ASKING], encoder.encode, lexical)
    tfidf = TfIdfBaseline.fit(others)
    scorers: dict[str, Scorer] = {
        "simrec": hybrid_scorer(neural, lexical, share),
        "encoder alone": neural,
        "mean of its token embeddings": encoder_scorer(token_mean(encoder)),
        "TF-IDF": tfidf.scores,
        "BM25": bm25,
        "LSA": baselines.lsa(tfidf, others),
    }
    transformer = sentence_transformer()
    if transformer:
        scorers["all-MiniLM-L6-v2"] = encoder_scorer(transformer)
    measured = {result.suite: result.summary() for result in suites.run(sample, scorers)}
    print(
        f"\n{name}: {ASKING} of {len(sample):,} articles ask, LSA learns from {len(others):,}, words weigh {share}\n"
    )
    print("| | " + " | ".join(COLUMNS) + " |\n|---|" + "---|" * len(COLUMNS))
    for who in scorers:
        cells = [cell(measured[column.rpartition(" ")[0]], who) for column in COLUMNS]
        print(f"| {who} | {' | '.join(cells)} |", flush=True)


def token_mean(encoder: Encoder) -> Callable[[list[str]], np.ndarray]:
    """Return what reads a text as the plain mean of the encoder's token embeddings."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from simrec.training.onnx_export import read_weights

    config = EncoderConfig(**encoder.runtime.network)
    tokens = read_weights((PRETRAINED / encoder_folder.ONNX).read_bytes(), config).tokens

    def read(texts: list[str]) -> np.ndarray:
        means = np.stack([tokens[ids].mean(axis=0) for ids in token_ids(encoder._tokenizer, texts)])
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    return read


def cell(suite: SuiteSummary, scorer: str) -> str:
    """Return a value with its interval; * where simrec differs from it with p < .05."""
    if scorer not in suite.values:
        return "none"
    low, high = suite.intervals[scorer]
    lead = suite.ahead_of.get(scorer)
    differs = "*" if lead and lead.p < 0.05 else ""
    return f"{suite.values[scorer]:.3f}{differs} ({low:.3f}–{high:.3f})"


def speed(texts: list[str]) -> None:
    """Print how many news articles of up to 2,500 characters each reads in a second of one thread's CPU time."""
    encoder, lexical, tfidf = (
        Encoder(PRETRAINED),
        TfIdf.fit(texts),
        TfIdfBaseline.fit(texts),
    )
    readers: dict[str, Callable[[list[str]], Any]] = {
        "simrec": lambda some: (encoder.encode(some), lexical.encode(some)),
        "mean of its token embeddings": token_mean(encoder),
        "TF-IDF": tfidf.rows,
        "BM25": lambda some: bm25([Text("")], [*map(Text, some)]),
    }
    transformer = sentence_transformer()
    if transformer:
        import torch

        torch.set_num_threads(1)
        readers["all-MiniLM-L6-v2"] = transformer
    print(f"\n| articles per CPU second of one thread, {len(texts)} news | |\n|---|---|")
    for who, read in readers.items():
        read(texts[:20])
        started = time.process_time()
        read(texts)
        print(f"| {who} | {len(texts) / (time.process_time() - started):,.0f} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
