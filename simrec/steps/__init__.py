"""The steps of a job: each a verb that may be run again, and then does only what is missing.

The module of a step, and what it imports, is loaded when the step runs.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from simrec.steps.step import Step, StepResult

if TYPE_CHECKING:
    from simrec.steps.night import Night

__all__ = [
    "Step",
    "StepResult",
    "compact",
    "embed",
    "evaluate",
    "export",
    "index",
    "ingest",
    "prune",
    "publish",
    "recommend",
    "teach",
    "train",
    "verify",
]


def _load(module: str, function: str) -> "Callable[[Night], StepResult]":
    """Return a function of a module of this package, which is imported at the first call."""

    def run(night: "Night") -> StepResult:
        loaded = getattr(import_module(f"simrec.steps.{module}"), function)
        result: StepResult = loaded(night)
        return result

    return run


ingest = Step("ingest", _load("ingest_articles", "ingest"))
teach = Step("teach", _load("teach_student", "teach"))
train = Step("train", _load("train_challenger", "train"))
embed = Step("embed", _load("embed_articles", "embed"))
index = Step("index", _load("index_articles", "index"), makes="graph")
recommend = Step("recommend", _load("recommend_articles", "recommend"), makes="tables", needs=index)
evaluate = Step("evaluate", _load("evaluate_release", "evaluate"), makes="report", needs=recommend)
publish = Step("publish", _load("publish_release", "publish"), needs=evaluate)
export = Step("export", _load("export_tables", "export"))
verify = Step("verify", _load("verify_workspace", "verify"))
prune = Step("prune", _load("prune_releases", "prune"))
compact = Step("compact", _load("compact_cache", "compact"))
