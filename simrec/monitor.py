"""What Prometheus' node exporter collects: a text file of the last run of every job, the articles and the release."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from simrec import files, journal, release
from simrec.errors import ReleaseError
from simrec.steps.night import Night
from simrec.workspace import Workspace

OF_RUNS = {
    "exit_code": "Exit code of the last run; 0 is good",
    "seconds": "How long the last run took",
    "cpu_seconds": "What processor time the last run took, with its workers",
    "peak_mib": "The most memory of one process of the last run, in MiB",
}


class Sample(NamedTuple):
    """One gauge of the text format: name without `simrec_`, help, value and labels."""

    name: str
    what: str
    value: float
    labels: dict[str, str]

    def __str__(self) -> str:
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in self.labels.items())
        return (
            f"simrec_{self.name}{{{labels}}} {self.value}"
            if labels
            else f"simrec_{self.name} {self.value}"
        )


def write_metrics(night: Night, path: Path) -> None:
    """Write the text file, whole or not at all: the exporter reads whenever it likes."""
    lines: list[str] = []
    told: set[str] = set()
    samples = (*_of_runs(night.workspace), *_of_articles(night), *_of_release(night.workspace))
    for sample in sorted(samples, key=str):
        if sample.name not in told:
            told.add(sample.name)
            lines += [
                f"# HELP simrec_{sample.name} {sample.what}.",
                f"# TYPE simrec_{sample.name} gauge",
            ]
        lines.append(str(sample))
    files.write(path, ("\n".join(lines) + "\n").encode())


def _of_runs(workspace: Workspace) -> Iterator[Sample]:
    last = {run.job: run for run in journal.read_runs(workspace.journal)}
    for job, run in last.items():
        started = datetime.fromisoformat(run.started_at).timestamp()
        yield Sample(
            "last_run_started_timestamp_seconds", "When the last run began", started, {"job": job}
        )
        for name, what in OF_RUNS.items():
            yield Sample(f"last_run_{name}", what, getattr(run, name), {"job": job})


def _of_articles(night: Night) -> Iterator[Sample]:
    if night.workspace.articles_db.exists():
        with night.open_store() as store:
            yield Sample(
                "articles", "Articles that have come in and were not deleted", store.count(), {}
            )
            yield Sample(
                "rejects", "Rows that were rejected or lost a value", store.count("rejects"), {}
            )


def _of_release(workspace: Workspace) -> Iterator[Sample]:
    try:
        manifest = release.Release.current(workspace).manifest
    except ReleaseError:
        return  # none yet, or damaged: what is absent is what an alarm is raised on
    created = datetime.fromisoformat(manifest.created_at).timestamp()
    yield Sample(
        "release_created_timestamp_seconds", "When the current release was made", created, {}
    )
    yield Sample("release_articles", "Articles of the current release", manifest.articles, {})
    yield Sample("release_accounts", "Accounts of the current release", manifest.accounts, {})
    names = {
        "release": manifest.release_id,
        "encoder": manifest.encoder_id,
        "index": manifest.index.kind,
    }
    yield Sample("release_info", "The current release, its encoder and its index", 1, names)


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
