"""A challenger that is better on average but worse in one suite leaves the champion in use."""

import numpy as np
import pytest

from simrec.evaluate.scorers import Texts
from simrec.evaluate.suite_result import SuiteResult
from simrec.evaluate.suites import SampledArticle
from simrec.steps.champion_challenger import EncoderVerdict, fall_beyond_interval, neighbours_lost

QUERIES = 200
BETTER = {"champion": 0.5, "challenger": 0.6}


def topics(lost: int) -> SuiteResult:
    """Champion .8 for every query; the challenger has .3 for so many of them, else .8."""
    champion = np.full(QUERIES, 0.8)
    challenger = champion.copy()
    challenger[:lost] = 0.3
    figures = {"champion": champion, "challenger": challenger}
    return SuiteResult("same category", "P@10", QUERIES, figures)


def test_a_fall_beyond_the_interval_is_named_with_its_figures() -> None:
    (fall,) = fall_beyond_interval(topics(lost=40))
    assert fall.startswith("same category P@10 falls by 0.1000 (0.0")
    low, high = fall.rpartition("(")[2].rstrip(")").split(" to ")
    # 40 of 200 lose .5: the deviation of the mean is .5 * sqrt(.2 * .8 / 200) = .0141.
    assert float(low) == pytest.approx(0.1 - 1.96 * 0.01414, abs=0.004)
    assert float(high) == pytest.approx(0.1 + 1.96 * 0.01414, abs=0.004)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_fall_within_the_interval_is_none(lost: int) -> None:
    assert fall_beyond_interval(topics(lost)) == []


def test_a_fall_outweighs_a_better_mean() -> None:
    assert EncoderVerdict(BETTER, []).is_better
    assert "takes over from gru-1" in EncoderVerdict(BETTER, []).sentence("gru-1")
    verdict = EncoderVerdict(BETTER, ["same category P@10 falls by 0.1000 (0.0720 to 0.1280)"])
    assert not verdict.is_better
    assert verdict.sentence("gru-1") == (
        "; it is better on average, 0.6000 to 0.5000, but leaves the work to gru-1: "
        "same category P@10 falls by 0.1000 (0.0720 to 0.1280)"
    )
    worse = EncoderVerdict({"champion": 0.6, "challenger": 0.6}, [])
    assert not worse.is_better
    assert "is no better than, and leaves the work to, gru-1" in worse.sentence("gru-1")


@pytest.mark.parametrize(
    ("kept", "says"), [(10, []), (5, []), (3, ["it keeps 30% of the nearest"])]
)
def test_without_labels_the_challenger_keeps_a_share_of_the_nearest(
    kept: int, says: list[str]
) -> None:
    """On a ring each article's nearest are the ten next ones; the challenger moves some away."""
    size = 60
    articles = [SampledArticle(True, "", f"text {n}", None, None) for n in range(size)]

    def ring(first: int) -> np.ndarray:
        steps = (np.arange(size)[None, :] - np.arange(size)[:, None] - 1) % size
        return -((steps - first) % size).astype(np.float32)

    def scorer(first: int):  # noqa: ANN202
        def score(_: Texts, __: Texts) -> np.ndarray:
            return ring(first)

        return score

    scorers = {"champion": scorer(0), "challenger": scorer(10 - kept)}
    lost = neighbours_lost(articles, scorers)
    assert [fall[: len(start)] for fall, start in zip(lost, says, strict=True)] == says
