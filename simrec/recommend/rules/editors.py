"""The editors' wishes as rows of a release, and the rules that follow them in every list."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows
from simrec.recommend.candidates import Candidates, RowAttributes
from simrec.recommend.editors_file import EditorsEntry, Kind
from simrec.recommend.rules.rule import Rule, SelectiveRule

ROW_BITS = 32  # of a pair of rows, packed into one integer

FindRow = Callable[[str], int | None]


class Pin(NamedTuple):
    """An article or account that stands at a place, from 1, of the list of another one."""

    seed: int
    row: int
    place: int


def no_rows() -> Rows:
    """Return no rows."""
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class EditorsChoices:
    """What the editors want of articles, or of accounts, by row.

    never_pairs are packed pairs of seed and row; weights multiply scores of the preferred rows.
    """

    pins: tuple[Pin, ...] = ()
    nowhere: Rows = field(default_factory=no_rows)
    never_pairs: Rows = field(default_factory=no_rows)
    preferred: Rows = field(default_factory=no_rows)
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __bool__(self) -> bool:
        """Tell whether anything is wanted."""
        arrays = (self.nowhere, self.never_pairs, self.preferred)
        return bool(self.pins) or any(len(array) for array in arrays)

    @property
    def pinned_pairs(self) -> Rows:
        """Return the pins as packed pairs of seed and row."""
        pairs = [(pin.seed, pin.row) for pin in self.pins]
        return _packed_pairs(pairs)

    def pins_under(self, seed: int) -> list[Pin]:
        """Return the pins of one list, in order of their places."""
        return sorted((pin for pin in self.pins if pin.seed == seed), key=lambda pin: pin.place)

    def may_stand(self, seeds: Rows, rows: Rows) -> Mask:
        """Tell which rows may stand in the lists of their seeds; both of one shape."""
        is_banned = np.isin(rows, self.nowhere)
        is_banned |= np.isin(pack_pairs(seeds, rows), self.never_pairs)
        return ~is_banned

    def weights_of(self, rows: Rows) -> NDArray[np.float32]:
        """Return what multiplies the scores of rows of any shape, 1 of most."""
        weights = np.ones(rows.shape, np.float32)
        if len(self.preferred):
            position = np.searchsorted(self.preferred, rows)
            position = np.minimum(position, len(self.preferred) - 1)
            is_preferred = self.preferred[position] == rows
            weights[is_preferred] = self.weights[position[is_preferred]]
        return weights

    def rules(self) -> list[Rule]:
        """Return the rules that lists follow before anything is pinned."""
        rules: list[Rule] = []
        if len(self.nowhere) or len(self.never_pairs):
            rules.append(EditorsNever(self))
        if len(self.preferred):
            rules.append(EditorsPrefer(self))
        return rules


@dataclass(frozen=True)
class EditorsNever(SelectiveRule):
    """Lists hold nothing that the editors do not want there."""

    choices: EditorsChoices

    def allowed(self, candidates: Candidates, seeds: RowAttributes) -> Mask:
        """Allow what no seed and no editor excludes."""
        rows = candidates.attributes.rows
        allowed = ~np.isin(rows, self.choices.nowhere)
        for seed_rows in seeds.rows.T:
            allowed &= self.choices.may_stand(seed_rows[:, None], rows)
        return allowed

    def needs_place(self, attributes: RowAttributes) -> Mask:
        """Leave out what is never recommended."""
        return ~np.isin(attributes.rows, self.choices.nowhere)


@dataclass(frozen=True)
class EditorsPrefer(Rule):
    """A score counts more where the editors prefer the article."""

    choices: EditorsChoices
    weights_articles = True

    def ranked(self, candidates: Candidates, seeds: RowAttributes) -> Candidates:
        """Rank by scores of which those of the preferred are weighted."""
        return candidates.weighted(self.choices.weights_of(candidates.attributes.rows))


def find_choices(
    entries: Iterable[EditorsEntry],
    kind: Kind,
    find_row: FindRow,
) -> tuple[EditorsChoices, list[str]]:
    """Return what is wanted of one kind, and a sentence for each entry whose id nobody has."""
    followed = []
    unknown = []
    for entry in entries:
        if entry.kind != kind:
            continue
        named = [entry.id] if entry.under is None else [entry.id, entry.under]
        rows = {name: find_row(name) for name in named}
        for name in named:
            if rows[name] is None:
                unknown.append(f"{entry.where}: there is no {kind} '{name}', so nothing is done")
        found = [row for row in rows.values() if row is not None]
        if len(found) == len(named):
            followed.append((entry, found[0], found[-1]))
    return _choices_of(followed), unknown


def _choices_of(followed: Iterable[tuple[EditorsEntry, int, int]]) -> EditorsChoices:
    """Return entries as choices, each with its row and the row that it is under."""
    pins = []
    nowhere = []
    never = []
    weight_of: dict[int, float] = {}
    for entry, row, under in followed:
        if entry.rule == "pin":
            pins.append(Pin(under, row, entry.place))
        elif entry.rule == "prefer":
            weight_of[row] = entry.weight
        elif entry.is_nowhere:
            nowhere.append(row)
        else:
            never.append((under, row))
    preferred = np.array(sorted(weight_of), np.int64)
    return EditorsChoices(
        tuple(pins),
        np.array(sorted(nowhere), np.int64),
        np.sort(_packed_pairs(never)),
        preferred,
        np.array([weight_of[row] for row in preferred.tolist()], np.float32),
    )


def pack_pairs(seeds: Rows, rows: Rows) -> Rows:
    """Return one number for each pair of a seed and a row; both of one shape."""
    packed: Rows = (np.asarray(seeds, np.int64) << ROW_BITS) + np.asarray(rows, np.int64)
    return packed


def _packed_pairs(pairs: list[tuple[int, int]]) -> Rows:
    seeds, rows = np.array(pairs, np.int64).reshape(-1, 2).T
    return pack_pairs(seeds, rows)
