"""What changed since the release before, so that a site applies only that."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow
from pyarrow import parquet

from simrec.recommend.tables.parquet import CODED, coded, write_table

KINDS = pyarrow.array(["added", "removed", "changed"])
ADDED, REMOVED, CHANGED = range(3)


def write_changes(old: Path, new: Path, what: str, beyond: float, path: Path) -> int:
    """Write how the Parquet table `new` of (what, rank, similar, score) differs from `old`; return in how many rows.

    Columns are what, similar, change, rank, score: added; removed, rank and score then being those of
    before; or changed, being of another rank, or of a score that differs by more than `beyond`. In
    order of what, change and rank.
    """
    before, now = _read(old, what), _read(new, what)
    names = pyarrow.array(sorted({*before.names, *now.names}), pyarrow.string())
    place_of = {name: place for place, name in enumerate(names.to_pylist())}
    old_pairs, new_pairs = before.pairs(place_of), now.pairs(place_of)
    there = _places(new_pairs, old_pairs)
    same = np.flatnonzero(there >= 0)
    differ = before.ranks[there[same]] != now.ranks[same]
    differ |= np.abs(before.scores[there[same]] - now.scores[same]) > beyond
    gone = np.setdiff1d(np.arange(len(old_pairs)), there[same], assume_unique=True)
    added, changed = np.flatnonzero(there < 0), same[differ]
    pairs = np.concatenate([new_pairs[added], old_pairs[gone], new_pairs[changed]])
    kinds = np.repeat([ADDED, REMOVED, CHANGED], [len(added), len(gone), len(changed)])
    ranks = np.concatenate([now.ranks[added], before.ranks[gone], now.ranks[changed]])
    scores = np.concatenate([now.scores[added], before.scores[gone], now.scores[changed]])
    order = (
        np.lexsort((ranks, kinds, pairs // len(place_of))) if len(pairs) else np.empty(0, np.int64)
    )
    one, other = np.divmod(pairs[order], max(1, len(place_of)))
    columns = [coded(one, names), coded(other, names), coded(kinds[order], KINDS)]
    columns += [pyarrow.array(ranks[order]), pyarrow.array(scores[order])]
    fields = [(what, CODED), ("similar", CODED), ("change", CODED)]
    schema = pyarrow.schema([*fields, ("rank", pyarrow.int32()), ("score", pyarrow.float32())])
    write_table(path, schema, iter([columns]))
    return len(order)


class _Read(NamedTuple):
    """A table: names, places in them of both sides of every pair, and the other columns."""

    names: list[str]
    sides: tuple[np.ndarray, np.ndarray]
    ranks: np.ndarray
    scores: np.ndarray

    def pairs(self, place_of: dict[str, int]) -> np.ndarray:
        """Return every pair as one number."""
        places = np.array([place_of[name] for name in self.names], np.int64)
        one, other = (places[side] for side in self.sides) if len(places) else self.sides
        pairs: np.ndarray = one * len(place_of) + other
        return pairs


def _read(path: Path, what: str) -> _Read:
    table = parquet.read_table(path, columns=[what, "rank", "similar", "score"])
    names: dict[str, int] = {}
    sides = []
    for side in (what, "similar"):
        chunks = [np.empty(0, np.int64)]
        for chunk in table[side].chunks:
            places = [names.setdefault(name, len(names)) for name in chunk.dictionary.to_pylist()]
            chunks.append(np.array(places, np.int64)[chunk.indices.to_numpy()])
        sides.append(np.concatenate(chunks))
    return _Read(
        [*names], (sides[0], sides[1]), table["rank"].to_numpy(), table["score"].to_numpy()
    )


def _places(wanted: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return where each number stands among others, which differ, -1 if it does not."""
    if not len(among):
        return np.full(len(wanted), -1)
    order = np.argsort(among, kind="stable")
    found = order[np.minimum(np.searchsorted(among, wanted, sorter=order), len(among) - 1)]
    places: np.ndarray = np.where(among[found] == wanted, found, -1)
    return places
