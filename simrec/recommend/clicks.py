"""Clicks: articles that were read together, as a part of the score."""

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from simrec import files
from simrec.arrays import Rows, Scores, open_npy, write_npy
from simrec.files import JsonObject
from simrec.recommend.click_file import ROW_BITS, ClickFacts, ClickPairs
from simrec.release_folder import ReleaseFolder

# Counts at which a pair has half its strength (Pantel & Lin 2002): few clicks are chance.
SHRINKAGE = 5
PARTNERS = 50  # of an article, the strongest, are candidates


@dataclass(frozen=True)
class Clicks:
    """How strongly pairs of rows were read together, and the share of that in a score.

    pairs are both rows of each pair in one number, either way round, ascending; strengths [pairs]
    are 0 to 1.
    """

    pairs: NDArray[np.uint64]
    strengths: Scores
    share: float

    @classmethod
    def of(cls, counted: ClickPairs, share: float) -> "Clicks":
        """Return the clicks of counted pairs; those that are as frequent as by chance have none."""
        strengths = pair_strengths(counted)
        is_strong = strengths > 0
        left = counted.left[is_strong].astype(np.uint64)
        right = counted.right[is_strong].astype(np.uint64)
        shift = np.uint64(ROW_BITS)
        pairs = np.concatenate([(left << shift) | right, (right << shift) | left])
        order = np.argsort(pairs)
        both = np.concatenate([strengths[is_strong], strengths[is_strong]])
        return cls(pairs[order], both[order], share)

    @classmethod
    def open(cls, folder: ReleaseFolder) -> "Clicks | None":
        """Map the clicks of a release; None where they have no share in its score."""
        if not folder.click_pairs.exists():
            return None
        share = read_click_facts(folder)["share"]
        return cls(open_npy(folder.click_pairs), open_npy(folder.click_strengths), share)

    def write(self, folder: ReleaseFolder) -> None:
        """Write the two arrays, if clicks have a share."""
        if self.share:
            write_npy(folder.click_strengths, [self.strengths], self.strengths.shape, "<f4")
            write_npy(folder.click_pairs, [self.pairs], self.pairs.shape, "<u8")

    def blended(self, scores: Scores, seeds: Rows, rows: Rows) -> Scores:
        """Return scores [seeds, n] of which those of pairs read together have come nearer to 1.

        An article that nobody clicked keeps its scores, whichever side it is on.
        """
        return self.lifted(scores, self.strengths_of(seeds, rows))

    def lifted(self, scores: Scores, strengths: Scores) -> Scores:
        """Return scores of pairs that were read together so strongly, of any shape."""
        lifted: Scores = scores + np.float32(self.share) * strengths * (1 - scores)
        return lifted

    def strengths_of(self, seeds: Rows, rows: Rows) -> Scores:
        """Return how strongly rows [seeds, n] were read together with seeds [seeds]."""
        if not len(self.pairs):
            return np.zeros(rows.shape, np.float32)
        asked = ((seeds[:, None] << ROW_BITS) + np.maximum(rows, 0)).astype(np.uint64)
        places = np.searchsorted(self.pairs, asked).clip(max=len(self.pairs) - 1)
        were_read = (self.pairs[places] == asked) & (rows >= 0)
        return np.where(were_read, self.strengths[places], np.float32(0))

    def partners(self, seeds: Rows) -> Rows:
        """Return the rows most strongly read together with seeds, [seeds, PARTNERS], -1 for none.

        Strongest first, ties by row.
        """
        partners = np.full((len(seeds), PARTNERS), -1)
        for line, seed in enumerate(seeds.tolist()):
            rows, strengths = self.of_row(seed)
            order = np.argsort(-strengths, kind="stable")[:PARTNERS]
            partners[line, : len(order)] = rows[order]
        return partners

    def of_row(self, row: int) -> tuple[Rows, Scores]:
        """Return the rows that one was read together with, ascending, and how strongly."""
        first = np.uint64(row << ROW_BITS)
        begin, end = np.searchsorted(self.pairs, [first, first + np.uint64(1 << ROW_BITS)])
        rows = (self.pairs[begin:end] - first).astype(np.int64)
        return rows, self.strengths[begin:end]


def pair_strengths(counted: ClickPairs) -> Scores:
    """Return how much more often pairs were read together than by chance, 0 to 1, [pairs].

    This is normalized pointwise mutual information (Bouma 2009), so that what is read with
    everything is read with nothing in particular, times count / (count + SHRINKAGE).
    """
    n_rows = int(max(counted.left.max(initial=-1), counted.right.max(initial=-1))) + 1
    totals = np.bincount(counted.left, counted.counts, minlength=n_rows)
    totals += np.bincount(counted.right, counted.counts, minlength=n_rows)
    both = np.maximum(totals.sum(), 1e-9)
    by_chance = totals[counted.left] * totals[counted.right] / both
    pmi = np.log(counted.counts / by_chance)
    npmi = pmi / -np.log(counted.counts / both)
    strengths = npmi.clip(0, 1) * counted.counts / (counted.counts + SHRINKAGE)
    rounded: Scores = strengths.round(6).astype(np.float32)
    return rounded


def write_click_facts(folder: ReleaseFolder, facts: ClickFacts, choice: JsonObject) -> None:
    """Write what is known of the file of clicks, and how the share of clicks was chosen."""
    files.write_json(folder.clicks, {**asdict(facts), **choice})


def read_click_facts(folder: ReleaseFolder) -> JsonObject:
    """Return what `write_click_facts` wrote; nothing where there are no clicks."""
    if not folder.clicks.exists():
        return {}
    facts: JsonObject = json.loads(folder.clicks.read_bytes())
    return facts
