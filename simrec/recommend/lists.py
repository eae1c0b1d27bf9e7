"""The lists: whom every article recommends, after all rules."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from simrec import arrays
from simrec.arrays import open_npy, write_npy
from simrec.config import RulesConfig
from simrec.index import packing
from simrec.index.index_facts import IndexFacts
from simrec.index.knn_search import PART
from simrec.index.vector_index import Index
from simrec.index.vectors import unit_rows
from simrec.recommend.exposure import RankedLists, cap_exposure, place_orphans
from simrec.recommend.hybrid import MEND, RankedCandidates, Scoring, packed_of
from simrec.recommend.rules import NO_GROUP, Candidates, RowAttributes, apply_rules, decayed, mmr
from simrec.tasks.stages import Stages

BLOCK = 2_048
SPARE_LISTS = 2  # times as many candidates as places are kept for fair shares
DEEPER = 10  # times the candidates are looked at where near-duplicates took their places
COLUMNS = "rows", "scores", "places"


class Ruling(NamedTuple):
    """What lists are made by: scores, the facts of the index, and the rules."""

    scoring: Scoring
    facts: IndexFacts
    rules: RulesConfig


class Listing(NamedTuple):
    """A part of the rescored candidates, from row `start` on, and what the rules know of all rows.

    Lists have `most` places; `depth` candidates are kept for each.
    """

    path: Path
    candidates: Path
    start: int
    kinds: Path
    ruling: Ruling
    most: int
    depth: int

    def __str__(self) -> str:
        return str(self.path)


def rank_lists(
    candidates: RankedCandidates, kinds: RowAttributes, ruling: Ruling, most: int, stages: Stages
) -> RankedLists:
    """Return the lists of all rows, with so many places each."""
    noted, rules = stages.folder / "kinds", ruling.rules
    save_kinds(kinds, noted)
    depth = SPARE_LISTS * most if rules.max_exposure else most
    tasks = [
        Listing(stages.part("lists", n, ".npz"), part, n * PART, noted, ruling, most, depth)
        for n, part in enumerate(candidates.parts)
    ]
    stages.run("lists", list_part, tasks, len(kinds.stories))
    listed = RankedLists(
        *map(
            np.concatenate,
            zip(*(arrays.read_npz(task.path, MEND, *COLUMNS) for task in tasks), strict=True),
        )
    )
    if not rules.max_exposure:
        return listed
    columns = cap_exposure(
        listed.rows, decayed(listed.scores, kinds.freshness[listed.rows]), most, rules.max_exposure
    )
    taken = (
        np.take_along_axis(column, np.maximum(columns, 0), axis=1)
        for column in vars(listed).values()
    )
    listed = RankedLists(*taken)
    listed.rows[columns < 0] = -1
    place_orphans(listed, candidates, kinds, rules)
    return listed


def list_part(task: Listing) -> int:
    """Write the lists of a part of the rows, by all rules but fair shares."""
    packed = packed_of(task.candidates)
    if not task.path.exists():
        found = _Part(task, packed).lists()
        rows, places = found.rows.astype(np.int32), found.places.astype(np.uint16)
        arrays.write_npz(task.path, rows=rows, scores=found.scores, places=places)
    return len(packed)


class _Part:
    """The packed candidates [b, candidates] of a task's rows."""

    def __init__(self, task: Listing, packed: np.ndarray) -> None:
        self._task, self._packed, self._rules = task, packed, task.ruling.rules
        self._own = np.arange(task.start, task.start + len(packed))
        self._kinds, self._vectors = (
            open_kinds(task.kinds),
            open_npy(task.ruling.scoring.folder.vectors),
        )

    def lists(self) -> Candidates:
        """Return the lists of all rows of the part."""
        cuts = [slice(start, start + BLOCK) for start in range(0, len(self._own), BLOCK)]
        blocks = [self._ruled(self._own[cut], self._packed[cut]) for cut in cuts]
        found = Candidates(
            *map(np.concatenate, zip(*(vars(block).values() for block in blocks), strict=True))
        )
        short = np.flatnonzero(np.concatenate([self._crowded_out(cut, found) for cut in cuts]))
        if len(short):
            more = self._ruled(self._own[short], self._deeper(self._own[short]))
            for name, column in vars(found).items():
                column[short] = vars(more)[name]
        if not self._rules.diversity:
            return found
        ordered = [
            self._diverse(Candidates(*(column[cut] for column in vars(found).values())))
            for cut in cuts
        ]
        return Candidates(
            *map(np.concatenate, zip(*(vars(block).values() for block in ordered), strict=True))
        )

    def _ruled(self, own: np.ndarray, packed: np.ndarray) -> Candidates:
        stories, accounts = self._kinds.stories[own], self._kinds.accounts[own]
        return apply_rules(self._known(packed), stories, accounts, self._task.depth, self._rules)

    def _known(self, packed: np.ndarray) -> Candidates:
        return Candidates.of(packing.rows_of(packed), packing.cosines_of(packed), self._kinds)

    def _diverse(self, found: Candidates) -> Candidates:
        vectors = unit_rows(self._vectors[np.maximum(found.rows, 0).ravel()]).reshape(
            *found.rows.shape, -1
        )
        return mmr(found, vectors, self._rules.diversity)

    def _crowded_out(self, cut: slice, found: Candidates) -> np.ndarray:
        """Tell which rows have too few left since near-duplicates were among as many candidates as were looked for."""
        packed = self._packed[cut]
        few: np.ndarray = (found.rows[cut] >= 0).sum(axis=1) < self._task.most
        if not self._rules.collapse_duplicates:
            return np.zeros(len(packed), bool)
        few[few] = (packed[few, -1] != packing.NONE) & (
            self._known(packed[few]).stories != NO_GROUP
        ).any(axis=1)
        return few

    def _deeper(self, rows: np.ndarray) -> np.ndarray:
        """Return many more packed candidates of some rows, in order of the joint score."""
        scoring, facts, _ = self._task.ruling
        index = Index.open(scoring.folder.index, facts, self._vectors)
        found = index.search(unit_rows(self._vectors[rows]), DEEPER * self._packed.shape[1])
        near, cosines = packing.rows_of(found), packing.cosines_of(found)
        near[near == rows[:, None]] = -1
        return scoring.open().ranked(rows, near, cosines)


def save_kinds(kinds: RowAttributes, folder: Path) -> None:
    """Write what the rules know of rows, for all tasks."""
    folder.mkdir(exist_ok=True)
    for name, column in vars(kinds).items():
        write_npy(folder / f"{name}.npy", [column[None]], (1, len(column)), column.dtype.str)


def open_kinds(folder: Path) -> RowAttributes:
    """Open them, mapped."""
    return RowAttributes(
        *(open_npy(folder / f"{name}.npy")[0] for name in ("stories", "accounts", "freshness"))
    )
