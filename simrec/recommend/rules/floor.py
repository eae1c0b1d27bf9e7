"""The rule on scores that are too low, and how its floor is found."""

import math
from dataclasses import dataclass

import numpy as np

from simrec.arrays import Mask, Rows, Scores, open_npy
from simrec.recommend.candidates import Candidates, RowAttributes
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.rules.rule import Rule

CHANCE_SEEDS = 1_000
PAIRS_PER_SEED = 100
FLOOR_STEP = 1e-4  # between floors that are tried


@dataclass(frozen=True)
class MinScore(Rule):
    """Lists hold nothing whose score is below `floor`; answers to a text are not cut off.

    A text of few words scores lower with everything than an article does.
    """

    floor: float

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow what scores at least the floor."""
        if seeds.n_columns == 0:
            return candidates.is_there
        is_above: Mask = candidates.scores >= np.float32(self.floor)
        return is_above


def calibrate_floor(files: ScorerFiles, max_chance: float) -> float:
    """Return the lowest floor that at most a share `max_chance` of chance pairs score at least.

    Chance pairs are of two different articles of the release: all of them where they are few, else
    CHANCE_SEEDS articles with PAIRS_PER_SEED others each.
    """
    scores = chance_scores(files)
    if not len(scores):
        return 0.0
    most = math.floor(max_chance * len(scores))
    descending = np.sort(scores)[::-1]
    if most >= len(descending):
        return 0.0
    # Just above the first score that is one too many.
    steps = math.floor(float(descending[most]) / FLOOR_STEP) + 1
    return max(round(steps * FLOOR_STEP, 4), 0.0)


def chance_scores(files: ScorerFiles) -> Scores:
    """Return the scores of chance pairs of articles, drawn the same way every time."""
    seeds, rows = _chance_pairs(len(open_npy(files.release.vectors)))
    scores = files.open().scores(seeds, rows)
    of_pairs: Scores = scores[rows != seeds[:, None]]
    return of_pairs


def _chance_pairs(n_rows: int) -> tuple[Rows, Rows]:
    """Return seeds [seeds] and rows [seeds, n], among which may be the seeds themselves."""
    if n_rows**2 <= CHANCE_SEEDS * PAIRS_PER_SEED:
        every_row = np.arange(n_rows)
        return every_row, np.tile(every_row, (n_rows, 1))
    rng = np.random.default_rng(0)
    seeds = rng.integers(0, n_rows, CHANCE_SEEDS)
    rows = rng.integers(0, n_rows, (CHANCE_SEEDS, PAIRS_PER_SEED))
    return seeds, rows
