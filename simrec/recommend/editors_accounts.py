"""The editors' wishes in lists of similar accounts."""

import numpy as np

from simrec.arrays import Scores
from simrec.index.neighbours import Neighbours, rounded
from simrec.recommend.candidates import first_columns
from simrec.recommend.pins import with_pins
from simrec.recommend.rules.editors import EditorsChoices, Pin


def choose_accounts(
    nearest: Neighbours, choices: EditorsChoices, pin_scores: Scores, k: int
) -> Neighbours:
    """Return the first k accounts of each list as the editors want them.

    nearest are more than k; pin_scores are the scores of the pinned pairs, in their order.
    """
    seeds = np.arange(len(nearest.rows))[:, None]
    may_stand = choices.may_stand(seeds, nearest.rows) & (nearest.rows >= 0)
    weights = choices.weights_of(nearest.rows)
    values = np.where(nearest.scores > 0, nearest.scores * weights, nearest.scores)
    order = np.argsort(np.where(may_stand, -values, np.inf), axis=1, kind="stable")
    is_left = np.take_along_axis(may_stand, order, axis=1)
    columns = np.take_along_axis(order, np.maximum(first_columns(is_left, k), 0), axis=1)
    rows = np.take_along_axis(nearest.rows, columns, axis=1)
    scores = np.take_along_axis(nearest.scores, columns, axis=1)
    is_empty = first_columns(is_left, k) < 0
    rows[is_empty] = -1
    scores[is_empty] = 0
    chosen = Neighbours(rows, scores)
    score_of = dict(zip(choices.pins, rounded(pin_scores).tolist(), strict=True))
    for seed in sorted({pin.seed for pin in choices.pins}):
        _pin_into(chosen, seed, choices, score_of)
    return chosen


def _pin_into(
    chosen: Neighbours, seed: int, choices: EditorsChoices, score_of: dict[Pin, float]
) -> None:
    """Put the pinned accounts of one list at their places, in place."""
    pins = choices.pins_under(seed)
    pinned_rows = {pin.row for pin in pins}
    listed = []
    for row, score in zip(chosen.rows[seed].tolist(), chosen.scores[seed].tolist(), strict=True):
        if row >= 0 and row not in pinned_rows:
            listed.append((row, score))
    entries = [(pin.place, (pin.row, score_of[pin])) for pin in pins]
    pinned = with_pins(listed, entries)[: chosen.rows.shape[1]]
    for place, (row, score) in enumerate(pinned):
        chosen.rows[seed, place] = row
        chosen.scores[seed, place] = score
