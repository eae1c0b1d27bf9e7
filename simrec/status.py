"""What a workspace holds now, for people and monitors."""

import math
from datetime import UTC, datetime
from typing import Any

from simrec import journal, release
from simrec.articles.store import Store
from simrec.errors import GateError
from simrec.journal import RunRecord
from simrec.release_folder import ReleaseFolder
from simrec.tasks import stages
from simrec.workspace import Workspace

RELEASE_COLUMNS = ["release", "created_at", "articles", "accounts", "encoder", "current"]
RUN_COLUMNS = ["job", "started_at", "exit_code", "seconds", "cpu_seconds", "peak_mib", "error"]
SHOWN = 5


def read_status(workspace: Workspace) -> dict[str, Any]:
    """Return counts, the current release and its age, what is pending, and how the last runs ended."""
    runs = journal.read_runs(workspace.journal)
    return {
        "workspace": str(workspace.root),
        **_articles(workspace),
        **_current(workspace),
        "pending": _pending(workspace, runs),
        **_last_run(runs),
        "last_runs": [
            {name: getattr(run, name) for name in RUN_COLUMNS} for run in runs[: -SHOWN - 1 : -1]
        ],
    }


def as_line(facts: dict[str, Any]) -> str:
    """Return the status as one line, for a monitor to show."""
    age = f", {facts['age_hours']} hours old" if "age_hours" in facts else ""
    pending = f"; {facts['pending']}" if facts["pending"] else ""
    return f"release {facts['release']}{age}; last run {facts['last_run']}{pending}"


def check_age(facts: dict[str, Any], most_hours: float) -> None:
    """Raise GateError if the current release is older than so many hours, or there is none; 0 hours ask for nothing."""
    if most_hours and not facts.get("age_hours", math.inf) <= most_hours:
        age = f"{facts['age_hours']} hours old" if "age_hours" in facts else "not there yet"
        raise GateError(
            f"the release is {age}, release.max_age_hours is {most_hours:g}; see the last runs"
        )


def _articles(workspace: Workspace) -> dict[str, Any]:
    if not workspace.articles_db.exists():
        return {"articles": 0}
    with Store.open(workspace.articles_db) as store:
        return {
            "articles": store.count(),
            "accounts": store.count("accounts"),
            "rejects": store.count("rejects"),
        }


def _current(workspace: Workspace) -> dict[str, Any]:
    if release.current_id(workspace) is None:
        return {"release": "none yet"}
    manifest = release.Release.current(workspace).manifest
    age = datetime.now(UTC) - datetime.fromisoformat(manifest.created_at)
    return {
        "release": manifest.release_id,
        "released_at": manifest.created_at,
        "age_hours": round(age.total_seconds() / 3600, 2),
        "released_articles": manifest.articles,
        "encoder": manifest.encoder_id,
        "index": f"{manifest.index.kind}, recall {manifest.index.recall:.3f}",
    }


def _pending(workspace: Workspace, runs: list[RunRecord]) -> str:
    """Say what the next run has to do, as far as the journal and the staging folder know."""
    changed = 0
    for run in reversed(runs):
        publish = run.step("publish")
        if publish and publish.state == "done":
            break
        ingest = run.step("ingest")
        changed += ingest.rows_out if ingest else 0
    pending = [f"{changed:,} articles changed since the last release"] if changed else []
    for staged in workspace.staged_releases():
        refusal = staged.refusal
        why = refusal.read_text(encoding="utf-8").strip() if refusal.exists() else _how_far(staged)
        pending.append(f"{staged.release_id} is staged: {why}")
    read = stages.count_parts(workspace.staging, workspace.parts.name)
    if read:
        pending.append(f"parts of files that were read and are to come in: {read}")
    return "; ".join(pending)


def _how_far(staged: ReleaseFolder) -> str:
    """Say how many parts of which stage are done, of a step that is under way or was killed."""
    progress = stages.read_progress(staged.path / stages.PARTS)
    if not progress:
        return "not finished"
    counts = [f"{stage} {done} of {due}" for stage, (done, due) in progress.items()]
    return f"not finished ({', '.join(counts)})"


def _last_run(runs: list[RunRecord]) -> dict[str, Any]:
    if not runs:
        return {"last_run": "none yet"}
    last = runs[-1]
    how = f"{last.job} at {last.started_at}, exit code {last.exit_code}, {last.seconds:.1f} s"
    return {"last_run": how, "last_error": last.error.partition("\n")[0]}


def list_releases(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the kept releases, newest first."""
    current = release.pointer(workspace)  # also a damaged one: this list is what mends it
    manifests = [kept.manifest for kept in release.published(workspace)]
    return [
        {
            "release": manifest.release_id,
            "created_at": manifest.created_at,
            "articles": manifest.articles,
            "accounts": manifest.accounts,
            "encoder": manifest.encoder_id,
            "current": "current" if manifest.release_id == current else "",
        }
        for manifest in manifests
    ]
