"""Benchmark of the ranking rules: `python -m tests.benchmarks.rules DATA [SET ...]`.

DATA is a folder with bbc_articles, openblogs_articles, techblog_articles and news_articles as JSON lines under
xz. For each set the lists of all articles are made with no rules, with each rule alone, and by default. Printed are
same-category and same-account precision of the first ten, the share of lists that tell a story twice (or their
article's own), the skewness of how many lists an article stands in, and the share of stories that stand in none. Of
the BBC set, which says what its near-duplicates are, precision and recall are printed too.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simrec.arrays import write_npy
from simrec.articles.article import encoded_text
from simrec.articles.cleaning import clean_date
from simrec.config import IndexConfig, RulesConfig
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.index.build import build_index
from simrec.index.knn_graph import build_knn_graph
from simrec.lexical.tfidf import TfIdf
from simrec.log import now
from simrec.recommend.candidates import NO_GROUP, RowAttributes, days_of, group_numbers
from simrec.recommend.dedup import duplicate_groups
from simrec.recommend.hybrid import Scoring, rerank
from simrec.recommend.lists import Ruling, rank_lists
from simrec.recommend.rules import RecencyDecay, rules_of
from simrec.recommend.similar_accounts import account_rows
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages, in_turn
from tests.benchmarks.encoder import cores, rows
from tests.benchmarks.machine import print_machine

SETS = ("bbc_articles", "openblogs_articles", "techblog_articles", "news_articles")
MOST, CANDIDATES, WEIGHT = 20, 100, 0.7
OFF = RulesConfig(collapse_duplicates=False, max_exposure=0)
RULES = {
    "none": OFF,
    "collapse_duplicates": RulesConfig(max_exposure=0),
    "freshness_half_life 365": RulesConfig(
        collapse_duplicates=False, max_exposure=0, freshness_half_life=365
    ),
    "exclude_own_account": RulesConfig(
        collapse_duplicates=False, max_exposure=0, exclude_own_account=True
    ),
    "account_cap 3": RulesConfig(collapse_duplicates=False, max_exposure=0, account_cap=3),
    "diversity 0.3": RulesConfig(collapse_duplicates=False, max_exposure=0, diversity=0.3),
    "max_exposure 2": RulesConfig(collapse_duplicates=False),
    "default": RulesConfig(),
}


def main(data: Path, names: Sequence[str]) -> None:
    """Print a table for each set."""
    print_machine("python -m tests.benchmarks.rules DATA")
    for name in names or SETS:
        articles = list(rows(data, name))
        with tempfile.TemporaryDirectory() as folder:
            measure(name, articles, Path(folder))


def measure(name: str, articles: list[dict[str, Any]], folder: Path) -> None:
    """Print what each rule does to one set."""
    texts = [
        encoded_text(article.get("title") or "", article.get("text") or "") for article in articles
    ]
    vectors = Encoder(PRETRAINED, threads=cores()).encode(texts).astype(np.float16)
    stages, config = Stages(in_turn, folder / "parts", name), IndexConfig(candidates=CANDIDATES)
    staged = ReleaseFolder(folder)
    write_npy(staged.vectors, [vectors], vectors.shape)
    terms = TfIdf.fit(texts).encode(texts)
    write_npy(staged.terms, [terms], terms.shape, "<u4")
    index = build_index(staged.vectors, config, CANDIDATES, stages)
    index.save(staged.index)
    build_knn_graph(index, staged, CANDIDATES, stages, config.memory_mib)
    scoring = Scoring.of(staged, WEIGHT, stages)
    candidates = rerank(scoring, CANDIDATES, stages)
    published = [dated(article.get("published_at")) for article in articles]
    originals, ages = (
        duplicate_groups(candidates.pairs(), published),
        RecencyDecay.of(published, now()),
    )
    owners = [article.get("account") for article in articles]
    accounts = account_rows(sorted({owner for owner in owners if owner}), owners)
    categories = group_numbers([article.get("category") for article in articles])
    attributes = RowAttributes(originals, accounts, categories, days_of(published))
    print(f"\n**{name}**, {len(articles):,} articles; {duplicates(articles, originals)}\n")
    print(
        "| rules | category P@10 | account P@10 | lists that tell one twice | skewness | in no list |"
    )
    print("|---|---|---|---|---|---|")
    for label, rules in RULES.items():
        if rules.exclude_own_account and accounts.max(initial=0) < 1:
            continue
        ruling = Ruling(scoring, index.facts, rules_of(rules, ages), rules.max_exposure)
        again = Stages(in_turn, folder / label, label)
        listed = rank_lists(candidates, attributes, ruling, MOST, again).rows
        print(f"| {label} | {' | '.join(figures(articles, listed, originals))} |", flush=True)


def dated(value: Any) -> str | None:
    """Return a date as it is taken in, None where there is none."""
    try:
        return clean_date(value)
    except ValueError:
        return None


def figures(articles: list[dict[str, Any]], listed: np.ndarray, originals: np.ndarray) -> list[str]:
    """Return the columns of one row."""
    counts = np.bincount(listed[listed >= 0], minlength=len(listed))
    skewness = float((((counts - counts.mean()) / counts.std()) ** 3).mean())
    told = np.where(listed >= 0, originals[listed], NO_GROUP)
    own = originals[:, None]
    twice = [
        len(some := row[row != NO_GROUP]) > len(set(some.tolist()))
        for row in np.hstack([own, told])
    ]
    told_by = np.where(originals == NO_GROUP, np.arange(len(counts)), originals)
    nowhere = np.bincount(told_by, counts)[np.unique(told_by)] == 0
    labels = [same_label(articles, listed[:, :10], field) for field in ("category", "account")]
    return [*labels, f"{np.mean(twice):.4f}", f"{skewness:.2f}", f"{nowhere.mean():.4f}"]


def same_label(articles: list[dict[str, Any]], listed: np.ndarray, field: str) -> str:
    """Return the share of the listed that have the label of their seed, of seeds whose label others have."""
    names = sorted({str(article.get(field)) for article in articles if article.get(field)})
    codes = account_rows(
        names, [article.get(field) and str(article[field]) for article in articles]
    )
    several = (codes >= 0) & (np.bincount(codes[codes >= 0], minlength=len(names))[codes] > 1)
    if len(names) < 2 or not several.any():
        return ""
    same = (codes[listed] == codes[:, None]) & (listed >= 0)
    return f"{same[several].sum() / (listed[several] >= 0).sum():.4f}"


def duplicates(articles: list[dict[str, Any]], originals: np.ndarray) -> str:
    """Say how many near-duplicates there are, and how right that is where the set knows them."""
    found = (originals != NO_GROUP) & (originals != np.arange(len(originals)))
    if not any("duplicate" in article for article in articles):
        return f"{found.sum()} near-duplicates"
    flagged = np.array([bool(article.get("duplicate")) for article in articles])
    right = (found & flagged).sum()
    precision, recall = right / max(1, found.sum()), right / flagged.sum()
    return f"{found.sum()} near-duplicates, precision {precision:.3f} and recall {recall:.3f} of those flagged"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
