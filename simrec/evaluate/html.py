"""The report as a page: one file that needs no network, drawn from the facts of report.json and map.json."""

import base64
import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from simrec.journal import RunRecord

FORMAT = 2  # of report.json
LABELLED = 12  # accounts on the map that are named, at most
LABEL_WIDTH, LABEL_HEIGHT = 0.3, 0.05  # of the map, that a name takes
ASIDE = ("encoder alone", "mean of embeddings")  # parts of simrec, not rivals
EXPLAINED = {
    "split-half": "The first half of a text looks for its second half.",
    "known-item": "A title looks for its own text.",
    "same category": "Of the ten articles nearest to one, how many are of its category.",
    "same account": "Of the ten articles nearest to one, how many are of its account.",
    "shared tag": "Of the ten articles nearest to one, how many share a tag with it.",
    "split-half accounts": "One half of an account’s articles looks for the other half.",
}


def render(report: dict[str, Any], maps: dict[str, Any], runs: Sequence[RunRecord] = ()) -> str:
    """Return the page as HTML; runs are lines of the journal, where it is known how long things took."""
    template = _environment().get_template("report.html.jinja")
    script = _environment().get_template("report.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template.render(
        report=report,
        maps=maps,
        runs=runs,
        verdict=verdict(report["suites"]),
        explained=EXPLAINED,
        named=apart(maps["accounts"]["points"]),
        script=Markup(script),  # ours; the policy of the page lets no other run
        script_hash=digest,
    )


def verdict(suites: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return in how many measures simrec is ahead of, level with and behind the first rival, and a headline.

    Ahead is where the interval of the difference lies above nothing, behind where it lies below.
    """
    rivals = [who for suite in suites for who in suite["ahead_of"] if who not in ASIDE]
    if not rivals:
        return {"rival": None, "headline": "Too few articles to measure against anything"}
    rival = rivals[0]
    leads = [suite["ahead_of"][rival] for suite in suites if rival in suite["ahead_of"]]
    ahead, behind = sum(lead["low"] > 0 for lead in leads), sum(lead["high"] < 0 for lead in leads)
    if ahead:
        headline = f"Ahead of {rival} in {ahead} of {len(leads)} measures" + (
            f", behind in {behind}" if behind else ""
        )
    elif behind:
        headline = f"Behind {rival} in {behind} of {len(leads)} measures"
    else:
        headline = f"Level with {rival} in all {len(leads)} measures"
    return {
        "rival": rival,
        "headline": headline,
        "ahead": ahead,
        "behind": behind,
        "measures": len(leads),
    }


def apart(points: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return the first points (x, y, ...) whose names do not run into each other."""
    kept: list[Sequence[Any]] = []
    for point in points:
        beside = (
            abs(point[0] - x) < LABEL_WIDTH and abs(point[1] - y) < LABEL_HEIGHT
            for x, y, *_ in kept
        )
        if len(kept) < LABELLED and not any(beside):
            kept.append(point)
    return kept


def polyline(values: Sequence[float], low: float, high: float) -> str:
    """Return the points of a line across a box of 100 by 100 whose bottom is `low` and top `high`."""
    across, up = max(1, len(values) - 1), (high - low) or 1
    return " ".join(
        f"{100 * n / across:.2f},{100 - 100 * (value - low) / up:.2f}"
        for n, value in enumerate(values)
    )


def places(curve: Sequence[dict[str, float]]) -> list[tuple[float, float]]:
    """Return where the points of an index curve stand, in per cent from the upper left.

    Across is the logarithm of the work from the least to the most, up the recall from the least to 1.
    """
    work = [math.log(max(point["compared"], 1e-9)) for point in curve]
    across, up = (work[-1] - work[0]) or 1, (1 - min(point["recall"] for point in curve)) or 1
    return [
        (100 * (done - work[0]) / across, 100 * (1 - point["recall"]) / up)
        for done, point in zip(work, curve, strict=True)
    ]


def logarithms(values: Sequence[float], least: float = 1e-4) -> list[float]:
    """Return decimal logarithms, those of less than `least` as its own."""
    return [math.log10(max(value, least)) for value in values]


def logarithm2(value: float) -> float:
    """Return the logarithm to the base 2, of a number below 1 nothing."""
    return math.log2(max(1.0, value))


def number(value: float | int | None, places: int = 0) -> str:
    """Return a number as people write it, with a true minus sign; a dash for none."""
    return "–" if value is None else f"{value:,.{places}f}".replace("-", "\u2212")


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"{value:+.3f}".replace("-", "\u2212")


def percent(share: float) -> str:
    """Return a share in per cent, with a place behind the point where it is small or nearly all."""
    return f"{share:.1%}" if share < 0.1 or 0.99 < share < 1 else f"{share:.0%}"


def web_address(url: str | None) -> str | None:
    """Return an address that may be linked to, or None: what articles carry is not to be trusted."""
    return url if url and url.lower().startswith(("http://", "https://")) else None


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("simrec.evaluate", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (polyline, places, logarithms, logarithm2, number, signed, percent, web_address)
    environment.filters.update({function.__name__: function for function in filters})
    return environment
