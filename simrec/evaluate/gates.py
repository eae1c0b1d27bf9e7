"""Gates: what has to be true of a staged release before it may be published."""

import json
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from simrec.config import Config
from simrec.errors import GateError
from simrec.release_folder import ReleaseFolder

ROUNDED = 1e-3  # a cosine may be beyond 1 by so much

OURS, ENCODER = "simrec", "encoder alone"
BLIND = 2  # times the MRR of chance; below it nothing was understood
FEWEST_CANDIDATES = 100  # below which chance finds something too


@dataclass(frozen=True)
class Candidate:
    """What the gates look at: `report.json`, how many articles there are, and what their similar articles are like.

    coverage is the share of articles that have any; lowest and highest are scores, None where there are none.
    """

    report: dict[str, Any]
    articles: int
    coverage: float = 1.0
    lowest: float | None = None
    highest: float | None = None

    @classmethod
    def read(cls, folder: ReleaseFolder) -> "Candidate":
        """Read it from a staged release."""
        similar = "SELECT total(rank = 1), min(score), max(score) FROM similar_articles"
        with closing(folder.open_tables()) as db:
            (articles,) = db.execute("SELECT count(*) FROM articles").fetchone()
            covered, lowest, highest = db.execute(similar).fetchone()
        return cls(
            json.loads(folder.report.read_bytes()),
            articles,
            covered / articles,
            lowest,
            highest,
        )


def check(new: Candidate, last: Candidate | None, config: Config) -> None:
    """Raise GateError with every reason to refuse the release; `last` is the current one."""
    reasons = [*_recall(new, config), *_tables(new, config), *_numbers(new), *_blind(new)]
    if last:
        reasons += [*_size(new, last, config), *_quality(new, last, config)]
    if reasons:
        raise GateError("the release is refused and the old one stays: " + "; ".join(reasons))


def _recall(new: Candidate, config: Config) -> Iterator[str]:
    reached, target = new.report["index"]["recall"], config.index.recall_target
    if not reached >= target:  # nor is it, if it is no number
        yield f"the index finds {reached:.1%} of the true neighbours, index.recall_target is {target:.1%}"


def _tables(new: Candidate, config: Config) -> Iterator[str]:
    least = config.release.min_coverage
    if new.articles > 1 and not new.coverage >= least:
        yield f"{new.coverage:.1%} of the articles have similar ones, release.min_coverage is {least:.1%}"


def _numbers(new: Candidate) -> Iterator[str]:
    for suite in new.report["suites"]:
        for who, value in suite["values"].items():
            if not math.isfinite(value):
                yield f"{suite['suite']} {suite['measure']} of {who} is {value}"
    for score in (new.lowest, new.highest):
        if score is not None and not abs(score) <= 1 + ROUNDED:
            yield f"there is a score of {score}, which no cosine can be"


def _size(new: Candidate, last: Candidate, config: Config) -> Iterator[str]:
    most = config.release.max_shrink
    if new.articles < (1 - most) * last.articles:
        yield (
            f"{new.articles:,} articles are left of {last.articles:,}, release.max_shrink is {most:.0%}; "
            "if that is meant, raise it"
        )


def _blind(new: Candidate) -> Iterator[str]:
    """Name the suites that the encoder answers as if it had not read the texts."""
    for suite in new.report["suites"]:
        value = suite["values"].get(ENCODER, suite["values"].get(OURS))
        if (
            suite["measure"] == "MRR"
            and value is not None
            and suite.get("candidates", 0) >= FEWEST_CANDIDATES
        ):
            chance = (
                sum(1 / rank for rank in range(1, suite["candidates"] + 1)) / suite["candidates"]
            )
            if value < BLIND * chance:
                yield (
                    f"{suite['suite']} MRR of the encoder is {value:.3f}, and chance is {chance:.3f}: it is broken, "
                    "or is not of these articles; train another one"
                )


def _quality(new: Candidate, last: Candidate, config: Config) -> Iterator[str]:
    """Name the figures that fell: of the whole, and of the encoder, whose fall words can hide."""
    before = {
        (s["suite"], s["measure"], who): value
        for s in last.report["suites"]
        for who, value in s["values"].items()
    }
    for suite in new.report["suites"]:
        for who, value in suite["values"].items():
            old = before.get((suite["suite"], suite["measure"], who))
            if (
                who in (OURS, ENCODER)
                and old is not None
                and value < old - config.evaluate.max_quality_drop
            ):
                of_whom = "" if who == OURS else f" of the {who}"
                yield (
                    f"{suite['suite']} {suite['measure']}{of_whom} fell from {old:.3f} to {value:.3f}, more than "
                    f"evaluate.max_quality_drop = {config.evaluate.max_quality_drop}"
                )
