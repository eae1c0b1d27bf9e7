"""Gates: what has to be true of a staged release before it may be published."""

from collections.abc import Iterator
from typing import Any

from simrec.config import Config
from simrec.errors import GateError

Report = dict[str, Any]

OURS, ENCODER = "simrec", "encoder alone"
BLIND = 2  # times the MRR of chance; below it nothing was understood
FEWEST_CANDIDATES = 100  # below which chance finds something too


def check(report: Report, last: Report | None, config: Config) -> None:
    """Raise GateError with every reason to refuse the release; `last` is the report of the current one."""
    reasons = [*_recall(report, config), *_blind(report), *(_quality(report, last, config) if last else ())]
    if reasons:
        raise GateError("the release is refused and the old one stays: " + "; ".join(reasons))


def _recall(report: Report, config: Config) -> Iterator[str]:
    reached, target = report["index"]["recall"], config.index.recall_target
    if reached < target:
        yield f"the index finds {reached:.1%} of the true neighbours, index.recall_target is {target:.1%}"


def _blind(report: Report) -> Iterator[str]:
    """Name the suites that the encoder answers as if it had not read the texts."""
    for suite in report["suites"]:
        value = suite["values"].get(ENCODER, suite["values"].get(OURS))
        if suite["measure"] == "MRR" and value is not None and suite.get("candidates", 0) >= FEWEST_CANDIDATES:
            chance = sum(1 / rank for rank in range(1, suite["candidates"] + 1)) / suite["candidates"]
            if value < BLIND * chance:
                yield (
                    f"{suite['suite']} MRR of the encoder is {value:.3f}, and chance is {chance:.3f}: it is broken, "
                    "or is not of these articles; train another one"
                )


def _quality(report: Report, last: Report, config: Config) -> Iterator[str]:
    """Name the figures that fell: of the whole, and of the encoder, whose fall words can hide."""
    before = {(s["suite"], s["measure"], who): value for s in last["suites"] for who, value in s["values"].items()}
    for suite in report["suites"]:
        for who, value in suite["values"].items():
            old = before.get((suite["suite"], suite["measure"], who))
            if who in (OURS, ENCODER) and old is not None and value < old - config.evaluate.max_quality_drop:
                of_whom = "" if who == OURS else f" of the {who}"
                yield (
                    f"{suite['suite']} {suite['measure']}{of_whom} fell from {old:.3f} to {value:.3f}, more than "
                    f"evaluate.max_quality_drop = {config.evaluate.max_quality_drop}"
                )
