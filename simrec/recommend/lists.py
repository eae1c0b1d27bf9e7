"""The lists of a release: what every article recommends, by all rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simrec.arrays import Mask, Rows, open_npy, row_blocks
from simrec.index.index_facts import IndexFacts
from simrec.index.neighbours import Neighbours
from simrec.index.vector_index import VectorIndex
from simrec.index.vectors import unit_rows
from simrec.recommend.candidates import AttributeTable, Candidates, RowAttributes
from simrec.recommend.dedup import with_originals
from simrec.recommend.exposure import RankedLists, cap_exposure, place_orphans
from simrec.recommend.hybrid import ScorerFiles
from simrec.recommend.rerank import RankedCandidates
from simrec.recommend.rules.rule import Rule, apply_rules
from simrec.tasks.rows import map_rows
from simrec.tasks.stages import Stages

BLOCK_ROWS = 2_048
# Times the places of a list are ranked, so that the cap on exposure has a choice. Where a rule
# weights articles alike in all lists, 2 left one of 3,000 news in 142 lists, 5 in 40.
SPARE_LISTS = 2
SPARE_LISTS_WEIGHTED = 5
DEEPER = 10  # times the candidates are searched where near-duplicates used them up


@dataclass(frozen=True)
class ListSettings:
    """What the lists of a release are made by: places of each, rules, and the cap on exposure."""

    files: ScorerFiles
    facts: IndexFacts
    rules: Sequence[Rule]
    places: int
    max_exposure: float

    @property
    def ranked_places(self) -> int:
        """Return how many places are ranked, from which the cap on exposure then chooses."""
        if not self.max_exposure:
            return self.places
        are_weighted = any(rule.weights_articles for rule in self.rules)
        return self.places * (SPARE_LISTS_WEIGHTED if are_weighted else SPARE_LISTS)


def rank_lists(
    candidates: RankedCandidates,
    table: AttributeTable,
    settings: ListSettings,
    stages: Stages,
) -> RankedLists:
    """Return the lists of all rows; the table has the attributes of all."""
    columns = table.as_matrix()
    fields = list(table.groups)
    rows = columns.shape[1]
    parts = map_rows(stages, "lists", list_rows, rows, columns, fields, candidates, settings)
    lists = RankedLists(*(parts.read(name) for name in RankedLists._fields))
    if settings.max_exposure:
        columns = cap_exposure(lists.rows, lists.values, settings.places, settings.max_exposure)
        lists = lists.take(columns)
        place_orphans(lists, candidates.take, table.all(), settings.rules)
    return lists


def list_rows(
    rows: slice,
    columns: Rows,
    fields: list[str],
    candidates: RankedCandidates,
    settings: ListSettings,
) -> dict[str, NDArray[Any]]:
    """Return the lists of rows by all rules but the cap on exposure, as arrays of RankedLists.

    columns are the attributes of all rows as a matrix, with the groups of some fields.
    """
    table = AttributeTable.from_matrix(columns, fields)
    lister = _Lister(table.all(), candidates, settings)
    lists = RankedLists.empty(rows.stop - rows.start, settings.ranked_places)
    for block in row_blocks(rows.stop, BLOCK_ROWS, rows.start):
        lister.fill(lists, block, rows.start)
    return lists._asdict()


class _Lister:
    """Makes the lists of a range of rows."""

    def __init__(
        self,
        attributes: RowAttributes,
        candidates: RankedCandidates,
        settings: ListSettings,
    ) -> None:
        self._attributes = attributes
        self._candidates = candidates
        self._settings = settings
        self._vectors = open_npy(settings.files.release.vectors)

    def fill(
        self,
        lists: RankedLists,
        block: slice,
        first_row: int,
    ) -> None:
        """Fill in the lists of a block of rows; the list of first_row comes first."""
        seeds = np.arange(block.start, block.stop)
        found = self._candidates.between(block.start, block.stop)
        candidates = self._with_attributes(found)
        listed = self._listed(seeds, self._with_originals(seeds, found))
        lists.replace(seeds - first_row, listed)
        short = seeds[self._short_of_candidates(seeds, listed, candidates)]
        if len(short):
            deeper = self._search_deeper(short, DEEPER * candidates.rows.shape[1])
            listed = self._listed(short, self._with_originals(short, deeper))
            lists.replace(short - first_row, listed)

    def _with_attributes(self, neighbours: Neighbours) -> Candidates:
        rows, scores = neighbours
        return Candidates.of(rows, scores, self._attributes.at(rows))

    def _with_originals(self, seeds: Rows, found: Neighbours) -> Candidates:
        """Return candidates with the original instead of the first of its copies among them.

        So many copies may come first that the original is no candidate.
        """
        rows = with_originals(found.rows, seeds, self._attributes.table.duplicate_groups)
        is_other = rows != found.rows
        if not is_other.any():
            return self._with_attributes(found)
        scores = found.scores.copy()
        some = np.flatnonzero(is_other.any(axis=1))
        replaced = np.where(is_other[some], rows[some], -1)
        anew = self._settings.files.open().scores(seeds[some], replaced)
        scores[some] = np.where(is_other[some], anew, scores[some])
        return self._with_attributes(Neighbours.ranked(rows, scores))

    def _listed(self, seeds: Rows, candidates: Candidates) -> Candidates:
        of_seeds = self._attributes.at(seeds[:, None])
        places = self._settings.ranked_places
        return apply_rules(self._settings.rules, candidates, of_seeds, places, self._vectors_of)

    def _vectors_of(self, rows: Rows) -> NDArray[np.float32]:
        vectors = unit_rows(self._vectors[rows.ravel()])
        return vectors.reshape(*rows.shape, -1)

    def _short_of_candidates(
        self,
        seeds: Rows,
        listed: Candidates,
        candidates: Candidates,
    ) -> Mask:
        """Tell which lists are short because a rule used up all candidates that were looked at."""
        is_short: Mask = listed.is_there.sum(axis=1) < self._settings.places
        is_short &= candidates.is_there[:, -1]  # or the release has no more candidates
        short = np.flatnonzero(is_short)
        if not len(short):
            return is_short
        of_short = candidates.of_queries(short)
        of_seeds = self._attributes.at(seeds[short][:, None])
        is_used_up = np.zeros(len(short), bool)
        for rule in self._settings.rules:
            is_used_up |= rule.removes_many(of_short, of_seeds)
        is_short[short] = is_used_up
        return is_short

    def _search_deeper(self, seeds: Rows, k: int) -> Neighbours:
        """Return k candidates of seeds from the index, in order of the hybrid score."""
        files = self._settings.files
        index = VectorIndex.open(files.release.index, self._settings.facts, self._vectors)
        rows = index.search(self._vectors_of(seeds), k).rows
        rows[rows == seeds[:, None]] = -1
        scores = files.open().scores(seeds, rows)
        return Neighbours.ranked(rows, scores)
