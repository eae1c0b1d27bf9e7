"""What some lists would be without rules, kept so that the report can say what the rules do."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from simrec.arrays import Rows, write_npz
from simrec.recommend.candidates import AttributeTable, Candidates
from simrec.recommend.rerank import RankedCandidates
from simrec.recommend.rules.near_duplicates import CollapseDuplicates

COMPARED_LISTS = 1_000
PLACES = 10
CANDIDATES = 100  # of which copies are left out


def rows_to_compare(text_keys: Iterable[bytes]) -> Rows:
    """Return the rows of the lowest keys, ascending: a random sample, much the same every night."""
    keys = np.array([int.from_bytes(key[:8]) for key in text_keys], np.uint64)
    lowest = np.argsort(keys, kind="stable")[:COMPARED_LISTS]
    return np.sort(lowest)


def write_without_rules(
    path: Path,
    rows: Rows,
    candidates: RankedCandidates,
    table: AttributeTable,
) -> None:
    """Write the first PLACES of the candidates of rows, by score alone.

    Near-duplicates are left out, as in any list: copies of an article would be its best candidates.
    """
    nearest, scores = candidates.take(rows, CANDIDATES)
    attributes = table.all()
    ranked = Candidates.of(nearest, scores, attributes.at(nearest))
    allowed = CollapseDuplicates().allowed(ranked, attributes.at(rows[:, None]))
    listed = ranked.only(allowed).first(PLACES)
    write_npz(path, rows=rows, similar=listed.rows, scores=listed.scores)
