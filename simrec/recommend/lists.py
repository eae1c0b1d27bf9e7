"""The lists: whom every article recommends, after all rules."""

from collections.abc import Iterator

import numpy as np

from simrec import log
from simrec.config import RulesConfig
from simrec.index import ranked
from simrec.index.neighbours import Graph
from simrec.index.search import Index
from simrec.recommend.joint import Joint
from simrec.recommend.rules import NOBODY, Candidates, Kinds, aged, applied, diverse
from simrec.recommend.shares import Lists, fair, rescue

BLOCK = 2_048
SPARE_LISTS = 2  # times as many candidates as places are kept for fair shares
DEEPER = 10  # times the candidates are looked at where near-duplicates took their places


class Ruling:
    """Applies the rules to the candidates of all rows.

    vectors are the unit rows [rows, dim] that the index is over; candidates are in order of the joint score.
    """

    def __init__(self, candidates: Graph, kinds: Kinds, rules: RulesConfig, index: Index, vectors: np.ndarray) -> None:
        self._candidates, self._kinds, self._rules = candidates, kinds, rules
        self._index, self._vectors = index, vectors

    def lists(self, most: int, joint: Joint) -> Lists:
        """Return the lists of all rows."""
        depth = SPARE_LISTS * most if self._rules.fair_share else most
        parts = [(part.rows, part.scores, part.places) for part in self._parts(most, depth, joint)]
        rows, scores, places = (np.concatenate(column) for column in zip(*parts, strict=True))
        listed = Lists(rows.astype(np.int32), scores, places.astype(np.uint16))
        if not self._rules.fair_share:
            return listed
        values = aged(scores, self._kinds.freshness[rows])
        columns = fair(listed.rows, values, most, self._rules.fair_share)
        taken = (np.take_along_axis(column, np.maximum(columns, 0), axis=1) for column in vars(listed).values())
        listed = Lists(*taken)
        listed.rows[columns < 0] = -1
        rescue(listed, self._candidates, self._kinds, self._rules)
        return listed

    def _parts(self, most: int, depth: int, joint: Joint) -> Iterator[Candidates]:
        kinds, rules = self._kinds, self._rules
        with log.progress("recommend", len(kinds.stories)) as bar:
            for start in range(0, len(kinds.stories), BLOCK):
                packed = np.asarray(self._candidates.packed[start : start + BLOCK])
                own = np.arange(start, start + len(packed))
                found = applied(self._known(packed), kinds.stories[own], kinds.accounts[own], depth, rules)
                short = own[self._crowded_out(packed, found, most)]
                if len(short):
                    more = self._known(self._deeper(short, joint))
                    more = applied(more, kinds.stories[short], kinds.accounts[short], depth, rules)
                    for name, column in vars(found).items():
                        column[short - start] = vars(more)[name]
                if rules.diversity:
                    found = diverse(found, self._vectors[np.maximum(found.rows, 0)], rules.diversity)
                yield found
                bar.update(len(own))

    def _known(self, packed: np.ndarray) -> Candidates:
        return Candidates.of(ranked.rows_of(packed), ranked.cosines_of(packed), self._kinds)

    def _crowded_out(self, packed: np.ndarray, found: Candidates, most: int) -> np.ndarray:
        """Tell which rows have too few left since near-duplicates were among as many candidates as were looked for."""
        if not self._rules.collapse_duplicates:
            return np.zeros(len(packed), bool)
        few: np.ndarray = (found.rows >= 0).sum(axis=1) < most
        few[few] = (packed[few, -1] != ranked.NONE) & (self._known(packed[few]).stories != NOBODY).any(axis=1)
        return few

    def _deeper(self, rows: np.ndarray, joint: Joint) -> np.ndarray:
        """Return many more packed candidates of some rows, in order of the joint score."""
        found = self._index.search(self._vectors[rows], DEEPER * self._candidates.width)
        near, cosines = ranked.rows_of(found), ranked.cosines_of(found)
        near[near == rows[:, None]] = -1
        return joint.ranked(rows, near, cosines)
