"""The jobs: what each is for, and its steps in order."""

from dataclasses import dataclass

from simrec import steps
from simrec.steps import Step


@dataclass(frozen=True)
class Job:
    """A list of steps that run under one lock and are one line of the journal."""

    name: str
    purpose: str
    steps: tuple[Step, ...]


_RELEASE = (
    steps.embed,
    steps.index,
    steps.recommend,
    steps.evaluate,
    steps.publish,
    steps.export,
)
NIGHTLY = Job(
    "nightly",
    "Every night: what changed becomes a new release, or the old one stays.",
    (steps.ingest, *_RELEASE),
)
RETRAIN = Job(
    "retrain",
    "Every week or so: train on the articles of now, then release.",
    (steps.ingest, steps.train, *_RELEASE),
)
HOUSEKEEPING = Job(
    "housekeeping",
    "Every week: read the release whole, remove old ones, compact the embedding cache.",
    (steps.verify, steps.prune, steps.compact),
)
PRETRAIN = Job(
    "pretrain",
    "Once: make a pretrained encoder from text files and a teacher.",
    (steps.ingest, steps.teach, steps.train),
)
