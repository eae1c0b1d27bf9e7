"""Pair files: texts that people know to belong together, read with the place of every mistake."""

import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import read_all
from simrec.config import Fields, SourceConfig
from simrec.errors import ConfigError, GateError
from simrec.files import JsonObject

logger = logging.getLogger(__name__)

SHOWN_PROBLEMS = 5
HELD_OUT_EVERY = 10  # one graded pair in so many is held out
COLUMNS = {
    "triplets": ("anchor", "positive", "negative"),
    "graded": ("a", "b", "score"),
    "pairs": ("a", "b"),
    "links": ("id_a", "id_b"),
    "groups": ("texts",),
}
KINDS_OF_OBJECTIVE = {
    "contrastive": ("pairs", "groups", "links", "triplets"),
    "triplet": ("pairs", "groups", "links", "triplets"),
    "cosine": ("graded",),
    "manhattan": ("graded",),
}

# Gives the text of an article by its id; "" if it is held out, None if it is unknown.
TextOf = Callable[[str], str | None]


class PairFile(NamedTuple):
    """A file's kind, and the texts of each row; grades, in 0..1, count only where it is graded."""

    kind: str
    rows: list[tuple[str, ...]]
    grades: list[float]

    @property
    def held_out(self) -> slice:
        """The rows of a graded file that are never trained on, but validate."""
        return slice(0, None, HELD_OUT_EVERY) if self.kind == "graded" else slice(0, 0)


def read_pairs(
    path: Path, objectives: Iterable[str], text_of: TextOf, max_reject_share: float
) -> PairFile:
    """Read a JSONL, CSV or Parquet file of pairs for some objectives.

    Its columns say what it is: a, b; a, b, score (higher is more alike; the file's lowest and
    highest become 0 and 1); anchor, positive, negative; texts (a list: a group of paraphrases);
    id_a, id_b (articles that link to each other or are read together; a pair with a held-out
    article is skipped). A bad row is named and left out. Raises ConfigError for columns that do not
    fit an objective, GateError for a larger share of bad rows.
    """
    kind = ""
    rows: list[tuple[str, ...]] = []
    grades: list[float] = []
    problems: list[str] = []
    for row in read_all(open_sources(SourceConfig(path=str(path)), Fields(id="", text=""))):
        try:
            if row.problem:
                raise ValueError(row.problem)
            kind = kind or _kind(path, row.record, objectives)
            texts = _texts(row.record, kind, text_of)
            grade = _grade(row.record["score"]) if kind == "graded" else 0.0
        except ValueError as problem:
            problems.append(f"{row.file}, line {row.line}: {problem}")
        else:
            if all(texts):
                rows.append(texts)
                grades.append(grade)
    if problems:
        is_too_many = len(problems) > max_reject_share * (len(problems) + len(rows))
        _report(path, problems, is_too_many)
    if not rows:
        raise ConfigError(f"{path}: there is no pair in it")
    return PairFile(kind, rows, _scale(grades))


def _report(path: Path, problems: list[str], is_too_many: bool) -> None:
    shown = problems[:SHOWN_PROBLEMS]
    if len(problems) > SHOWN_PROBLEMS:
        shown.append(f"... and {len(problems) - SHOWN_PROBLEMS:,} more")
    listed = "\n".join(shown)
    if is_too_many:
        raise GateError(
            f"{listed}\nthat is more than ingest.max_reject_share of the rows of {path}; mend them"
        )
    logger.warning("%s: %s rows left out\n%s", path, f"{len(problems):,}", listed)


def _kind(path: Path, record: JsonObject, objectives: Iterable[str]) -> str:
    fitting = [kind for kind, columns in COLUMNS.items() if set(columns) <= record.keys()]
    if not fitting:
        possible = "; ".join(", ".join(columns) for columns in COLUMNS.values())
        raise ConfigError(
            f"{path}: its columns are {', '.join(record)}; a pair file has one of: {possible}"
        )
    kind = fitting[0]
    for objective in objectives:
        allowed = KINDS_OF_OBJECTIVE[objective]
        if kind not in allowed:
            needed = " or ".join(f"({', '.join(COLUMNS[name])})" for name in allowed)
            raise ConfigError(
                f"{path}: {', '.join(COLUMNS[kind])} do not fit the objective '{objective}', "
                f"which needs {needed}"
            )
    return kind


def _texts(record: JsonObject, kind: str, text_of: TextOf) -> tuple[str, ...]:
    if kind == "groups":
        texts = record["texts"]
        if not isinstance(texts, list) or len(texts) < 2:
            raise ValueError("texts has to be a list of two or more")
    else:
        texts = [record[column] for column in COLUMNS[kind] if column != "score"]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("a text is missing, empty or no text")
    if kind == "links":
        return tuple(_article_text(article_id, text_of) for article_id in texts)
    return tuple(texts)


def _article_text(article_id: str, text_of: TextOf) -> str:
    text = text_of(article_id)
    if text is None:
        raise ValueError(f"there is no article '{article_id}'")
    return text


def _grade(score: Any) -> float:
    try:
        grade = float(score)
    except (TypeError, ValueError):
        grade = math.nan
    if not math.isfinite(grade):
        raise ValueError(f"score {score!r} is not a number")
    return grade


def _scale(grades: list[float]) -> list[float]:
    low = min(grades)
    high = max(grades)
    if high == low:
        return [1.0] * len(grades)
    return [(grade - low) / (high - low) for grade in grades]
