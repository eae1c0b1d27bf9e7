"""Benchmark of boilerplate: `python -m tests.benchmarks.boilerplate ARTICLES.jsonl.xz [SHARE]`.

ARTICLES have id, title, text, account and category. At most 60 articles of an account without
boilerplate take part. The articles that hold some look for their ten nearest, by whole texts and by
what counts of all texts. It prints what is left out, precision of the category, the share of the
same account, and the neighbours that lost most.
"""

import json
import lzma
import sys
from collections import Counter
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.articles.article import encoded_text
from simrec.articles.cleaning import clean_text
from simrec.config import Config
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.lexical.boilerplate import Boilerplate
from simrec.lexical.term_vectors import TermVectors
from simrec.lexical.tfidf import TfIdf
from tests.benchmarks.encoder import cores
from tests.benchmarks.machine import print_machine

MOST_OF_OTHERS = 60  # articles of an account without boilerplate
LEXICAL_WEIGHT = 0.7
K = 10
SHOWN = 8


class NewsArticle(NamedTuple):
    """What the benchmark knows of an article; `counted` is what counts of its text."""

    title: str
    text: str
    counted: str
    account: str
    category: str


Scores = NDArray[np.float32]


def main(path: Path, share: float) -> None:
    """Print what is left out of which accounts, and what that does to the lists."""
    print_machine(f"python -m tests.benchmarks.boilerplate {path.name} {share}")
    articles = read(path, share)
    queries = [row for row, article in enumerate(articles) if article.counted != article.text]
    print(f"\n{len(articles):,} articles take part; the {len(queries):,} with boilerplate ask")
    if not queries:
        return
    whole = nearest([encoded_text(a.title, a.text) for a in articles], queries)
    counted = nearest([encoded_text(a.title, a.counted) for a in articles], queries)
    own = np.array([[a.account == articles[query].account for a in articles] for query in queries])
    print(f"\n| texts | same category P@{K} | of other accounts' | same account in {K} |")
    print("|---|---|---|---|")
    for name, scores in (("whole", whole), ("without boilerplate", counted)):
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        others = np.argsort(-np.where(own, -1, scores), axis=1, kind="stable")[:, :K]
        print(f"| {name} | {agreement(articles, queries, rows, 'category'):.3f} ", end="")
        print(f"| {agreement(articles, queries, others, 'category'):.3f} ", end="")
        print(f"| {agreement(articles, queries, rows, 'account'):.3f} |")
    show_lost(articles, queries, whole, counted)


def read(path: Path, share: float) -> list[NewsArticle]:
    """Read the articles, and print what of which accounts does not count."""
    written: dict[str, list[dict[str, str]]] = {}
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            row["text"] = clean_text(row["text"])
            written.setdefault(row["account"], []).append(row)
    articles = []
    print("\n| account | articles | with boilerplate | characters left out |\n|---|---|---|---|")
    for account, rows in written.items():
        boilerplate = Boilerplate.find({row["text"]: None for row in rows}, share)
        taken = rows if boilerplate else rows[:MOST_OF_OTHERS]
        own = [
            NewsArticle(
                row["title"],
                row["text"],
                boilerplate.without(row["text"]),
                account,
                row.get("category") or "",
            )
            for row in taken
        ]
        if boilerplate:
            print_left_out(account, own, boilerplate)
            with_any = [article for article in own if article.counted != article.text]
            without = [article for article in own if article.counted == article.text]
            own = with_any + without[:MOST_OF_OTHERS]
        articles += own
    return articles


def print_left_out(account: str, articles: list[NewsArticle], boilerplate: Boilerplate) -> None:
    """Print how much of an account is boilerplate, and the passages that stand most often."""
    passages: Counter[str] = Counter()
    n_chars = 0
    for article in articles:
        for first, last in boilerplate.spans(article.text):
            passages[" ".join(article.text[first:last].split())] += 1
            n_chars += last - first
    held = sum(article.counted != article.text for article in articles)
    left_out = n_chars / sum(len(article.text) for article in articles)
    often = "; ".join(f"{n}× {shorten(text, 90)}" for text, n in passages.most_common(2))
    print(f"| {account} | {len(articles):,} | {held:,} | {left_out:.2%}: {often} |")


def nearest(texts: list[str], queries: list[int]) -> Scores:
    """Return the hybrid scores of the queries to all texts, -1 to themselves."""
    vectors = Encoder(PRETRAINED, threads=cores()).encode(texts)
    terms = TfIdf.fit(texts).encode(texts)
    rows = np.broadcast_to(np.arange(len(texts)), (len(queries), len(texts)))
    cosines = vectors[queries] @ vectors.T
    scores = TermVectors(terms).hybrid_scores(cosines, terms[queries], rows, LEXICAL_WEIGHT)
    scores[np.arange(len(queries)), queries] = -1
    return scores


def agreement(
    articles: list[NewsArticle], queries: list[int], rows: NDArray[np.int64], label: str
) -> float:
    """Return the share of the rows that have the label of their query."""
    labels = np.array([getattr(article, label) for article in articles])
    return float((labels[rows] == labels[queries][:, None]).mean())


def show_lost(
    articles: list[NewsArticle], queries: list[int], whole: Scores, counted: Scores
) -> None:
    """Print the neighbours among the first ten by whole texts whose score falls most."""
    print("\nneighbours that boilerplate had made:")
    first = np.sort(whole, axis=1)[:, -K][:, None] <= whole
    falls = np.where(first, whole - counted, 0)
    for query in np.argsort(-falls.max(axis=1), kind="stable")[:SHOWN]:
        row = int(falls[query].argmax())
        before, after = whole[query, row], counted[query, row]
        title = shorten(articles[queries[query]].title, 70)
        print(f"- {title} → {shorten(articles[row].title, 70)}: {before:.2f}, now {after:.2f}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(
        Path(sys.argv[1]),
        float(sys.argv[2]) if len(sys.argv) == 3 else Config().embed.boilerplate_share,
    )
