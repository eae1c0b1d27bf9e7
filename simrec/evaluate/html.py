"""The report as a page: one HTML file that needs no network, made of report.json and map.json."""

import base64
import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from jinja2 import Environment
from markupsafe import Markup

from simrec.evaluate.glossary import GLOSSARY
from simrec.evaluate.report_format import ENCODER, AccountPoint, Maps, Report, SuiteSummary
from simrec.evaluate.sentences import counted, percent, summarize_lists
from simrec.index.index_facts import CurvePoint
from simrec.journal import RunRecord
from simrec.page_templates import number, page_environment, web_address

MAX_NAMES = 12  # of accounts on the map
NAME_WIDTH = 0.3  # of the map
NAME_HEIGHT = 0.05
NOT_RIVALS = (ENCODER, "mean of embeddings")  # parts of simrec
SIGNIFICANT = 0.05
TOO_FEW = "Too few articles to measure against anything"
EXPLANATIONS = {
    "split-half": "The first half of a text looks for its second half.",
    "known-item": "A title looks for its own text.",
    "same category": "Of the ten articles nearest to one, how many are of its category.",
    "same account": "Of the ten articles nearest to one, how many are of its account.",
    "shared tag": "Of the ten articles nearest to one, how many share a tag with it.",
    "split-half accounts": "One half of an account’s articles looks for the other half.",
}


class Verdict(NamedTuple):
    """In how many measures simrec is ahead of the first rival, or behind it."""

    rival: str
    measures: int
    ahead: int
    behind: int

    @property
    def headline(self) -> str:
        if not self.rival:
            return TOO_FEW
        if self.ahead:
            headline = f"Ahead of {self.rival} in {self.ahead} of {self.measures} measures"
            return headline + (f", behind in {self.behind}" if self.behind else "")
        if self.behind:
            return f"Behind {self.rival} in {self.behind} of {self.measures} measures"
        return f"Level with {self.rival} in all {self.measures} measures"


def render(report: Report, maps: Maps, runs: Sequence[RunRecord] = ()) -> str:
    """Return the page as HTML; runs of the journal say how long the steps took."""
    template = _environment().get_template("report.html.jinja")
    script = _environment().get_template("report.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template.render(
        report=report,
        maps=maps,
        runs=runs,
        headline=summarize_lists(report),
        verdict=judge(report.suites),
        explanations=EXPLANATIONS,
        glossary=GLOSSARY,
        named=without_overlap(maps.accounts.points),
        script=Markup(script),  # the page's policy lets no other script run
        script_hash=digest,
    )


def judge(suites: Sequence[SuiteSummary]) -> Verdict:
    """Compare simrec with the first rival.

    It is ahead or behind where p, corrected for the number of measures, is below .05.
    """
    rivals = [name for suite in suites for name in suite.ahead_of if name not in NOT_RIVALS]
    if not rivals:
        return Verdict("", 0, 0, 0)
    rival = rivals[0]
    leads = [suite.ahead_of[rival] for suite in suites if rival in suite.ahead_of]
    ahead = sum(lead.value > 0 and lead.corrected_p < SIGNIFICANT for lead in leads)
    behind = sum(lead.value < 0 and lead.corrected_p < SIGNIFICANT for lead in leads)
    return Verdict(rival, len(leads), ahead, behind)


def without_overlap(points: Sequence[AccountPoint]) -> list[AccountPoint]:
    """Return the first points whose names do not overlap on the map."""
    shown: list[AccountPoint] = []
    for point in points:
        if len(shown) == MAX_NAMES:
            break
        if not any(_overlap(point, other) for other in shown):
            shown.append(point)
    return shown


def _overlap(point: AccountPoint, other: AccountPoint) -> bool:
    return abs(point.x - other.x) < NAME_WIDTH and abs(point.y - other.y) < NAME_HEIGHT


def polyline(values: Sequence[float], low: float, high: float) -> str:
    """Return the points of a line in a box of 100 by 100 with bottom `low` and top `high`."""
    width = max(1, len(values) - 1)
    height = (high - low) or 1
    points = []
    for column, value in enumerate(values):
        x = 100 * column / width
        y = 100 - 100 * (value - low) / height
        points.append(f"{x:.2f},{y:.2f}")
    return " ".join(points)


def places(curve: Sequence[CurvePoint]) -> list[tuple[float, float]]:
    """Return the points of an index curve, in per cent from the upper left.

    x is the logarithm of the work from the least to the most, y the recall from the least to 1.
    """
    work = [math.log(max(point.compared, 1e-9)) for point in curve]
    width = (work[-1] - work[0]) or 1
    height = (1 - min(point.recall for point in curve)) or 1
    points = []
    for logarithm, point in zip(work, curve, strict=True):
        x = 100 * (logarithm - work[0]) / width
        y = 100 * (1 - point.recall) / height
        points.append((x, y))
    return points


def logarithms(values: Sequence[float], least: float = 1e-4) -> list[float]:
    """Return decimal logarithms; a value below `least` counts as `least`."""
    return [math.log10(max(value, least)) for value in values]


def logarithm2(value: float) -> float:
    """Return the logarithm to the base 2, or 0 for a number below 1."""
    return math.log2(max(1.0, value))


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"{value:+.3f}".replace("-", "\u2212")


def anchor(word: str) -> str:
    """Return where the glossary explains a word, as part of an address."""
    return "word-" + "".join(character for character in word.lower() if character.isalnum())


@lru_cache(maxsize=1)
def _environment() -> Environment:
    filters = (
        polyline,
        places,
        logarithms,
        logarithm2,
        number,
        counted,
        signed,
        percent,
        anchor,
        web_address,
    )
    return page_environment("simrec.evaluate", filters)
