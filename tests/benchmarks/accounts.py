"""Benchmark of similar accounts: `python -m tests.benchmarks.accounts DATA`.

DATA is a folder with news_articles, openblogs_articles and zh_techblog_articles as JSON lines under xz.
The articles of each account with at least ten are dealt into halves at random; each half has to find the
other among those of all accounts. The table says the MRR of simrec, of the mean of embeddings, and of
TF-IDF profiles.
"""

import random
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from simrec.articles.article import encoded_text
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf
from simrec.metrics import reciprocal_ranks
from simrec.recommend.similar_accounts import (
    ACCOUNT_LEXICAL_WEIGHT,
    account_rows_of,
    account_terms,
    account_vectors,
    account_words,
)
from tests.benchmarks.encoder import cores, rows
from tests.benchmarks.machine import print_machine

Matrix = NDArray[np.float32]

MIN_ARTICLES = 10  # of an account
MAX_ARTICLES = 200


def main(data: Path) -> None:
    """Print the table."""
    print_machine("python -m tests.benchmarks.accounts DATA")
    print("\n| corpus | accounts | simrec | mean of embeddings | TF-IDF profile |")
    print("|---|---|---|---|---|")
    for name in ("news_articles", "openblogs_articles", "zh_techblog_articles"):
        texts, halves = deal(data, name)
        vectors = Encoder(PRETRAINED, threads=cores()).encode(texts)
        scores = [
            simrec(texts, vectors, halves),
            mean_vectors(vectors, halves),
            tfidf_profiles(texts, halves),
        ]
        mrr = " | ".join(f"{reciprocal_ranks(found).mean():.3f}" for found in scores)
        print(f"| {name} | {len(set(halves)) // 2} | {mrr} |", flush=True)


def deal(data: Path, name: str) -> tuple[list[str], list[str]]:
    """Return texts, and the half of an account that each belongs to; all first halves sort first."""
    random.seed(0)
    texts_of: dict[str, list[str]] = {}
    for row in rows(data, name):
        if row.get("account"):
            text = encoded_text(row.get("title") or "", row.get("text") or "")
            texts_of.setdefault(row["account"], []).append(text)
    texts = []
    halves = []
    for account, written in texts_of.items():
        if len(written) >= MIN_ARTICLES:
            sample = random.sample(written, min(MAX_ARTICLES, len(written)))
            texts += sample
            halves += [f"{number % 2} {account}" for number in range(len(sample))]
    return texts, halves


def simrec(texts: list[str], vectors: Matrix, halves: list[str]) -> Matrix:
    """Return the scores of first halves to second ones, as the nightly job scores accounts."""
    names, account_matrix = account_vectors(vectors, halves)
    account_rows = account_rows_of(names, halves)
    terms = TfIdf.fit(texts).encode(texts)
    term_vectors = account_terms(account_words(terms, account_rows, len(names)))
    count = len(names) // 2
    cosines = account_matrix[:count] @ account_matrix[count:].T
    second_halves = np.broadcast_to(np.arange(count), cosines.shape)
    scorer = TermVectors(term_vectors[count:])
    return scorer.hybrid_scores(
        cosines, term_vectors[:count], second_halves, ACCOUNT_LEXICAL_WEIGHT
    )


def mean_vectors(vectors: Matrix, halves: list[str]) -> Matrix:
    """Return the cosines of plain means of the embeddings."""
    names = sorted(set(halves))
    account_rows = account_rows_of(names, halves)
    means = np.stack([vectors[account_rows == row].mean(axis=0) for row in range(len(names))])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    count = len(names) // 2
    return means[:count] @ means[count:].T


def tfidf_profiles(texts: list[str], halves: list[str]) -> Matrix:
    """Return the cosines of TF-IDF over all that an account wrote."""
    written: dict[str, list[str]] = {name: [] for name in sorted(set(halves))}
    for text, half in zip(texts, halves, strict=True):
        written[half].append(text)
    profiles = TfidfVectorizer(stop_words="english", sublinear_tf=True).fit_transform(
        " ".join(account_texts) for account_texts in written.values()
    )
    count = len(written) // 2
    return (profiles[:count] @ profiles[count:].T).toarray()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
