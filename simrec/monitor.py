"""The text file that Prometheus' node exporter collects: last runs, articles and the release."""

from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from simrec import files, journal, release
from simrec.articles.store_writer import NOT_READ
from simrec.errors import ReleaseError
from simrec.steps.night import Night
from simrec.workspace import Workspace

RUN_COSTS = {
    "exit_code": "Exit code of the last run; 0 is good.",
    "seconds": "How long the last run took.",
    "cpu_seconds": "What processor time the last run took, with its workers.",
    "peak_mib": "The most memory of one process of the last run, in MiB.",
}


class Gauges:
    """Gauges by name, each declared when it is first set."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}

    def set(self, name: str, description: str, value: float, **labels: str) -> None:
        """Set a gauge; its name gets `simrec_` before it."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(
                f"simrec_{name}", description, list(labels), registry=self.registry
            )
        gauge = self._gauges[name]
        if labels:
            gauge.labels(**labels).set(value)
        else:
            gauge.set(value)


def write_metrics(night: Night, path: Path) -> None:
    """Write the text file, whole or not at all: the exporter reads whenever it likes."""
    gauges = Gauges()
    _add_articles(gauges, night)
    _add_runs(gauges, night.workspace)
    _add_release(gauges, night.workspace)
    files.write(path, generate_latest(gauges.registry))


def _add_articles(gauges: Gauges, night: Night) -> None:
    if not night.workspace.articles_db.exists():
        return
    with night.open_store() as store:
        articles = store.count()
        rejects = store.count("rejects")
        failed = sum(reject.reason.startswith(NOT_READ) for reject in store.rejects())
    gauges.set("articles", "Articles that have come in and were not deleted.", articles)
    gauges.set("rejects", "Rows that were rejected or lost a value.", rejects)
    gauges.set("failed_sources", "Sources that the last ingest could not read.", failed)


def _add_runs(gauges: Gauges, workspace: Workspace) -> None:
    last_runs = {run.job: run for run in journal.read_runs(workspace.journal)}
    for job, run in sorted(last_runs.items()):
        for name, description in RUN_COSTS.items():
            gauges.set(f"last_run_{name}", description, getattr(run, name), job=job)
        started = datetime.fromisoformat(run.started_at).timestamp()
        description = "When the last run began."
        gauges.set("last_run_started_timestamp_seconds", description, started, job=job)


def _add_release(gauges: Gauges, workspace: Workspace) -> None:
    """Add the current release; none if it cannot be read, so that an alarm is raised."""
    try:
        manifest = release.Release.current(workspace).manifest
    except ReleaseError:
        return
    created = datetime.fromisoformat(manifest.created_at).timestamp()
    gauges.set("release_articles", "Articles of the current release.", manifest.articles)
    gauges.set("release_accounts", "Accounts of the current release.", manifest.accounts)
    gauges.set("release_created_timestamp_seconds", "When the current release was made.", created)
    gauges.set(
        "release_info",
        "The current release, its encoder and its index.",
        1,
        release=manifest.release_id,
        encoder=manifest.encoder_id,
        index=manifest.index.kind,
    )
