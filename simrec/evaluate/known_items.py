"""Ask a release as its readers do: titles and halves of texts look for their articles.

They go through candidates, score and rules as published, and beside that by the score alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, read_npz
from simrec.articles.store import Store
from simrec.evaluate.evaluated_release import EvaluatedRelease
from simrec.evaluate.recommendations import K
from simrec.evaluate.report_format import HALF, TITLE, RuleEffect
from simrec.evaluate.rule_effects import HINT, effect_of_rules
from simrec.evaluate.scorers import Encode
from simrec.recommend.choose_weight import MIN_CHARS, halves
from simrec.recommend.query import NO_FILTERS
from simrec.recommend.rules.rule import Rule
from simrec.recommend.search import Search
from simrec.recommend.table_reader import ArticleAttributes
from simrec.recommend.tables.sqlite import read_articles
from simrec.release_folder import ReleaseFolder

QUESTIONS = 40  # of each suite; a question costs 5 ms twice among 28,000 articles
MEASURE = f"MRR@{K}"


class KnownItem(NamedTuple):
    """A text, and the row of the article that it is to find."""

    text: str
    row: int


@dataclass(frozen=True)
class AskedArticles:
    """Of all articles by row: which may be found, and the first of its near-duplicates."""

    may_be_found: Mask
    originals: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        articles: Sequence[ArticleAttributes],
        may_be_found: Mask,
    ) -> "AskedArticles":
        """Take what the rules may ask of all articles, and which of them may be recommended."""
        originals = []
        for row, article in enumerate(articles):
            originals.append(row if article.original is None else article.original)
        return cls(may_be_found, np.array(originals, np.int64))


def measure_known_items(
    release: EvaluatedRelease,
    search: Search,
    articles: AskedArticles,
    questions: Mapping[str, Sequence[KnownItem]],
    encode: Encode,
) -> list[RuleEffect]:
    """Return at which of K places questions find their article, by the rules and without them.

    A near-duplicate in the place of its original is right as well: readers see the same text.
    questions are by suite.
    """
    effects = []
    for suite, items in questions.items():
        if items:
            asked = _Questions(release, search, articles, items, encode)
            published = asked.reciprocal_ranks(search.rules)
            by_score = asked.reciprocal_ranks(())
            effects += effect_of_rules(suite, MEASURE, published, by_score)
    return effects


def read_questions(
    folder: ReleaseFolder,
    articles: AskedArticles,
    store: Store,
    boundary: bytes,
) -> dict[str, list[KnownItem]]:
    """Return titles and second halves of texts by suite, of the articles of the lowest text keys.

    All are held out from training: their keys are below the boundary.
    """
    if not folder.without_rules.exists():
        return {}
    (rows,) = read_npz(folder.without_rules, HINT, "rows")
    rows = rows[articles.may_be_found[rows]]
    ids = [article_id for (article_id,) in read_articles(folder, "id", rows.tolist())]
    held_out = []
    for row, article_id in zip(rows.tolist(), ids, strict=True):
        stored = store.text_of(article_id)
        if stored and stored[0] < boundary:
            held_out.append((*stored, row))
    titles = []
    second_halves = []
    for _, title, text, row in sorted(held_out):
        if title and text:
            titles.append(KnownItem(title, row))
        if len(text) >= MIN_CHARS:
            second_halves.append(KnownItem(halves(text)[1], row))
    return {TITLE: titles[:QUESTIONS], HALF: second_halves[:QUESTIONS]}


class _Questions:
    """Texts that are asked one after the other."""

    def __init__(
        self,
        release: EvaluatedRelease,
        search: Search,
        articles: AskedArticles,
        items: Sequence[KnownItem],
        encode: Encode,
    ) -> None:
        texts = [item.text for item in items]
        self._search = search
        self._originals = articles.originals
        self._rows = [item.row for item in items]
        self._vectors = encode(texts)
        self._terms = release.tfidf.encode(texts) if release.tfidf else None

    def reciprocal_ranks(
        self,
        rules: Sequence[Rule],
    ) -> NDArray[np.float64]:
        """Return 1 / rank of the right article of each question, 0 where K places hold none."""
        ranks = [self._reciprocal_rank(number, rules) for number in range(len(self._rows))]
        return np.array(ranks)

    def _reciprocal_rank(
        self,
        number: int,
        rules: Sequence[Rule],
    ) -> float:
        one = slice(number, number + 1)
        terms = None if self._terms is None else self._terms[one]
        seeds = self._search.vectors_of_text(self._vectors[one], terms)
        wanted = self._originals[self._rows[number]]
        hits = self._search.search(seeds, K, NO_FILTERS, (), rules)
        for rank, hit in enumerate(hits, start=1):
            if self._originals[hit.row] == wanted:
                return 1 / rank
        return 0.0
