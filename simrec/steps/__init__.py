"""The steps of a job: each a verb that may be said again, and then does only what is missing."""

from simrec.steps.embedding import embed
from simrec.steps.evaluation import compare_scorers, evaluate
from simrec.steps.export import export
from simrec.steps.housekeeping import compact, prune, verify
from simrec.steps.ingesting import ingest
from simrec.steps.nightly import index, publish
from simrec.steps.outcome import Step, StepResult
from simrec.steps.recommending import recommend
from simrec.steps.training import compare, teach, train

__all__ = [
    "Step", "StepResult", "compare_scorers", "compact", "compare", "embed",
    "evaluate", "export", "index", "ingest", "prune", "publish", "recommend", "teach",
    "train", "verify",
]  # fmt: skip
