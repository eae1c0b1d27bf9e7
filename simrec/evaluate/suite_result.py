"""What a suite measured: a figure for each query and scorer, and their summary for the report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from simrec import metrics
from simrec.evaluate import bootstrap
from simrec.evaluate.report_format import OURS, Difference, SuiteSummary

DIGITS = 4


@dataclass(frozen=True)
class SuiteResult:
    """What one suite measured for each scorer, or in `skipped` why it could not.

    per_query holds the figures of each scorer, [queries, ...]; the statistic makes one of them.
    judged is the share of what each scorer ranks first that people have judged.
    """

    suite: str
    measure: str
    n_queries: int
    per_query: dict[str, NDArray[Any]] = field(default_factory=dict)
    skipped: str = ""
    n_candidates: int = 0
    statistic: bootstrap.Statistic = metrics.mean
    judged: dict[str, float] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float]:
        return {name: self._value(figures) for name, figures in self.per_query.items()}

    def _value(self, figures: NDArray[Any]) -> float:
        return float(self.statistic(figures[None])[0])

    def summary(self) -> SuiteSummary:
        """Return values, intervals, and how far simrec is ahead, rounded to four places."""
        return SuiteSummary(
            suite=self.suite,
            measure=self.measure,
            queries=self.n_queries,
            candidates=self.n_candidates,
            skipped=self.skipped,
            values={name: round(value, DIGITS) for name, value in self.values.items()},
            intervals=self._intervals(),
            ahead_of=self._differences(),
            judged={name: round(share, DIGITS) for name, share in self.judged.items()},
        )

    def _intervals(self) -> dict[str, tuple[float, float]]:
        intervals = {}
        for name, figures in self.per_query.items():
            low, high = bootstrap.confidence_interval(figures, self.statistic)
            intervals[name] = (round(low, DIGITS), round(high, DIGITS))
        return intervals

    def _differences(self) -> dict[str, Difference]:
        differences: dict[str, Difference] = {}
        if OURS not in self.per_query:
            return differences
        ours = self.per_query[OURS]
        for name, theirs in self.per_query.items():
            if name == OURS:
                continue
            found = bootstrap.paired_difference(ours, theirs, self.statistic)
            differences[name] = Difference(*(round(figure, DIGITS) for figure in found))
        return differences


def summarize(results: Sequence[SuiteResult]) -> list[SuiteSummary]:
    """Return the summaries of all suites; p values are corrected for the measures of a scorer."""
    summaries = [result.summary() for result in results]
    scorers = dict.fromkeys(name for summary in summaries for name in summary.ahead_of)
    for scorer in scorers:
        leads = [summary.ahead_of[scorer] for summary in summaries if scorer in summary.ahead_of]
        corrected = bootstrap.holm([lead.p for lead in leads])
        for lead, p_holm in zip(leads, corrected, strict=True):
            lead.p_holm = round(p_holm, DIGITS)
    return summaries


def as_sentence(results: Sequence[SuiteResult]) -> str:
    """Return what was measured in one line, for the log."""
    measured = []
    for result in results:
        if result.per_query:
            values = (f"{name} {value:.3f}" for name, value in result.values.items())
            measured.append(f"{result.suite} {result.measure} {' '.join(values)}")
    return "; ".join(measured) or "the corpus is too small to measure anything"
