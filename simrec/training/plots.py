"""Plots of training: validation by epoch, and how far back in time gradients reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simrec import files
from simrec.training.trainer import History

SIZE = (10, 3.6)  # inches


@dataclass(frozen=True)
class CellResult:
    """What one kind of recurrent cell reached, for `simrec train --compare`.

    `mrr` is of titles and halves of held-out articles, between `low` and `high` for other articles
    of the same kind, 19 times of 20; None where too few are held out.
    """

    cell: str
    held_out: float
    before: float
    training_seconds: float
    articles_a_second: float
    gradient_reach: int
    mrr: float | None = None
    low: float | None = None
    high: float | None = None


def write_training(path: Path, history: History, norms: Sequence[float]) -> None:
    """Plot one training as SVG: validation by epoch, and the gradient by distance in time."""
    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [epoch["epoch"] for epoch in history]
    names = [name for name in history[0] if name.startswith("held_out")]
    for name in names:
        left.plot(epochs, [epoch[name] for epoch in history], marker="o", label=name)
    left.set(xlabel="epoch (0 is the start)", title="what was held out")
    if names:
        left.legend()
    _gradients(right, {"": norms})
    _save(figure, path)


def write_comparison(
    path: Path, results: Sequence[CellResult], norms: Mapping[str, Sequence[float]]
) -> None:
    """Plot cells side by side as SVG: held-out score, speed, and gradient by distance in time."""
    figure = Figure(figsize=SIZE, layout="constrained")
    quality, speed, reach = figure.subplots(1, 3, width_ratios=[1, 1, 1.6])
    cells = [result.cell for result in results]
    scores = [result.held_out for result in results]
    speeds = [result.articles_a_second for result in results]
    _bars(quality, cells, scores, "%.3f", "score on what was held out")
    _bars(speed, cells, speeds, "%.0f", "articles a second")
    _gradients(reach, norms)
    _save(figure, path)


def _bars(axes: Axes, names: Sequence[str], values: Sequence[float], form: str, title: str) -> None:
    bars = axes.bar(names, values)
    axes.bar_label(bars, fmt=form)
    axes.set(title=title)
    axes.margins(y=0.1)


def _gradients(axes: Axes, norms: Mapping[str, Sequence[float]]) -> None:
    for name, values in norms.items():
        if values:
            axes.semilogy(range(len(values)), values, label=name)
    axes.set(
        xlabel="distance in time (tokens)",
        ylabel="relative to distance 0",
        title="gradient of the last state",
    )
    axes.grid(alpha=0.3)
    if any(norms):
        axes.legend()


def _save(figure: Figure, path: Path) -> None:
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
