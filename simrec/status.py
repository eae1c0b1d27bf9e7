"""What a workspace holds now, for people and monitors."""

import json
from datetime import UTC, datetime
from typing import Any

from simrec import log, release
from simrec.articles.store import Store
from simrec.workspace import Workspace

RELEASES = ["release", "created_at", "articles", "accounts", "encoder", "current"]
EVALUATION = ["suite", "measure", "questions", "scorer", "value", "interval", "simrec is ahead by", "p", "remark"]


def status(workspace: Workspace) -> dict[str, Any]:
    """Return counts, the current release and its age, and the end of the last job run."""
    runs = log.read_journal(workspace.journal)
    return {"workspace": str(workspace.root), **_articles(workspace), **_current(workspace), **_last_run(runs)}


def _articles(workspace: Workspace) -> dict[str, Any]:
    if not workspace.articles_db.exists():
        return {"articles": 0}
    with Store.open(workspace.articles_db) as store:
        return {"articles": store.count(), "accounts": store.count("accounts"), "rejects": store.count("rejects")}


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
        "index": f"{manifest.index['kind']}, recall {manifest.index['recall']:.3f}",
    }


def _last_run(runs: list[dict[str, Any]]) -> dict[str, Any]:
    if not runs:
        return {"last_run": "none yet"}
    last = runs[-1]
    how = f"{last['job']} at {last['started_at']}, exit code {last['exit_code']}, {last['seconds']:.1f} s"
    return {"last_run": how, "last_error": last.get("error", "").partition("\n")[0]}


def releases(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the kept releases, newest first."""
    current = release.current_id(workspace)
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


def suites(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the suites of the newest report: of the staged release if there is one, else of the current one."""
    found = sorted(workspace.staging.glob("*/report.json"))
    if not found:
        found = [release.Release.current(workspace).folder / "report.json"]
    measured: list[dict[str, Any]] = json.loads(found[-1].read_bytes())["suites"]
    return measured


def evaluation(suites: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the suites as rows to print, one for each scorer; a suite is named in its first row only."""
    rows = []
    for suite in suites:
        first = {"suite": suite["suite"], "measure": suite["measure"], "questions": suite["questions"]}
        for who, value in suite["values"].items():
            within, ahead = suite.get("intervals", {}).get(who), suite.get("ahead_of", {}).get(who)
            rows.append({
                **dict.fromkeys(EVALUATION, ""), **first, "scorer": who, "value": value,
                "interval": f"{within[0]:.3f} to {within[1]:.3f}" if within else "",
                "simrec is ahead by": "{value:+.3f} ({low:+.3f} to {high:+.3f})".format(**ahead) if ahead else "",
                "p": f"{ahead['p']:.3f}" if ahead else "",
            })  # fmt: skip
            first = {}
        if suite.get("skipped"):
            rows.append({**dict.fromkeys(EVALUATION, ""), **first, "remark": suite["skipped"]})
    return rows
