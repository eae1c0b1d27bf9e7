"""What a job would do and about what it would cost, told without doing it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from simrec import journal, release
from simrec.articles.store import Store
from simrec.config import Config
from simrec.errors import ReleaseError
from simrec.journal import StepRecord
from simrec.steps.outcome import Step, encoder_id_of
from simrec.steps.staging import release_id_of
from simrec.workspace import Workspace

if TYPE_CHECKING:
    from simrec.articles.preview import Preview

MADE_ANEW = (
    "index",
    "recommend",
    "evaluate",
    "publish",
)  # for all articles as soon as one has changed


class Foretold(NamedTuple):
    """What one step would do, and the rows by which its cost grows; None where it costs what it did the last time."""

    step: str
    what: str
    rows: int | None = None


def forecast(steps: Sequence[Step], workspace: Workspace, config: Config) -> list[str]:
    """Return a line for each step, with seconds at the rate of its last run that did something; nothing is changed."""
    names = [step.__name__ for step in steps]
    preview, texts = _preview(workspace, config), 0
    if "embed" in names:
        texts = _texts_to_encode(workspace, preview)
    anew = bool(preview.changed or preview.gone or texts) or _is_due(workspace, config)
    told = {
        "ingest": Foretold("ingest", str(preview), preview.rows),
        "embed": Foretold("embed", f"{texts:,} texts to encode", texts),
        **{
            name: Foretold(name, "anew" if anew else "nothing to do", None if anew else 0)
            for name in MADE_ANEW
        },
    }
    measured = _measured(workspace)
    return [
        _line(
            told.get(name, Foretold(name, "as the last time, if there is anything to do")), measured
        )
        for name in names
    ]


def _line(told: Foretold, measured: dict[str, StepRecord]) -> str:
    last = measured.get(told.step)
    if told.rows == 0:
        return f"{told.step}: {told.what}"
    if last is None:
        return f"{told.step}: {told.what}; no run has measured it yet"
    rows = last.rows_in if told.step == "ingest" else last.rows_out
    seconds = last.seconds if told.rows is None else last.seconds / rows * told.rows
    return f"{told.step}: {told.what}; about {seconds:.1f} s"


def _measured(workspace: Workspace) -> dict[str, StepRecord]:
    """Return what the journal says of the last time that each step did something."""
    done = (
        step
        for run in journal.read_runs(workspace.journal)
        for step in run.steps
        if step.state == "done"
    )
    return {
        step.step: step
        for step in done
        if step.step in MADE_ANEW or (step.rows_in and step.rows_out)
    }


def _preview(workspace: Workspace, config: Config) -> "Preview":
    from simrec.articles.preview import preview

    if not workspace.articles_db.exists():
        return preview(None, config)
    with Store.open(workspace.articles_db) as store:
        return preview(store, config)


def _texts_to_encode(workspace: Workspace, preview: "Preview") -> int:
    from simrec.encoder.embedding_cache import EmbeddingCache

    keys = set(preview.text_keys)
    if workspace.articles_db.exists():
        with Store.open(workspace.articles_db) as store:
            keys.update(store.text_keys())
    try:
        return len(
            EmbeddingCache(workspace.embeddings(encoder_id_of(workspace))).missing(sorted(keys))
        )
    except ReleaseError:  # no encoder yet
        return len(keys)


def _is_due(workspace: Workspace, config: Config) -> bool:
    current = release.current_id(workspace)
    return current is None or release_id_of(workspace, config) not in {
        current,
        *release.rolled_back(workspace),
    }
