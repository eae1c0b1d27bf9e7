"""What the rules do to lists: the published ones beside those that the score alone would make."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec import metrics
from simrec.arrays import Mask, Rows, read_npz
from simrec.evaluate.bootstrap import paired_difference
from simrec.evaluate.recommendations import K, Recommendations
from simrec.evaluate.report_format import RuleEffect
from simrec.recommend.choose_weight import MIN_QUERIES
from simrec.recommend.table_reader import ArticleAttributes
from simrec.release_folder import ReleaseFolder

HINT = "the next night makes another"
MIN_ARTICLES_OF_LABEL = 2

Labels = Mapping[int, frozenset[str | None]]  # by row
Figures = NDArray[np.float64]
LabelsOf = Callable[[ArticleAttributes], Sequence[str | None]]


class _ComparedLists(NamedTuple):
    """Lists of some seeds: rows [seeds, K], -1 for no more, and their scores."""

    rows: Rows
    scores: NDArray[np.float32]


def measure_rule_effects(
    folder: ReleaseFolder, articles: Sequence[ArticleAttributes], lists: Recommendations
) -> list[RuleEffect]:
    """Return what lists have in common with their article, by the rules and without them.

    Precision is the share of what is listed, within K places, that has a label of the article;
    measured on the lists of articles whose label others have as well.
    """
    if not folder.without_rules.exists():
        return []
    seeds, similar, scores = read_npz(folder.without_rules, HINT, "rows", "similar", "scores")
    without = _ComparedLists(similar, scores)
    published = _lists_of(lists, seeds, len(articles))
    has_lists = (published.rows >= 0).any(axis=1) & (without.rows >= 0).any(axis=1)
    compared = np.concatenate([seeds, published.rows.ravel(), without.rows.ravel()])
    effects = []
    for suite, labels_of in LABELS.items():
        labels = _labels_of(compared, articles, labels_of)
        is_query = has_lists & np.array([bool(labels[seed]) for seed in seeds.tolist()], bool)
        ours = _precisions(published, seeds, labels)[is_query]
        theirs = _precisions(without, seeds, labels)[is_query]
        effects += effect_of_rules(suite, f"P@{K}", ours, theirs)
    ours = _mean_scores(published)[has_lists]
    theirs = _mean_scores(without)[has_lists]
    return [*effects, *effect_of_rules("score", f"mean@{K}", ours, theirs)]


def _tags(article: ArticleAttributes) -> list[str | None]:
    return list(json.loads(article.tags))


LABELS: dict[str, LabelsOf] = {
    "same category": lambda article: [article.category],
    "same account": lambda article: [article.account],
    "shared tag": _tags,
}


def _lists_of(lists: Recommendations, seeds: Rows, n_articles: int) -> _ComparedLists:
    """Return the published lists of some seeds."""
    position = np.full(n_articles, -1)
    position[seeds] = np.arange(len(seeds))
    line = position[lists.seeds]
    is_of_seed = line >= 0
    line = line[is_of_seed]
    column = lists.ranks[is_of_seed] - 1
    rows = np.full((len(seeds), K), -1)
    scores = np.zeros((len(seeds), K), np.float32)
    rows[line, column] = lists.articles[is_of_seed]
    scores[line, column] = lists.scores[is_of_seed]
    return _ComparedLists(rows, scores)


def _labels_of(rows: Rows, articles: Sequence[ArticleAttributes], labels_of: LabelsOf) -> Labels:
    """Return the labels of some rows that several articles have; none where all share one."""
    counts = Counter(label for article in articles for label in set(labels_of(article)))
    shared = {label for label, count in counts.items() if count >= MIN_ARTICLES_OF_LABEL}
    shared.discard(None)
    if len(shared) < 2:
        shared = set()
    labels = {}
    for row in set(rows.tolist()):
        labels[row] = frozenset(shared.intersection(labels_of(articles[row])))
    return labels


def _precisions(lists: _ComparedLists, seeds: Rows, labels: Labels) -> Figures:
    """Return the share of each list that shares a label with its seed."""
    is_relevant = np.zeros(lists.rows.shape, bool)
    for line, seed in enumerate(seeds.tolist()):
        for column, row in enumerate(lists.rows[line].tolist()):
            is_relevant[line, column] = row >= 0 and bool(labels[seed] & labels[row])
    return _mean_of_listed(is_relevant, lists.rows >= 0)


def _mean_scores(lists: _ComparedLists) -> Figures:
    return _mean_of_listed(lists.scores, lists.rows >= 0)


def _mean_of_listed(values: Mask | NDArray[np.float32], is_listed: Mask) -> Figures:
    """Return the mean of what is listed in each line, 0 of an empty one."""
    sums = np.where(is_listed, values, 0).sum(axis=1, dtype=np.float64)
    means: Figures = sums / np.maximum(is_listed.sum(axis=1), 1)
    return means


def effect_of_rules(suite: str, measure: str, ours: Figures, theirs: Figures) -> list[RuleEffect]:
    """Return the effect on one measure, or nothing where too few lists were measured."""
    if len(ours) < MIN_QUERIES:
        return []
    difference = paired_difference(ours, theirs, metrics.mean)
    return [
        RuleEffect(
            suite=suite,
            measure=measure,
            lists=len(ours),
            published=round(float(ours.mean()), 4),
            without_rules=round(float(theirs.mean()), 4),
            low=round(difference.low, 4),
            high=round(difference.high, 4),
        )
    ]
