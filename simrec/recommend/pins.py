"""Pins: what editors put at a place of a list, after all rules."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeVar

import numpy as np

from simrec.recommend.exposure import RankedLists
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.rules.editors import Pin

Entry = TypeVar("Entry")


def pin_articles(
    lists: RankedLists,
    pins: Sequence[Pin],
    files: ScorerFiles,
) -> None:
    """Put pinned articles at their places of the lists, in place; what is last falls off.

    A list that is too short for a place takes the pin at its end. What was listed keeps its rank by
    score; the rank of what was not is 0.
    """
    seeds = np.array([pin.seed for pin in pins], np.int64)
    rows = np.array([pin.row for pin in pins], np.int64)
    scores = files.open().scores(seeds, rows[:, None])[:, 0]
    score_of = dict(zip(pins, scores.tolist(), strict=True))
    by_list = sorted(pins, key=lambda pin: (pin.seed, pin.place))
    for seed, pins_of_list in groupby(by_list, key=lambda pin: pin.seed):
        _pin_into(lists, seed, list(pins_of_list), score_of)


def _pin_into(
    lists: RankedLists,
    seed: int,
    pins: Sequence[Pin],
    score_of: dict[Pin, float],
) -> None:
    places = lists.rows.shape[1]
    columns = (array[seed].tolist() for array in lists)
    listed = [entry for entry in zip(*columns, strict=True) if entry[0] >= 0]
    rank_of = {entry[0]: entry[3] for entry in listed}
    entries = []
    for pin in pins:
        score = score_of[pin]
        entries.append((pin.place, (pin.row, score, score, rank_of.get(pin.row, 0))))
    pinned_rows = {pin.row for pin in pins}
    others = [entry for entry in listed if entry[0] not in pinned_rows]
    for place, entry in enumerate(with_pins(others, entries)[:places]):
        lists.rows[seed, place] = entry[0]
        lists.scores[seed, place] = entry[1]
        lists.values[seed, place] = entry[2]
        lists.score_ranks[seed, place] = entry[3]


def with_pins(listed: Sequence[Entry], pins: Iterable[tuple[int, Entry]]) -> list[Entry]:
    """Return a list with pinned entries at their places, from 1; pins come in order of places."""
    pinned = list(listed)
    for place, entry in pins:
        pinned.insert(place - 1, entry)
    return pinned
