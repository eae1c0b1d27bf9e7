"""Reports of releases: where the page is, the page with what the journal knows, and what changed between two."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simrec import files, journal, release
from simrec.errors import ReleaseError, UsageError
from simrec.release_folder import ReleaseFolder
from simrec.workspace import Workspace

COMPARISON = ["fact", "before", "after", "change"]
SHOWN_RUNS = 3


def page(workspace: Workspace) -> Path:
    """Return the page of the current release; ReleaseError if it was made before there were pages."""
    return _page(release.Release.current(workspace).folder)


def _page(folder: ReleaseFolder) -> Path:
    if not folder.report_page.exists():
        raise ReleaseError(
            f"{folder.report_page}: this release was made by an older simrec; the next one has a page"
        )
    return folder.report_page


def write_page(workspace: Workspace, target: Path) -> Path:
    """Write the page of the current release, with how long its steps took as the journal has it; return its path."""
    from simrec.evaluate.html import render

    folder = release.Release.current(workspace).folder
    _page(folder)
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no folder {target.parent}")
    runs = [run for run in journal.read_runs(workspace.journal) if run.published(folder.release_id)]
    content = render(_read(folder.report), _read(folder.maps), runs[-SHOWN_RUNS:])
    files.write(target, content.encode())
    return target


def compare(workspace: Workspace, before: str, after: str) -> list[dict[str, Any]]:
    """Return every figure of two releases side by side, and by how much it changed; ReleaseError for an unknown one."""
    known = {kept.manifest.release_id: kept.folder for kept in release.published(workspace)}
    unknown = [release_id for release_id in (before, after) if release_id not in known]
    if unknown:
        raise ReleaseError(f"no release '{unknown[0]}'; simrec releases lists them")
    old, new = (dict(_figures(_read(known[release_id].report))) for release_id in (before, after))
    facts = ((fact, old.get(fact), new.get(fact)) for fact in {**old, **new})
    return [
        {"fact": fact, "before": was, "after": now, "change": _change(was, now)}
        for fact, was, now in facts
    ]


def _change(before: Any, after: Any) -> float | str:
    if isinstance(before, int | float) and isinstance(after, int | float):
        return round(after - before, 4)
    return "" if before == after else "changed"


def _figures(report: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the facts that can be compared; a report of an older simrec has fewer of them."""
    yield "articles", report.get("articles", {}).get("count", report["index"]["rows"])
    yield "accounts", report.get("articles", {}).get("accounts")
    yield "encoder", report.get("encoder", {}).get("id")
    yield "share of words", report.get("words", {}).get("share")
    yield "index recall", report["index"]["recall"]
    for suite in report["suites"]:
        for who, value in suite["values"].items():
            yield f"{suite['suite']} {suite['measure']}, {who}", value
    lists = report.get("lists", {})
    for fact in ("coverage", "hubness", "novelty_bits", "never_recommended"):
        yield fact.replace("_", " "), lists.get(fact)
    accounts, freshness = lists.get("accounts") or {}, lists.get("freshness") or {}
    yield "recommended of the same account", accounts.get("of_the_same_account")
    yield "newest tenth of the recommended", freshness.get("newest_tenth")
    yield "rejected rows", sum(reason["rows"] for reason in report.get("rejects", []))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path}: not readable ({error})") from error
