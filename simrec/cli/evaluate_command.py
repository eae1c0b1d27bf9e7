"""The command that measures a release, and how its figures look."""

from collections.abc import Sequence

import click

from simrec import release, runner, steps
from simrec.cli import terminal
from simrec.cli.config_options import Invocation, step_options
from simrec.cli.options import json_option, print_rows
from simrec.config import BASELINES
from simrec.evaluate.report_format import (
    Report,
    RuleEffect,
    SuiteSummary,
    read_part,
    to_json,
)
from simrec.files import JsonObject
from simrec.workspace import Workspace

LISTS = "lists: "  # begins the name of what is measured of the published lists
AHEAD = "ahead by"
HOW = "Lists are as published, by all rules; all else is the score alone, without rules."
COLUMNS = [
    "suite",
    "measure",
    "queries",
    "scorer",
    "value",
    "interval",
    AHEAD,
    "p (Holm)",
    "judged@10",
]


@click.command()
@click.option(
    "--beside",
    metavar="NAMES",
    default="",
    help="Baselines such as BM25,LSA,MiniLM; `all` but MiniLM.",
)
@click.option(
    "--against",
    metavar="RELEASE",
    default="",
    help="An older release to compare the current one with.",
)
@click.option(
    "--judgements",
    multiple=True,
    metavar="FILE",
    help="Also measure graded pairs, links or TREC qrels.",
)
@json_option
@step_options
def evaluate(
    beside: str,
    against: str,
    judgements: tuple[str, ...],
    as_json: bool,
    invocation: Invocation,
) -> None:
    """Measure the new release, and print the newest report.

    With any of the options the current release is measured anew, and nothing is stored.
    """
    opened = Workspace.open(invocation.root)
    loaded = invocation.read_config()
    if beside or against or judgements:
        from simrec.steps.compare_scorers import compare_scorers

        suites = compare_scorers(opened, loaded.config, _baselines(beside), judgements, against)
        effects: Sequence[RuleEffect] = ()
    else:
        runner.run("evaluate", [steps.evaluate], opened, loaded)
        report = _newest_report(opened)
        suites = report.suites
        effects = report.rule_effects
    if as_json:
        of_lists = [{**to_json(effect), "suite": f"{LISTS}{effect.suite}"} for effect in effects]
        terminal.print_json([*(to_json(suite) for suite in suites), *of_lists])
    else:
        print_rows(COLUMNS, [*_effect_rows(effects), *_rows(suites)], as_json=False)
        click.echo(HOW, err=True)


def _baselines(listed: str) -> list[str]:
    names = [name.strip() for name in listed.split(",") if name.strip()]
    if names == ["all"]:
        return [name for name in BASELINES if name != "MiniLM"]
    unknown = [name for name in names if name not in BASELINES]
    if unknown:
        raise click.UsageError(
            f"--beside {', '.join(unknown)}: the baselines are {', '.join(BASELINES)}"
        )
    return names


def _newest_report(workspace: Workspace) -> Report:
    """Return the newest report: of the staged release, or else of the current one."""
    reports = [folder.report for folder in workspace.staged_releases() if folder.report.exists()]
    path = reports[-1] if reports else release.Release.current(workspace).folder.report
    return read_part(path, Report)


def _effect_rows(effects: Sequence[RuleEffect]) -> list[JsonObject]:
    """Return two rows for each measure of what readers get: as published, and without rules."""
    rows: list[JsonObject] = []
    for effect in effects:
        published: JsonObject = dict.fromkeys(COLUMNS, "")
        published["suite"] = f"{LISTS}{effect.suite}"
        published["measure"] = effect.measure
        published["queries"] = effect.lists
        published["scorer"] = "as published"
        published["value"] = effect.published
        without: JsonObject = dict.fromkeys(COLUMNS, "")
        without["scorer"] = "without rules"
        without["value"] = effect.without_rules
        lead = effect.published - effect.without_rules
        without[AHEAD] = f"{lead:+.3f} ({effect.low:+.3f} to {effect.high:+.3f})"
        rows += [published, without]
    return rows


def _rows(suites: Sequence[SuiteSummary]) -> list[JsonObject]:
    """Return a row for each scorer of each suite, to be printed.

    The suite is named in its first row only; what could not be measured is a remark below its last.
    All but judged lists are measured by the score alone, without rules.
    """
    rows: list[JsonObject] = []
    for suite in suites:
        start = len(rows)
        for scorer in suite.values:
            rows.append(_row(suite, scorer))
        if not suite.values:
            rows.append(dict.fromkeys(COLUMNS, ""))
        rows[start]["suite"] = suite.suite
        rows[start]["measure"] = suite.measure
        rows[start]["queries"] = suite.queries
        rows[-1]["remark"] = suite.skipped
    return rows


def _row(suite: SuiteSummary, scorer: str) -> JsonObject:
    row: JsonObject = dict.fromkeys(COLUMNS, "")
    low, high = suite.intervals[scorer]
    row["scorer"] = scorer
    row["value"] = suite.values[scorer]
    row["interval"] = f"{low:.3f} to {high:.3f}"
    lead = suite.ahead_of.get(scorer)
    if lead:
        row[AHEAD] = f"{lead.value:+.3f} ({lead.low:+.3f} to {lead.high:+.3f})"
        row["p (Holm)"] = f"{lead.corrected_p:.3f}"
    if scorer in suite.judged:
        row["judged@10"] = f"{suite.judged[scorer]:.2f}"
    return row
