"""Judgements: what people know of pairs of articles, asked of every scorer, by the field's own measures."""

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ir_measures
import numpy as np
from ir_measures import AP, RR, Measure, R, nDCG
from scipy.stats import rankdata

from simrec.errors import ConfigError
from simrec.evaluate.scorers import Scorer, Text
from simrec.evaluate.suites import Result, Sampled
from simrec.recommend.choose_weight import MIN_QUERIES
from simrec.training.pair_files import PairFile, read_pairs

MEASURES: tuple[Measure, ...] = (nDCG @ 10, R @ 10, RR, AP)
CALLED = {RR: "MRR", AP: "MAP"}  # as the field calls their means
FIRST = 1_000  # candidates of a ranking that are judged, as in TREC
MOST_ASKING = 1_000
BLOCK = 500  # pairs

Scorers = Mapping[str, Scorer]
Qrels = dict[str, dict[str, int]]  # grades by the texts that ask and answer
TextOf = Callable[[str], str | None]  # of an article by its id


def ask(
    path: Path, sample: Sequence[Sampled], text_of: TextOf, most_bad: float, scorers: Scorers
) -> list[Result]:
    """Ask what a file knows: TREC qrels (topic and answer are article ids), graded pairs, or links.

    The candidates of qrels and links are the articles they name and the sample. Links of articles that were
    trained on are passed over: text_of returns "" for these. ConfigError for a file that is none of them.
    """
    if path.suffix == ".qrels":
        qrels, note = read_qrels(path, text_of)
        return _ranked(path.stem, qrels, sample, scorers, note)
    pairs = read_pairs(path, (), text_of, most_bad)
    if pairs.kind == "graded":
        return _graded(path.stem, pairs, scorers)
    if pairs.kind in ("links", "pairs"):
        qrels = {}
        for left, right in pairs.rows:
            qrels.setdefault(left, {})[right] = 1
        return _ranked(path.stem, qrels, sample, scorers, "")
    raise ConfigError(
        f"{path}: judgements are a, b, score; a, b; id_a, id_b; or TREC qrels in a file named *.qrels"
    )


def read_qrels(path: Path, text_of: TextOf) -> tuple[Qrels, str]:
    """Return the grades of a TREC qrels file by text, and a note on the ids that no article has."""
    qrels: Qrels = {}
    unknown = set()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        try:
            topic, _, answer, grade = line.split()
            value = int(grade)
        except ValueError:
            wanted = "topic 0 article grade, four columns of which the last is a whole number"
            raise ConfigError(
                f"{path}, line {number}: {line[:80]!r} is no judgement; a line is {wanted}"
            ) from None
        asks, answers = text_of(topic), text_of(answer)
        unknown |= {
            article_id for article_id, text in ((topic, asks), (answer, answers)) if text is None
        }
        if asks and answers and asks != answers:
            qrels.setdefault(asks, {})[answers] = value
    return qrels, f"{len(unknown):,} ids of the file are no articles" if unknown else ""


def _ranked(
    name: str, qrels: Qrels, sample: Sequence[Sampled], scorers: Scorers, note: str
) -> list[Result]:
    """Rank the candidates for every text that asks, itself left out."""
    asking = [text for text, grades in qrels.items() if any(grade > 0 for grade in grades.values())]
    asking = random.Random(0).sample(asking, min(MOST_ASKING, len(asking)))
    if len(asking) < MIN_QUERIES:
        why = f"only {len(asking)} articles ask, of {MIN_QUERIES} needed" + (
            f"; {note}" if note else ""
        )
        return [Result(name, _called(measure), len(asking), skipped=why) for measure in MEASURES]
    judged = [text for asks in asking for text in qrels[asks]]
    place = {
        text: n
        for n, text in enumerate(dict.fromkeys([*asking, *judged, *(a.encoded for a in sample)]))
    }
    texts = [Text(text) for text in place]
    by_row = {
        str(row): {str(place[text]): grade for text, grade in qrels[asks].items()}
        for row, asks in enumerate(asking)
    }
    scored = {
        who: _measured(scores(texts[: len(asking)], texts), by_row)
        for who, scores in scorers.items()
    }
    return [
        Result(
            name,
            _called(measure),
            len(asking),
            {who: values[:, n] for who, values in scored.items()},
            note,
            len(texts),
        )
        for n, measure in enumerate(MEASURES)
    ]


def _measured(scores: np.ndarray, qrels: Qrels) -> np.ndarray:
    """Return every measure of every question, [questions, measures]; candidate i is question i itself.

    A candidate that ties with a better one counts as before it, as in all suites.
    """
    np.fill_diagonal(scores, -np.inf)
    run: dict[str, dict[str, float]] = {}
    for row, own in enumerate(scores):
        grades = np.zeros(len(own))
        grades[[int(column) for column in qrels[str(row)]]] = list(qrels[str(row)].values())
        best = np.lexsort((grades, -own))[: min(FIRST, len(own) - 1)]
        run[str(row)] = {str(column): float(FIRST - place) for place, column in enumerate(best)}
    found = np.zeros((len(scores), len(MEASURES)))
    for metric in ir_measures.iter_calc(MEASURES, qrels, run):
        found[int(metric.query_id), MEASURES.index(metric.measure)] = metric.value
    return found


def _called(measure: Measure) -> str:
    return CALLED.get(measure, str(measure))


def _graded(name: str, pairs: PairFile, scorers: Scorers) -> list[Result]:
    """Correlate the score of each pair with its grade."""
    left, right = ([Text(row[side]) for row in pairs.rows] for side in (0, 1))
    blocks = [slice(start, start + BLOCK) for start in range(0, len(left), BLOCK)]
    grades = np.array(pairs.grades)
    scored = {
        who: np.stack(
            [np.concatenate([np.diag(scores(left[one], right[one])) for one in blocks]), grades],
            axis=1,
        )
        for who, scores in scorers.items()
    }
    if len(left) < MIN_QUERIES:
        why = f"only {len(left)} pairs, of {MIN_QUERIES} needed"
        return [
            Result(name, measure, len(left), skipped=why) for measure in ("Pearson", "Spearman")
        ]
    return [
        Result(name, "Pearson", len(left), scored, statistic=pearson),
        Result(name, "Spearman", len(left), scored, statistic=spearman),
    ]


def pearson(pairs: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of values [resamples, pairs, 2]; of one that never differs it is 0."""
    centred = pairs - pairs.mean(axis=1, keepdims=True)
    left, right = centred[..., 0], centred[..., 1]
    spread = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    together: np.ndarray = (left * right).sum(axis=1)
    found: np.ndarray = np.divide(
        together, spread, out=np.zeros_like(together), where=spread > 1e-12
    )
    return found


def spearman(pairs: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of values [resamples, pairs, 2]: Pearson's of the ranks, ties shared."""
    return pearson(np.asarray(rankdata(pairs, axis=1)))
