"""Qrels: relevance judgements of people in files, measured for every scorer."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from simrec.errors import ConfigError, missing_extra
from simrec.evaluate.graded_pairs import measure_graded_pairs
from simrec.evaluate.judgement_files import Grades, holds_grades, read_grades
from simrec.evaluate.scorers import Scorer, Text
from simrec.evaluate.suite_result import SuiteResult
from simrec.evaluate.suites import SampledArticle
from simrec.recommend.choose_weight import MIN_QUERIES
from simrec.training.pair_files import read_pairs

MAX_QUERIES = 1_000
# What ranking_measures.MEASURES are, in their order, as the field calls their means
NAMES = ("nDCG@10", "R@10", "MRR", "MAP")

Scorers = dict[str, Scorer]
Qrels = dict[str, dict[str, int]]  # grades by the text of the query and of the candidate
TextOf = Callable[[str], str | None]  # of an article by its id


def measure_judgements(
    path: Path,
    sample: Sequence[SampledArticle],
    text_of: TextOf,
    max_reject_share: float,
    scorers: Scorers,
) -> list[SuiteResult]:
    """Measure what a file knows: grades (topics are article ids), graded pairs, or links.

    The candidates of qrels and links are the articles that they name and the sample. Links of
    articles that an encoder was trained on are left out: text_of returns "" for these. ConfigError
    for a file of another kind, and where qrels or links need the extra.
    """
    if holds_grades(path):
        qrels, remark = qrels_of(read_grades(path), text_of)
        return _measure_qrels(path.stem, qrels, sample, scorers, remark)
    pairs = read_pairs(path, (), text_of, max_reject_share)
    if pairs.kind == "graded":
        return measure_graded_pairs(path.stem, pairs.rows, pairs.grades, scorers)
    if pairs.kind in ("links", "pairs"):
        return _measure_qrels(path.stem, _qrels_of_links(pairs.rows), sample, scorers, "")
    raise ConfigError(
        f"{path}: judgements are a, b, score; a, b; id_a, id_b; topic, article, grade; "
        "or TREC qrels in a file named *.qrels"
    )


def _qrels_of_links(links: Sequence[tuple[str, ...]]) -> Qrels:
    """Return qrels in which the right text of each link is relevant to the left one."""
    qrels: Qrels = {}
    for left, right in links:
        qrels.setdefault(left, {})[right] = 1
    return qrels


def qrels_of(grades: Grades, text_of: TextOf) -> tuple[Qrels, str]:
    """Return grades by text, and a remark on the ids of no article."""
    qrels: Qrels = {}
    unknown = set()
    for topic, judged in grades.items():
        query = text_of(topic)
        if query is None:
            unknown.add(topic)
        for article, grade in judged.items():
            candidate = text_of(article)
            if candidate is None:
                unknown.add(article)
            if query and candidate and query != candidate:
                qrels.setdefault(query, {})[candidate] = grade
    return qrels, f"{len(unknown):,} ids of the file are no articles" if unknown else ""


def _measure_qrels(
    name: str, qrels: Qrels, sample: Sequence[SampledArticle], scorers: Scorers, remark: str
) -> list[SuiteResult]:
    """Rank the candidates for every query, and leave out the query itself."""
    measure_rankings = open_measures().measure_rankings
    queries = _draw_queries(qrels)
    n_queries = len(queries)
    if n_queries < MIN_QUERIES:
        too_few = f"only {n_queries} articles are queries, of {MIN_QUERIES} needed"
        skipped = f"{too_few}; {remark}" if remark else too_few
        return [SuiteResult(name, measure, n_queries, skipped=skipped) for measure in NAMES]
    row_of = _candidate_rows(queries, qrels, sample)
    candidates = [Text(text) for text in row_of]
    grades = []
    for query in queries:
        grades.append({row_of[text]: grade for text, grade in qrels[query].items()})
    tables = {}
    judged = {}
    for scorer_name, scorer in scorers.items():
        scores = scorer(candidates[:n_queries], candidates)
        tables[scorer_name], judged[scorer_name] = measure_rankings(scores, grades)
    results = []
    for column, measure in enumerate(NAMES):
        result = SuiteResult(
            suite=name,
            measure=measure,
            n_queries=n_queries,
            per_query={scorer_name: table[:, column] for scorer_name, table in tables.items()},
            skipped=remark,
            n_candidates=len(candidates),
            judged=judged,
        )
        results.append(result)
    return results


def _candidate_rows(
    queries: Sequence[str], qrels: Qrels, sample: Sequence[SampledArticle]
) -> dict[str, int]:
    """Return the row of each candidate's text: queries first, then the judged, then the sample."""
    judged = [candidate for query in queries for candidate in qrels[query]]
    sampled = [article.encoded for article in sample]
    distinct = dict.fromkeys([*queries, *judged, *sampled])
    return {text: row for row, text in enumerate(distinct)}


def open_measures() -> ModuleType:
    """Return the module of the field's measures; ConfigError without the extra."""
    try:
        from simrec.evaluate import ranking_measures
    except ModuleNotFoundError as error:
        if error.name == "ir_measures":
            raise missing_extra("evaluate", "measuring qrels or links") from error
        raise
    return ranking_measures


def _draw_queries(qrels: Qrels) -> list[str]:
    """Return the texts that have a relevant candidate, or a random sample of them."""
    queries = []
    for query, grades in qrels.items():
        if any(grade > 0 for grade in grades.values()):
            queries.append(query)
    return random.Random(0).sample(queries, min(MAX_QUERIES, len(queries)))
