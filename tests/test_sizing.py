"""The page on sizing says what its script computes, and the simulation gives the answers that are known."""

import pytest

from tests.benchmarks import sizing
from tests.benchmarks.sizing import Rate, simulate


def test_the_page_is_what_the_script_computes() -> None:
    found = sizing.BLOCK.search(sizing.PAGE.read_text())
    assert found
    assert found.group() == sizing.block(), "run python -m tests.benchmarks.sizing --write"


@pytest.fixture
def no_losses(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No scheduler that takes time, nothing done twice, tasks of one length."""
    for name in ("TASK", "FAILURES", "SPREAD"):
        monkeypatch.setattr(sizing, name, Rate(0, "", ""))
    return monkeypatch


@pytest.mark.parametrize(
    ("tasks", "workers", "seconds"),
    [(1, 8, 3.0), (8, 8, 3.0), (9, 8, 6.0), (64, 1, 192.0), (512, 1_000, 6.0)],
)
def test_tasks_without_losses_come_in_rounds(
    no_losses: pytest.MonkeyPatch, tasks: int, workers: int, seconds: float
) -> None:
    """The last case: a window of 256 leaves the other workers idle."""
    assert simulate(tasks, 3.0, workers) == pytest.approx(seconds)


def test_a_scheduler_is_the_limit_of_tasks_that_are_short(no_losses: pytest.MonkeyPatch) -> None:
    no_losses.setattr(sizing, "TASK", Rate(0.5, "", ""))
    assert simulate(100, 0.01, 64) == pytest.approx(100 * 0.5 + 0.01)
    assert simulate(1, 10.0, 64) == pytest.approx(10.5)


def test_what_fails_takes_its_time_again(no_losses: pytest.MonkeyPatch) -> None:
    no_losses.setattr(sizing, "FAILURES", Rate(0.5, "", ""))
    assert simulate(10_000, 1.0, 1) == pytest.approx(20_000, rel=0.05)
