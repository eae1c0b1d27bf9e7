"""Reports of releases for a person: the page, the figures of its suites, and two compared."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simrec import files, journal, release
from simrec.errors import ReleaseError, UsageError
from simrec.evaluate.report_format import Maps, Report, read_part
from simrec.evaluate.sentences import summarize_lists
from simrec.files import JsonObject
from simrec.release_folder import ReleaseFolder
from simrec.workspace import Workspace

COMPARISON = ["fact", "before", "after", "change"]
SHOWN_RUNS = 3
# What is compared before and after the suites, and where report.json holds it.
CORPUS_FACTS = {
    "articles": "articles.count",
    "accounts": "articles.accounts",
    "encoder": "encoder.id",
    "share of words": "words.share",
    "recall of candidates": "candidates.recall",
}
LIST_FACTS = {
    "articles with a list": "quality.with_list",
    "weak lists": "quality.weak",
    "in no list, of what may be": "quality.never_recommended",
    "similarity within a list": "quality.similarity_within",
    "coverage": "lists.coverage",
    "recommended, of what may be": "exposure.recommended",
    "most lists of one article": "exposure.most_lists",
    "median age of the recommended": "exposure.median_age",
    "hubness": "lists.hubness",
    "novelty bits": "lists.novelty_bits",
    "never recommended": "lists.never_recommended",
    "recommended of the same account": "lists.accounts.of_the_same_account",
    "newest tenth of the recommended": "lists.freshness.newest_tenth",
}


def page(workspace: Workspace) -> Path:
    """Return the page of the current release; ReleaseError if there is none."""
    return _page(release.Release.current(workspace).folder)


def _page(folder: ReleaseFolder) -> Path:
    if not folder.report_page.exists():
        raise ReleaseError(
            f"{folder.report_page}: an older simrec made this release; the next one has a page"
        )
    return folder.report_page


def sentence(workspace: Workspace) -> str:
    """Return what the report of the current release says first."""
    folder = release.Release.current(workspace).folder
    return summarize_lists(read_part(folder.report, Report))


def write_page(workspace: Workspace, target: Path) -> Path:
    """Write the page of the current release, with what its steps took, and return its path."""
    from simrec.evaluate.html import render

    folder = release.Release.current(workspace).folder
    _page(folder)
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no folder {target.parent}")
    runs = [run for run in journal.read_runs(workspace.journal) if run.published(folder.release_id)]
    report = read_part(folder.report, Report)
    maps = read_part(folder.maps, Maps)
    files.write(target, render(report, maps, runs[-SHOWN_RUNS:]).encode())
    return target


def compare(
    workspace: Workspace,
    before: str,
    after: str,
) -> list[JsonObject]:
    """Return every figure of two releases, and by how much it changed.

    The releases may be of any format. ReleaseError for an unknown one.
    """
    folders = {kept.manifest.release_id: kept.folder for kept in release.published(workspace)}
    for release_id in (before, after):
        if release_id not in folders:
            raise ReleaseError(f"no release '{release_id}'; simrec releases lists them")
    old = _figures(folders[before])
    new = _figures(folders[after])
    rows = []
    for fact in old | new:
        change = _change(old.get(fact), new.get(fact))
        row = (fact, old.get(fact), new.get(fact), change)
        rows.append(dict(zip(COMPARISON, row, strict=True)))
    overlap = _overlap(folders[before], folders[after])
    if overlap is not None:
        row = (f"rank-biased overlap of lists with {before}", None, overlap, "")
        rows.append(dict(zip(COMPARISON, row, strict=True)))
    return rows


def _overlap(before: ReleaseFolder, after: ReleaseFolder) -> float | None:
    """Return how alike the lists of two releases are, in their order too; None without any."""
    from simrec.evaluate.list_changes import ListComparison, ReleaseLists

    if not (before.similar_articles.exists() and after.similar_articles.exists()):
        return None
    lists = ReleaseLists.read(after)
    return ListComparison(lists, ReleaseLists.read(before)).stability().rbo


def _change(before: Any, after: Any) -> float | str:
    if isinstance(before, int | float) and isinstance(after, int | float):
        return round(after - before, 4)
    return "" if before == after else "changed"


def _figures(folder: ReleaseFolder) -> JsonObject:
    """Return the facts that can be compared; a report of an older format has fewer of them."""
    try:
        report = json.loads(folder.report.read_bytes())
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{folder.report}: not readable ({error})") from error
    figures = {fact: _look_up(report, path) for fact, path in CORPUS_FACTS.items()}
    if figures["articles"] is None:
        figures["articles"] = _look_up(report, "index.rows")
    for suite in report["suites"]:
        for scorer, value in suite["values"].items():
            figures[f"{suite['suite']} {suite['measure']}, {scorer}"] = value
    for effect in report.get("rule_effects", []):
        figures[f"lists: {effect['suite']} {effect['measure']}"] = effect["published"]
    figures |= {fact: _look_up(report, path) for fact, path in LIST_FACTS.items()}
    figures["rejected rows"] = sum(reason["rows"] for reason in report.get("rejects", []))
    return figures


def _look_up(report: Mapping[str, Any], path: str) -> Any:
    """Return what is at a path of keys, None if a part of it is missing."""
    value: Any = report
    for key in path.split("."):
        if not value or key not in value:
            return None
        value = value[key]
    return value
