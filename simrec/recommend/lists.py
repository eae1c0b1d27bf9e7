"""The lists of a release: what every article recommends, by all rules."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec import arrays
from simrec.arrays import open_npy, write_npy
from simrec.index import packing
from simrec.index.index_facts import IndexFacts
from simrec.index.knn_search import PART
from simrec.index.vector_index import VectorIndex
from simrec.index.vectors import unit_rows
from simrec.recommend.candidates import Candidates, RowAttributes
from simrec.recommend.exposure import RankedLists, cap_exposure, place_orphans
from simrec.recommend.hybrid import MEND, RankedCandidates, Scoring, packed_of
from simrec.recommend.rules import Rule, apply_rules
from simrec.tasks.stages import Stages

BLOCK = 2_048
SPARE_LISTS = 2  # times the places of a list are ranked, so that the cap on exposure has a choice
DEEPER = 10  # times the candidates are looked at where near-duplicates took their places
COLUMNS = "rows", "scores", "values", "score_ranks"


class Ruling(NamedTuple):
    """What lists are made by: scores, the facts of the index, the rules, and the cap on exposure."""

    scoring: Scoring
    facts: IndexFacts
    rules: Sequence[Rule]
    max_exposure: float


class Listing(NamedTuple):
    """A part of the rescored candidates, from row `start` on, and what the rules know of all rows.

    Lists have `most` places; `depth` candidates are kept for each.
    """

    path: Path
    candidates: Path
    start: int
    attributes: Path
    ruling: Ruling
    most: int
    depth: int

    def __str__(self) -> str:
        return str(self.path)


def rank_lists(
    candidates: RankedCandidates,
    attributes: RowAttributes,
    ruling: Ruling,
    most: int,
    stages: Stages,
) -> RankedLists:
    """Return the lists of all rows, with so many places each."""
    attributes_path = stages.folder / "attributes.npy"
    save_attributes(attributes, attributes_path)
    depth = SPARE_LISTS * most if ruling.max_exposure else most
    tasks = [
        Listing(
            stages.part("lists", n, ".npz"), part, n * PART, attributes_path, ruling, most, depth
        )
        for n, part in enumerate(candidates.parts)
    ]
    stages.run("lists", list_part, tasks, len(attributes.accounts))
    parts = [arrays.read_npz(task.path, MEND, *COLUMNS) for task in tasks]
    lists = RankedLists(*map(np.concatenate, zip(*parts, strict=True)))
    if not ruling.max_exposure:
        return lists
    lists = lists.take(cap_exposure(lists.rows, lists.values, most, ruling.max_exposure))
    place_orphans(lists, candidates, attributes, ruling.rules)
    return lists


def list_part(task: Listing) -> int:
    """Write the lists of a part of the rows, by all rules but the cap on exposure."""
    packed = packed_of(task.candidates)
    if not task.path.exists():
        lists = _Part(task, packed).lists()
        arrays.write_npz(task.path, **vars(lists))
    return len(packed)


class _Part:
    """The packed candidates [b, candidates] of a task's rows."""

    def __init__(self, task: Listing, packed: NDArray[np.uint64]) -> None:
        self._task = task
        self._packed = packed
        self._attributes = open_attributes(task.attributes)
        self._vectors = open_npy(task.ruling.scoring.folder.vectors)

    def lists(self) -> RankedLists:
        """Return the lists of all rows of the part."""
        blocks = [self._block(start) for start in range(0, len(self._packed), BLOCK)]
        columns = (np.concatenate([getattr(b, name) for b in blocks]) for name in COLUMNS)
        return RankedLists(*columns)

    def _block(self, start: int) -> RankedLists:
        packed = self._packed[start : start + BLOCK]
        seeds = np.arange(start, start + len(packed)) + self._task.start
        candidates = self._candidates(packed)
        listed = self._ruled(seeds, candidates)
        lists = RankedLists(
            listed.rows.astype(np.int32),
            listed.scores,
            listed.values,
            listed.score_ranks.astype(np.uint16),
        )
        short = np.flatnonzero(self._is_short(packed, candidates, listed))
        if len(short):
            deeper = self._ruled(seeds[short], self._candidates(self._deeper(seeds[short])))
            lists.rows[short] = deeper.rows
            lists.scores[short] = deeper.scores
            lists.values[short] = deeper.values
            lists.score_ranks[short] = deeper.score_ranks
        return lists

    def _candidates(self, packed: NDArray[np.uint64]) -> Candidates:
        rows = packing.rows_of(packed)
        return Candidates.of(rows, packing.cosines_of(packed), self._attributes.at(rows))

    def _ruled(self, seeds: NDArray[np.int64], candidates: Candidates) -> Candidates:
        rules = self._task.ruling.rules
        seed_attributes = self._attributes.at(seeds[:, None])
        return apply_rules(rules, candidates, seed_attributes, self._task.depth, self._vectors_of)

    def _vectors_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return unit_rows(self._vectors[rows.ravel()]).reshape(*rows.shape, -1)

    def _is_short(
        self, packed: NDArray[np.uint64], candidates: Candidates, listed: Candidates
    ) -> NDArray[np.bool_]:
        """Tell which lists are short although a deeper search would find more candidates."""
        is_short = listed.is_there.sum(axis=1) < self._task.most
        searches_deeper = np.zeros(len(packed), bool)
        for rule in self._task.ruling.rules:
            searches_deeper |= rule.removes_many(candidates)
        searches_deeper &= is_short & (packed[:, -1] != packing.NONE)
        return searches_deeper

    def _deeper(self, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return many more packed candidates of some rows, in order of the joint score."""
        scoring = self._task.ruling.scoring
        index = VectorIndex.open(scoring.folder.index, self._task.ruling.facts, self._vectors)
        found = index.search(unit_rows(self._vectors[rows]), DEEPER * self._packed.shape[1])
        near = np.where(found.rows == rows[:, None], -1, found.rows)
        return scoring.open().ranked(rows, near, found.scores)


def save_attributes(attributes: RowAttributes, path: Path) -> None:
    """Write what the rules know of rows, for all tasks."""
    columns = [
        attributes.duplicate_groups,
        attributes.accounts,
        attributes.categories,
        attributes.days.view(np.int64),
    ]
    write_npy(path, [np.stack(columns)], (4, len(attributes.days)), "<i8")


def open_attributes(path: Path) -> RowAttributes:
    """Open them, mapped."""
    duplicate_groups, accounts, categories, days = open_npy(path)
    return RowAttributes(duplicate_groups, accounts, categories, days.view("datetime64[D]"))
