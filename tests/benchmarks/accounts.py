"""Benchmark of similar accounts: `python -m tests.benchmarks.accounts DATA`.

DATA is a folder with news_articles, openblogs_articles and zh_techblog_articles as JSON lines under xz. The articles
of each account with at least ten are cut into halves by chance; each half has to find the other among
those of all accounts. Printed is the MRR of simrec, of the mean of embeddings, and of TF-IDF profiles.
"""

import random
import sys
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from simrec.articles.article import encoded_text
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf
from simrec.metrics import reciprocal_ranks
from simrec.recommend.similar_accounts import (
    WORDS_SHARE,
    account_terms,
    account_vectors,
    account_words,
)
from tests.benchmarks.encoder import cores, rows
from tests.benchmarks.machine import print_machine

FEWEST, MOST = 10, 200  # articles of an account


def main(data: Path) -> None:
    """Print the table."""
    print_machine("python -m tests.benchmarks.accounts DATA")
    print(
        "\n| corpus | accounts | simrec | mean of embeddings | TF-IDF profile |\n|---|---|---|---|---|"
    )
    for name in ("news_articles", "openblogs_articles", "zh_techblog_articles"):
        texts, owners = drawn(data, name)
        vectors = Encoder(PRETRAINED, threads=cores()).encode(texts)
        scored = [simrec(texts, vectors, owners), *baselines(texts, vectors, owners)]
        measured = [reciprocal_ranks(scores).mean() for scores in scored]
        values = " | ".join(f"{value:.3f}" for value in measured)
        print(f"| {name} | {len(set(owners)) // 2} | {values} |", flush=True)


def drawn(data: Path, name: str) -> tuple[list[str], list[str]]:
    """Return texts, and of each the half of the account it belongs to: all first halves sort before the second."""
    random.seed(0)
    of_account: dict[str, list[str]] = {}
    for row in rows(data, name):
        if row.get("account"):
            text = encoded_text(row.get("title") or "", row.get("text") or "")
            of_account.setdefault(row["account"], []).append(text)
    texts, owners = [], []
    for account, own in of_account.items():
        if len(own) >= FEWEST:
            own = random.sample(own, min(MOST, len(own)))
            texts += own
            owners += [f"{number % 2} {account}" for number in range(len(own))]
    return texts, owners


def simrec(texts: list[str], vectors: np.ndarray, owners: list[str]) -> np.ndarray:
    """Return the scores of first halves to second ones, as the nightly job scores accounts."""
    ids, matrix = account_vectors(vectors, owners)
    row_of = {owner: row for row, owner in enumerate(ids)}
    rows = np.array([row_of[owner] for owner in owners])
    terms = account_terms(account_words(TfIdf.fit(texts).encode(texts), rows, len(ids)))
    half = len(ids) // 2
    near = matrix[:half] @ matrix[half:].T
    others = np.broadcast_to(np.arange(half), near.shape)
    return TermVectors(terms[half:]).hybrid_scores(near, terms[:half], others, WORDS_SHARE)


def baselines(texts: list[str], vectors: np.ndarray, owners: list[str]) -> list[np.ndarray]:
    """Return the same of plain means of the embeddings, and of TF-IDF over all that an account wrote."""
    names = sorted(set(owners))
    half, means, written = len(names) // 2, [], []
    for name in names:
        own = [number for number, owner in enumerate(owners) if owner == name]
        mean = vectors[own].mean(axis=0)
        means.append(mean / np.linalg.norm(mean))
        written.append(" ".join(texts[number] for number in own))
    profiles = TfidfVectorizer(stop_words="english", sublinear_tf=True).fit_transform(written)
    matrix = np.stack(means)
    return [
        matrix[:half] @ matrix[half:].T,
        np.asarray((profiles[:half] @ profiles[half:].T).todense()),
    ]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
