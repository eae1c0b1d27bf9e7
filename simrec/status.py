"""What a workspace holds now, for people and monitors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from simrec import journal, release
from simrec.articles.reject_reasons import count_by_reason
from simrec.articles.store import Store
from simrec.articles.store_writer import NOT_READ
from simrec.errors import ReleaseError
from simrec.evaluate.report_format import Report, read_part
from simrec.evaluate.sentences import summarize_lists
from simrec.files import JsonObject
from simrec.index.index_facts import IndexFacts, Recall
from simrec.journal import RunRecord
from simrec.manifest import Manifest
from simrec.release_folder import ReleaseFolder
from simrec.tasks import stages
from simrec.workspace import Workspace

RELEASE_COLUMNS = ["release", "created_at", "articles", "accounts", "encoder", "current"]
RUN_COLUMNS = ["job", "started_at", "exit_code", "seconds", "cpu_seconds", "peak_mib", "error"]
SHOWN_RUNS = 5
SHOWN_REASONS = 5


@dataclass(frozen=True)
class WorkspaceStatus:
    """Counts, the current release and its age, what is pending, and how the last runs ended.

    What is None is not known yet: a workspace begins without articles, release and runs.
    """

    workspace: str
    articles: int
    accounts: int | None
    rejects: int | None
    rejects_by_reason: str | None
    failed_sources: str | None
    release: str
    released_at: str | None
    age_hours: float | None
    released_articles: int | None
    encoder: str | None
    index: str | None
    candidates: str | None
    min_score: str | None
    lists: str | None
    exposure: str | None
    pending: str
    last_run: str
    last_error: str | None
    last_runs: list[JsonObject]

    def as_dict(self) -> JsonObject:
        """Return what is known, as JSON has it."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def __str__(self) -> str:
        """Return one line, for a monitor to show."""
        age = "" if self.age_hours is None else f", {self.age_hours} hours old"
        pending = f"; {self.pending}" if self.pending else ""
        return f"release {self.release}{age}; last run {self.last_run}{pending}"


def read_status(workspace: Workspace) -> WorkspaceStatus:
    """Look at a workspace; nothing is changed."""
    runs = journal.read_runs(workspace.journal)
    articles, accounts, rejects = _count_articles(workspace)
    manifest = None
    if release.current_id(workspace) is not None:
        manifest = release.Release.current(workspace).manifest
    report = _read_report(workspace, manifest) if manifest else None
    last_run = runs[-1] if runs else None
    return WorkspaceStatus(
        workspace=str(workspace.root),
        articles=articles,
        accounts=accounts,
        rejects=rejects,
        rejects_by_reason=_count_reasons(workspace) if rejects else None,
        failed_sources=_failed_sources(workspace) if rejects else None,
        release=manifest.release_id if manifest else "none yet",
        released_at=manifest.created_at if manifest else None,
        age_hours=_age_hours(manifest.created_at) if manifest else None,
        released_articles=manifest.articles if manifest else None,
        encoder=manifest.encoder_id if manifest else None,
        index=_describe_index(manifest.index) if manifest else None,
        candidates=_describe_candidates(manifest.candidates) if manifest else None,
        min_score=_describe_floor(manifest.rules) if manifest else None,
        lists=_describe_lists(report),
        exposure=_describe_exposure(report),
        pending=_pending(workspace, runs),
        last_run=_describe_run(last_run) if last_run else "none yet",
        last_error=last_run.error.partition("\n")[0] if last_run else None,
        last_runs=[_as_row(run) for run in runs[: -SHOWN_RUNS - 1 : -1]],
    )


def _count_articles(workspace: Workspace) -> tuple[int, int | None, int | None]:
    """Return how many articles, accounts and rejects there are."""
    if not workspace.articles_db.exists():
        return 0, None, None
    with Store.open(workspace.articles_db) as store:
        return store.count(), store.count("accounts"), store.count("rejects")


def _count_reasons(workspace: Workspace) -> str:
    with Store.open(workspace.articles_db) as store:
        reasons = count_by_reason(store.rejects())
    counts = [f"{reason['count']:,} {reason['reason']}" for reason in reasons[:SHOWN_REASONS]]
    return "; ".join(counts)


def _failed_sources(workspace: Workspace) -> str | None:
    """Return what was wrong with the sources that the last ingest could not read, None if none."""
    with Store.open(workspace.articles_db) as store:
        reasons = [reject.reason for reject in store.rejects()]
    failed = [reason.removeprefix(NOT_READ) for reason in reasons if reason.startswith(NOT_READ)]
    return "; ".join(failed) or None


def _age_hours(created_at: str) -> float:
    age = datetime.now(UTC) - datetime.fromisoformat(created_at)
    return round(age.total_seconds() / 3600, 2)


def _describe_candidates(recall: Recall) -> str:
    return (
        f"{recall.recall:.1%} ({recall.low:.1%} to {recall.high:.1%}) of the {recall.k} articles "
        "of highest score are found"
    )


def _describe_index(facts: IndexFacts) -> str:
    return f"{facts.kind}, recall {facts.recall:.3f}"


def _describe_floor(rules: Mapping[str, Any]) -> str | None:
    """Say which score lists go down to; None where that is any."""
    if not rules.get("floor"):
        return None
    found = f", auto by max_chance {rules['max_chance']}" if rules["min_score"] == "auto" else ""
    return f"{rules['floor']}{found}"


def _read_report(workspace: Workspace, manifest: Manifest) -> Report | None:
    """Return the report of a release; None of an older one, or where simrec verify has to look."""
    try:
        return read_part(workspace.release(manifest.release_id).report, Report)
    except ReleaseError:
        return None


def _describe_lists(report: Report | None) -> str | None:
    """Say what the page of the report says first; None of an older report."""
    return summarize_lists(report) if report and report.quality else None


def _describe_exposure(report: Report | None) -> str | None:
    """Say how many articles are recommended, and how often the first; None of an older report."""
    if report is None or report.exposure is None:
        return None
    exposure = report.exposure
    facts = (
        f"{exposure.recommended:.1%} of {exposure.articles:,} articles are recommended in "
        f"first places, {exposure.recommended_in_any_place:.1%} in any; "
        f"one stands in {exposure.most_lists:,} lists of {exposure.places} places"
    )
    if exposure.median_age is None:
        return facts
    return (
        f"{facts}; what is recommended is {exposure.median_age:,.0f} days old (median), "
        f"the articles are {exposure.median_age_of_articles:,.0f}"
    )


def _describe_run(run: RunRecord) -> str:
    return f"{run.job} at {run.started_at}, exit code {run.exit_code}, {run.seconds:.1f} s"


def _as_row(run: RunRecord) -> JsonObject:
    return {name: getattr(run, name) for name in RUN_COLUMNS}


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


def list_releases(workspace: Workspace) -> list[JsonObject]:
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
