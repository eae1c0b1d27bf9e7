"""Benchmark of the ranking rules: `python -m tests.benchmarks.rules DATA [SET ...]`.

DATA is a folder with bbc_articles, openblogs_articles, techblog_articles and news_articles as JSON lines
under xz. For each set the lists of all articles are made with no rules, with each rule alone, and by
default. The table says: same-category and same-account precision of the first ten; the share of lists
with near-duplicates among the list and its article; the skewness of how many lists hold an article; and
the share of articles, near-duplicates counted once, that no list holds; the share that none holds in its first ten
places; in how many lists the most listed article
is; and the share of places that are filled. Of the BBC set, which says what
its near-duplicates are, precision and recall are printed too.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from simrec.arrays import write_npy
from simrec.articles.article import encoded_text
from simrec.articles.dates import parse_date
from simrec.articles.store import ArticleMeta
from simrec.config import IndexConfig, RulesConfig
from simrec.encoder.default_encoder import PRETRAINED
from simrec.encoder.runtime import Encoder
from simrec.index.build import build_index
from simrec.index.index_facts import IndexFacts
from simrec.index.knn_graph import build_knn_graph
from simrec.lexical.tfidf import TfIdf
from simrec.log import now
from simrec.recommend.candidates import NO_GROUP, RowAttributes
from simrec.recommend.dedup import duplicate_groups
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.lists import ListSettings, rank_lists
from simrec.recommend.rerank import rerank
from simrec.recommend.row_attributes import attribute_table
from simrec.recommend.rules.age import RecencyDecay
from simrec.recommend.rules.published_rules import PublishedRules
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages, in_turn
from tests.benchmarks.encoder import cores, rows
from tests.benchmarks.machine import print_machine

SETS = ("bbc_articles", "openblogs_articles", "techblog_articles", "news_articles")
PLACES = 20
CANDIDATES = 100
WEIGHT = 0.7
FIELDS = ("account", "category", "lang")
OFF = RulesConfig(collapse_duplicates=False, max_exposure=0)
RULES = {
    "none": OFF,
    "collapse_duplicates": RulesConfig(max_exposure=0),
    "freshness_half_life 365": RulesConfig(
        collapse_duplicates=False, max_exposure=0, freshness_half_life=365
    ),
    "freshness_half_life 365, max_exposure 2": RulesConfig(freshness_half_life=365),
    "the same from newest": RulesConfig(freshness_half_life=365, age_from="newest"),
    "max_age_days 365, max_exposure 2": RulesConfig(max_age_days=365),
    "the same age from newest": RulesConfig(max_age_days=365, age_from="newest"),
    "same_category preferred": RulesConfig(
        collapse_duplicates=False, max_exposure=0, same_category="preferred"
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
    stages = Stages(in_turn, folder / "parts", name)
    staged = ReleaseFolder(folder)
    facts = index(texts, staged, stages)
    files = ScorerFiles.prepare(staged, WEIGHT, stages)
    candidates = rerank(files, CANDIDATES, stages)
    published = [dated(article.get("published_at")) for article in articles]
    today = now()
    groups = duplicate_groups(candidates.duplicates(), published, [0] * len(texts), today)
    metadata = []
    for article, date in zip(articles, published, strict=True):
        labels = (article.get("category"), article.get("lang"))
        metadata.append(ArticleMeta(article["id"], article.get("account") or None, date, *labels))
    every_row = np.arange(len(articles))
    may_be_listed = np.ones(len(articles), bool)
    table = attribute_table(every_row, groups, metadata, FIELDS, may_be_listed)
    accounts = table.groups["account"]
    print(f"\n**{name}**, {len(articles):,} articles; {duplicates(articles, groups)}\n")
    print(
        "| rules | category P@10 | account P@10 | with duplicates | skewness | in no list "
        "| in no first ten | most lists of one | places filled |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for label, rules in RULES.items():
        if rules.exclude_own_account and accounts.max(initial=0) < 1:
            continue
        decay = RecencyDecay.of(published, today, rules.age_from == "article")
        chosen = PublishedRules(rules, decay=decay).rules()
        settings = ListSettings(files, facts, chosen, PLACES, rules.max_exposure)
        list_stages = Stages(in_turn, folder / label, label)
        lists = rank_lists(candidates, table, settings, list_stages)
        print(f"| {label} | {' | '.join(figures(lists.rows, table.all()))} |", flush=True)


def index(texts: list[str], staged: ReleaseFolder, stages: Stages) -> IndexFacts:
    """Write vectors, terms, index and kNN graph of texts."""
    config = IndexConfig(candidates=CANDIDATES)
    vectors = Encoder(PRETRAINED, threads=cores()).encode(texts).astype(np.float16)
    write_npy(staged.vectors, [vectors], vectors.shape)
    terms = TfIdf.fit(texts).encode(texts)
    write_npy(staged.terms, [terms], terms.shape, "<u4")
    built = build_index(staged.vectors, config, CANDIDATES, stages)
    built.save(staged.index)
    build_knn_graph(built, staged, CANDIDATES, stages, config.memory_mib)
    return built.facts


def dated(value: Any) -> str | None:
    """Return a date as it is taken in, None where there is none."""
    try:
        return parse_date(value, 9999)
    except ValueError:
        return None


def figures(lists: NDArray[np.int32], attributes: RowAttributes) -> list[str]:
    """Return the columns of one line of the table; lists are rows [rows, places]."""
    groups = attributes.duplicate_groups
    exposure = np.bincount(lists[lists >= 0], minlength=len(lists))
    listed_groups = np.where(lists >= 0, groups[lists], NO_GROUP)
    has_duplicates = []
    for row in np.column_stack([groups, listed_groups]):
        named = row[row != NO_GROUP]
        has_duplicates.append(len(named) > len(np.unique(named)))
    originals = np.where(groups == NO_GROUP, np.arange(len(groups)), groups)
    listed_first = lists[:, :10]
    first_ten = np.bincount(listed_first[listed_first >= 0], minlength=len(lists))
    exposure_of_originals = np.bincount(originals, exposure)[np.unique(originals)]
    return [
        same_label(lists[:, :10], attributes.groups("category")),
        same_label(lists[:, :10], attributes.groups("account")),
        f"{np.mean(has_duplicates):.4f}",
        f"{stats.skew(exposure):.2f}",
        f"{(exposure_of_originals == 0).mean():.4f}",
        f"{(first_ten == 0).mean():.4f}",
        f"{exposure.max()}",
        f"{(lists >= 0).mean():.3f}",
    ]


def same_label(lists: NDArray[np.int32], labels: NDArray[np.int64]) -> str:
    """Return the share of the listed with the label of their seed, of seeds whose label others have."""
    counts = np.bincount(labels[labels >= 0], minlength=1)
    has_peers = (labels >= 0) & (counts[labels] > 1)
    if len(counts) < 2 or not has_peers.any():
        return ""
    is_same = (labels[lists] == labels[:, None]) & (lists >= 0)
    return f"{is_same[has_peers].sum() / (lists[has_peers] >= 0).sum():.4f}"


def duplicates(articles: list[dict[str, Any]], groups: NDArray[np.int64]) -> str:
    """Say how many near-duplicates there are, and how right that is where the set knows them."""
    found = (groups != NO_GROUP) & (groups != np.arange(len(groups)))
    if not any("duplicate" in article for article in articles):
        return f"{found.sum()} near-duplicates"
    flagged = np.array([bool(article.get("duplicate")) for article in articles])
    right = (found & flagged).sum()
    precision = right / max(1, found.sum())
    recall = right / flagged.sum()
    figures = f"precision {precision:.3f} and recall {recall:.3f} of those flagged"
    return f"{found.sum()} near-duplicates, {figures}"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
