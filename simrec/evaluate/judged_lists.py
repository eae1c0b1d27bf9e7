"""Published lists measured by judgements of people: what readers get, not the score alone."""

from collections.abc import Mapping, Sequence

import numpy as np

from simrec.evaluate.judgement_files import Grades, Preference
from simrec.evaluate.judging import ListOf
from simrec.evaluate.qrels import open_measures
from simrec.evaluate.report_format import OURS
from simrec.evaluate.suite_result import SuiteResult
from simrec.recommend.choose_weight import MIN_QUERIES

NAMES = ("nDCG@10", "R@10", "MRR")


def measure_lists(
    name: str,
    grades: Grades,
    lists: Mapping[str, ListOf],
) -> list[SuiteResult]:
    """Measure the lists of some systems for the topics that have a relevant article.

    Topics that no system has a list of are no articles of the release, and are left out.
    """
    suite = f"{name}, published lists"
    topics = []
    for topic, judged in grades.items():
        has_list = any(list_of(topic) for list_of in lists.values())
        if has_list and any(grade > 0 for grade in judged.values()):
            topics.append(topic)
    n_topics = len(topics)
    if n_topics < MIN_QUERIES:
        skipped = f"only {n_topics} judged articles have a list, of {MIN_QUERIES} needed"
        return [SuiteResult(suite, measure, n_topics, skipped=skipped) for measure in NAMES]
    measure_runs = open_measures().measure_runs
    per_system = {}
    judged_shares = {}
    for system, list_of in lists.items():
        runs = [list(list_of(topic)) for topic in topics]
        values, judged_share = measure_runs(runs, [grades[topic] for topic in topics])
        per_system[system] = values
        judged_shares[system] = judged_share
    results = []
    for column, measure in enumerate(NAMES):
        per_query = {system: values[:, column] for system, values in per_system.items()}
        results.append(SuiteResult(suite, measure, n_topics, per_query, judged=judged_shares))
    return results


def measure_preferences(
    name: str,
    preferences: Sequence[Preference],
    current: str,
) -> list[SuiteResult]:
    """Return how often each of two systems is preferred; a draw is half for both.

    The lists of the current release are called simrec.
    """
    by_pair: dict[tuple[str, str], list[Preference]] = {}
    for preference in preferences:
        by_pair.setdefault((preference.first, preference.second), []).append(preference)
    results = []
    for systems, judged in by_pair.items():
        if len(judged) < MIN_QUERIES:
            skipped = f"only {len(judged)} pairs of lists are judged, of {MIN_QUERIES} needed"
            results.append(SuiteResult(name, "preferred", len(judged), skipped=skipped))
            continue
        per_query = {}
        for system in systems:
            wins = []
            for preference in judged:
                wins.append(0.5 if not preference.preferred else preference.preferred == system)
            per_query[OURS if system == current else system] = np.array(wins, np.float64)
        results.append(SuiteResult(name, "preferred", len(judged), per_query))
    return results
