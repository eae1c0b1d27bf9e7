"""Pair files: what people know of texts that belong together, read with the place of every mistake."""

import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from simrec.articles.sources.locate import open_sources
from simrec.articles.sources.source import read_all
from simrec.config import Fields, SourceConfig
from simrec.errors import ConfigError, GateError

logger = logging.getLogger(__name__)

SHOWN = 5
JUDGED_EVERY = 10  # one graded pair in so many is held out
COLUMNS = {
    "triplets": ("anchor", "positive", "negative"),
    "graded": ("a", "b", "score"),
    "pairs": ("a", "b"),
    "links": ("id_a", "id_b"),
    "groups": ("texts",),
}
FITTING = {
    "contrastive": ("pairs", "groups", "links", "triplets"),
    "triplet": ("pairs", "groups", "links", "triplets"),
    "cosine": ("graded",),
    "manhattan": ("graded",),
}


class PairFile(NamedTuple):
    """What a file holds: its kind, and for every row its texts, with a grade in 0..1 where there are grades."""

    kind: str
    rows: list[tuple[str, ...]]
    grades: list[float]

    @property
    def held_out(self) -> slice:
        """The rows of a graded file that are never trained on, but judge."""
        return slice(0, None, JUDGED_EVERY) if self.kind == "graded" else slice(0, 0)


TextOf = Callable[
    [str], str | None
]  # the text of an article by its id; "" if it is held out, None if it is unknown


def read_pairs(path: Path, objectives: Iterable[str], text_of: TextOf, most_bad: float) -> PairFile:
    """Read a JSONL, CSV or Parquet file of pairs for some objectives.

    Its columns say what it is: a, b; a, b, score (higher is more alike; the file's lowest and highest
    become 0 and 1); anchor, positive, negative; texts (a list: a group of paraphrases); id_a, id_b
    (articles that link to each other or are read together; those held out are passed over). A bad row is
    named and left out.
    Raises ConfigError for columns that do not fit an objective, GateError for more than `most_bad` bad rows.
    """
    kind, rows, bad = "", [], []
    for row in read_all(open_sources(SourceConfig(path=str(path)), Fields(id=""))):
        try:
            if row.problem:
                raise ValueError(row.problem)
            kind = kind or _kind(path, row.record, objectives)
            texts, grade = _texts(row.record, kind, text_of)
            if all(texts):
                rows.append((texts, grade))
        except ValueError as problem:
            bad.append(f"{row.file}, line {row.line}: {problem}")
    if bad:
        named = "\n".join(bad[:SHOWN] + [f"... and {len(bad) - SHOWN:,} more"] * (len(bad) > SHOWN))
        if len(bad) > most_bad * (len(bad) + len(rows)):
            raise GateError(
                f"{named}\nthat is more than ingest.max_reject_share of the rows of {path}; mend them"
            )
        logger.warning("%s: %s rows left out\n%s", path, f"{len(bad):,}", named)
    if not rows:
        raise ConfigError(f"{path}: there is no pair in it")
    return PairFile(kind, [texts for texts, _ in rows], _scale([grade for _, grade in rows]))


def _kind(path: Path, record: dict[str, Any], objectives: Iterable[str]) -> str:
    kind = next((kind for kind, columns in COLUMNS.items() if set(columns) <= record.keys()), None)
    if kind is None:
        known = "; ".join(", ".join(columns) for columns in COLUMNS.values())
        raise ConfigError(
            f"{path}: its columns are {', '.join(record)}; a pair file has one of: {known}"
        )
    for objective in objectives:
        if kind not in FITTING[objective]:
            fitting = " or ".join(f"({', '.join(COLUMNS[fits])})" for fits in FITTING[objective])
            has = ", ".join(COLUMNS[kind])
            raise ConfigError(
                f"{path}: {has} do not fit the objective '{objective}', which needs {fitting}"
            )
    return kind


def _texts(record: dict[str, Any], kind: str, text_of: TextOf) -> tuple[tuple[str, ...], float]:
    if kind == "groups":
        texts = record["texts"]
        if not isinstance(texts, list) or len(texts) < 2:
            raise ValueError("texts has to be a list of two or more")
    else:
        texts = [record[column] for column in COLUMNS[kind] if column != "score"]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("a text is missing, empty or no text")
    if kind == "links":
        texts = [_linked(article_id, text_of) for article_id in texts]
    return tuple(texts), _grade(record["score"]) if kind == "graded" else 0.0


def _linked(article_id: str, text_of: TextOf) -> str:
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
    low, high = min(grades), max(grades)
    return [(grade - low) / (high - low) if high > low else 1.0 for grade in grades]
