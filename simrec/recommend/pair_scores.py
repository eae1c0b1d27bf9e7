"""Scores of chosen pairs of articles of a release."""

from simrec.arrays import Rows, Scores, open_npy
from simrec.index.exact import exact_cosines
from simrec.index.vectors import unit_rows
from simrec.recommend.hybrid import ScorerFiles


def pair_scores(files: ScorerFiles, seeds: Rows, rows: Rows) -> Scores:
    """Return the scores of seeds [seeds] with their rows, both of shape [seeds, n]."""
    vectors = open_npy(files.release.vectors)
    cosines = exact_cosines(unit_rows(vectors[seeds]), rows, vectors)
    return files.open().scores(cosines, seeds, rows)
