"""Gates: what has to be true of a staged release before it may be published."""

from collections.abc import Iterator
from typing import Any

from simrec.config import Config
from simrec.errors import GateError

Report = dict[str, Any]


def check(report: Report, last: Report | None, config: Config) -> None:
    """Raise GateError with every reason to refuse the release; `last` is the report of the current one."""
    reasons = [*_recall(report, config), *(_quality(report, last, config) if last else ())]
    if reasons:
        raise GateError("the release is refused and the old one stays: " + "; ".join(reasons))


def _recall(report: Report, config: Config) -> Iterator[str]:
    reached, target = report["index"]["recall"], config.index.recall_target
    if reached < target:
        yield f"the index finds {reached:.1%} of the true neighbours, index.recall_target is {target:.1%}"


def _quality(report: Report, last: Report, config: Config) -> Iterator[str]:
    before = {(s["suite"], s["measure"]): s["values"].get("simrec") for s in last["suites"]}
    for suite in report["suites"]:
        value, old = suite["values"].get("simrec"), before.get((suite["suite"], suite["measure"]))
        if value is not None and old is not None and value < old - config.evaluate.max_quality_drop:
            yield (
                f"{suite['suite']} {suite['measure']} fell from {old:.3f} to {value:.3f}, more than "
                f"evaluate.max_quality_drop = {config.evaluate.max_quality_drop}"
            )
