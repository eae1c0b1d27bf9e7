"""What a job would do and about what it would cost, without doing it."""

from collections.abc import Sequence
from typing import NamedTuple

from simrec import journal, log, release
from simrec.articles.ingested import Ingested
from simrec.articles.preview import Preview, preview
from simrec.encoder.embedding_cache import EmbeddingCache
from simrec.errors import SimrecError
from simrec.journal import StepRecord
from simrec.steps.night import Night
from simrec.steps.step import Step
from simrec.workspace import Workspace

# These are done for all articles as soon as one has changed.
MADE_ANEW = ("index", "recommend", "evaluate", "publish")


class StepForecast(NamedTuple):
    """What a step would do, and the rows by which its cost grows.

    rows is None where it costs what it did the last time.
    """

    step: str
    what: str
    rows: int | None = None


class Forecast(NamedTuple):
    """A line for each step, and what the run would go on without, as in StepResult."""

    lines: list[str]
    failure: SimrecError | None


def forecast(steps: Sequence[Step], night: Night) -> Forecast:
    """Say what each step would do, with seconds at the rate of its last run that did something.

    Nothing is changed. Raises what the run would raise of its sources.
    """
    names = [step.name for step in steps]
    changes = Preview(Ingested(), set())
    if "ingest" in names:
        changes = _preview(night)
    texts = 0
    if "embed" in names:
        texts = _count_texts_to_encode(night, changes)
    anew = bool(changes.changes or texts) or _is_due(night)
    costs = _last_costs(night.workspace)
    lines = []
    for name in names:
        step = StepForecast(name, "as the last time, if there is anything to do")
        if name == "ingest":
            step = StepForecast(name, str(changes), changes.rows)
        elif name == "embed":
            step = StepForecast(name, f"{texts:,} texts to encode", texts)
        elif name in MADE_ANEW:
            step = StepForecast(name, "anew") if anew else StepForecast(name, "nothing to do", 0)
        lines.append(_line(step, costs.get(name)))
    return Forecast(lines, changes.ingested.failure)


def _line(step: StepForecast, last: StepRecord | None) -> str:
    if step.rows == 0:
        return f"{step.step}: {step.what}"
    if last is None:
        return f"{step.step}: {step.what}; no run has measured it yet"
    seconds = last.seconds
    if step.rows is not None:
        rows = last.rows_in if step.step == "ingest" else last.rows_out
        seconds = last.seconds / rows * step.rows
    return f"{step.step}: {step.what}; about {seconds:.1f} s"


def _last_costs(workspace: Workspace) -> dict[str, StepRecord]:
    """Return the record of the last time that each step did something."""
    records = {}
    for run in journal.read_runs(workspace.journal):
        for record in run.steps:
            worked = record.step in MADE_ANEW or (record.rows_in and record.rows_out)
            if record.state == "done" and worked:
                records[record.step] = record
    return records


def _preview(night: Night) -> Preview:
    if not night.workspace.articles_db.exists():
        return preview(None, night.config, log.now())
    with night.open_store() as store:
        return preview(store, night.config, log.now())


def _count_texts_to_encode(night: Night, changes: Preview) -> int:
    keys = set(changes.text_keys)
    if night.workspace.articles_db.exists():
        with night.open_store() as store:
            keys.update(store.counted_keys())
    if night.newest_encoder is None:
        return len(keys)
    cache = EmbeddingCache(night.workspace.embeddings(night.newest_encoder))
    return len(cache.missing(sorted(keys)))


def _is_due(night: Night) -> bool:
    current = release.current_id(night.workspace)
    if current is None:
        return True
    return night.release_id not in {current, *release.rolled_back(night.workspace)}
