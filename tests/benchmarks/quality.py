"""Benchmark of quality: `python -m tests.benchmarks.quality DATA [NAME ...]`.

DATA is a folder with the development sets as JSON lines under xz: bbc_articles, news_articles,
openblogs_articles, techblog_articles. NAME is one of them, or speed; without any, all are run.
Articles of each set are drawn by a hash, and the suites of `simrec evaluate` compare the encoder in
the box with the baselines on the same queries. No encoder was trained on a query: of the blogs only
those are drawn that the encoder's model card holds out. LSA is fitted, and the share of words
chosen, on articles that are no queries. MiniLM needs the extra `teacher`, the mean of token
embeddings the extra `train`.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from simrec.config import EncoderConfig
from simrec.encoder import model_folder
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.encoder.tokenizer import token_ids
from simrec.evaluate import baselines, suites
from simrec.evaluate.bm25 import bm25
from simrec.evaluate.report_format import SuiteSummary
from simrec.evaluate.scorers import Scorer, Text, encoder_scorer, hybrid_scorer, smoothed_scorer
from simrec.evaluate.suites import SampledArticle
from simrec.evaluate.tfidf_baseline import TfIdfBaseline
from simrec.lexical.tfidf import TfIdf
from simrec.recommend.choose_weight import Sample, SampledText, choose_shares
from tests.benchmarks.encoder import cores, rows, sentence_transformer, unseen
from tests.benchmarks.machine import print_machine

COLUMNS = ("split-half MRR", "known-item MRR", "same category P@10", "same account P@10")
SETS = ("bbc_articles", "openblogs_articles", "news_articles", "techblog_articles")
QUERIES = 500
CANDIDATES = 1_500
FITTED = 10_000  # other articles, that LSA and TF-IDF are fitted on
TIMED = 200


def main(data: Path, names: list[str]) -> None:
    """Print a table for every set, and one of speed."""
    print_machine(f"python -m tests.benchmarks.quality DATA {' '.join(names)}".strip())
    for name in names or (*SETS, "speed"):
        if name == "speed":
            articles = draw_articles(data, "news_articles")
            print_speed([article.text for article in articles[:TIMED]])
        else:
            print_quality(name, draw_articles(data, name))


def draw_articles(data: Path, name: str) -> list[SampledArticle]:
    """Return articles in the order of a hash of their text; the first are the queries."""
    records = [record for record in rows(data, name) if record.get("text")]
    if name == "openblogs_articles":
        records = [record for record in records if unseen(record)]
    records.sort(key=lambda record: hashlib.sha256(record["text"].encode()).digest())
    articles = []
    for place, record in enumerate(records[: CANDIDATES + FITTED]):
        article = SampledArticle(
            held_out=place < QUERIES,
            title=record.get("title") or "",
            text=record["text"],
            account=record.get("account"),
            category=record.get("category"),
        )
        articles.append(article)
    return articles


def print_quality(name: str, articles: list[SampledArticle]) -> None:
    """Print a row for each scorer, of values with their 95 % intervals."""
    sample = articles[:CANDIDATES]
    fitted_on = [article.encoded for article in articles[QUERIES:][:FITTED]]
    encoder = Encoder(PRETRAINED, threads=cores())
    lexical = TfIdf.fit(fitted_on)
    texts = []
    for article in sample:
        labels = frozenset({article.category} - {None})
        texts.append(SampledText(article.title, article.text, labels))
    # Chosen on articles that are no queries here.
    shares = choose_shares(Sample(texts[QUERIES:], texts[:QUERIES]), encoder.encode, lexical)
    print(
        f"\n{name}: {QUERIES} of {len(sample):,} articles are queries, LSA is fitted on "
        f"{len(fitted_on):,}, words weigh "
        f"{shares.weight}, smoothing {shares.smoothing}\n"
    )
    encoder_alone = encoder_scorer(encoder.encode)
    scorers = {
        "simrec": smoothed_scorer(encoder.encode, lexical, shares, one_in=1),
        "simrec without smoothing": hybrid_scorer(encoder_alone, lexical, shares.weight),
        "encoder alone": encoder_alone,
        "mean of its token embeddings": encoder_scorer(token_mean(encoder)),
        **baseline_scorers(fitted_on),
    }
    measured = {result.suite: result.summary() for result in suites.run(sample, scorers)}
    print("| | " + " | ".join(COLUMNS) + " |\n|---|" + "---|" * len(COLUMNS))
    for scorer in scorers:
        cells = [cell(measured[column.rpartition(" ")[0]], scorer) for column in COLUMNS]
        print(f"| {scorer} | {' | '.join(cells)} |", flush=True)


def baseline_scorers(fitted_on: list[str]) -> dict[str, Scorer]:
    """Return TF-IDF, BM25 and LSA, and MiniLM where it is installed."""
    tfidf = TfIdfBaseline.fit(fitted_on)
    scorers: dict[str, Scorer] = {
        "TF-IDF": tfidf.scores,
        "BM25": bm25,
        "LSA": baselines.lsa(tfidf, fitted_on),
    }
    transformer = sentence_transformer()
    if transformer:
        scorers["all-MiniLM-L6-v2"] = encoder_scorer(transformer)
    return scorers


def token_mean(encoder: Encoder) -> Callable[[Sequence[str]], np.ndarray]:
    """Return a function that encodes a text as the plain mean of its token embeddings."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from simrec.training.onnx_export import read_weights

    config = EncoderConfig(**encoder.runtime.network)
    tokens = read_weights((PRETRAINED / model_folder.ONNX).read_bytes(), config).tokens
    tokenizer = Tokenizer.from_file(str(PRETRAINED / model_folder.TOKENIZER))

    def encode(texts: Sequence[str]) -> np.ndarray:
        means = np.stack([tokens[ids].mean(axis=0) for ids in token_ids(tokenizer, list(texts))])
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    return encode


def cell(suite: SuiteSummary, scorer: str) -> str:
    """Return a value with its interval; * where simrec differs from it with p < .05."""
    if scorer not in suite.values:
        return "none"
    low, high = suite.intervals[scorer]
    lead = suite.ahead_of.get(scorer)
    differs = "*" if lead and lead.p < 0.05 else ""
    return f"{suite.values[scorer]:.3f}{differs} ({low:.3f}–{high:.3f})"


def print_speed(texts: list[str]) -> None:
    """Print how many news articles of up to 2,500 characters a thread reads in a CPU second."""
    encoder = Encoder(PRETRAINED)
    lexical = TfIdf.fit(texts)
    readers: dict[str, Callable[[list[str]], Any]] = {
        "simrec": lambda texts: (encoder.encode(texts), lexical.encode(texts)),
        "mean of its token embeddings": token_mean(encoder),
        "TF-IDF": TfIdfBaseline.fit(texts).rows,
        "BM25": lambda texts: bm25([Text("")], [Text(text) for text in texts]),
    }
    transformer = sentence_transformer()
    if transformer:
        import torch

        torch.set_num_threads(1)
        readers["all-MiniLM-L6-v2"] = transformer
    print(f"\n| articles per CPU second of one thread, {len(texts)} news | |\n|---|---|")
    for scorer, read in readers.items():
        read(texts[:20])
        started = time.process_time()
        read(texts)
        seconds = time.process_time() - started
        print(f"| {scorer} | {len(texts) / seconds:,.0f} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
