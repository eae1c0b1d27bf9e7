"""The joint score: the encoder's cosine and that of the words, as one cosine of two vectors side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simrec import arrays
from simrec.arrays import open_npy, write_npy
from simrec.index import packing
from simrec.index.knn_graph import KnnGraph
from simrec.index.knn_search import PART
from simrec.lexical.term_vectors import TermVectors, norms_and_counts
from simrec.release_folder import ReleaseFolder
from simrec.tasks.stages import Stages

SAME_MEANING, SAME_WORDS = 0.95, 0.9  # cosines from which two articles are one story told twice
SAME_MEANING_ALONE = 0.99  # where words have no share
BLOCK = 2_048  # rows that are scored at once: after them the pages of mapped terms are let go
MEND = "remove the folder it is in"


class HybridScorer:
    """Scores pairs of articles: by meaning, and by words with a share of `weight`.

    terms are those of all rows, uint32 [rows, TERMS], None where words have no share; known are their sizes.
    """

    def __init__(
        self, terms: np.ndarray | None, weight: float, known: np.ndarray | None = None
    ) -> None:
        self.weight = weight if terms is not None else 0.0
        self.stored = terms
        self.terms = None if terms is None else TermVectors(terms, known)

    def scores(self, owns: np.ndarray, rows: np.ndarray, cosines: np.ndarray) -> np.ndarray:
        """Return the scores, float32 [seeds, n], of seeds [seeds] and rows with the encoder's cosines [seeds, n]."""
        if self.terms is None or self.stored is None:
            return cosines
        return self.terms.hybrid_scores(cosines, self.stored[owns], rows, self.weight)

    def ranked(self, owns: np.ndarray, rows: np.ndarray, cosines: np.ndarray) -> np.ndarray:
        """Return packed candidates of seeds [seeds, n] in order of the joint score."""
        packed = packing.pack(self.scores(owns, rows, cosines), rows)
        packed.sort(axis=1)
        return packed

    def duplicates(self, cosines: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Tell which pairs are one story told twice, from the encoder's cosines and the joint scores."""
        if not self.weight:
            return cosines >= SAME_MEANING_ALONE
        words = (scores - (1 - self.weight) * cosines) / self.weight
        found: np.ndarray = (cosines >= SAME_MEANING) & (words >= SAME_WORDS)
        return found


class Scoring(NamedTuple):
    """What scores pairs of a release: its folder, the sizes of its terms, and the share of words in a score."""

    folder: ReleaseFolder
    sizes: Path
    weight: float

    @classmethod
    def of(cls, folder: ReleaseFolder, weight: float, stages: Stages) -> "Scoring":
        """Measure the terms of a folder, where words have a share."""
        made = cls(folder, stages.folder / "sizes.npy", weight)
        if weight and not made.sizes.exists():
            stored = open_npy(folder.terms)
            write_npy(made.sizes, norms_and_counts(stored), (len(stored), 2), "<f4")
        return made

    def open(self) -> HybridScorer:
        """Open what is stored, mapped."""
        return (
            HybridScorer(open_npy(self.folder.terms), self.weight, open_npy(self.sizes))
            if self.weight
            else HybridScorer(None, 0)
        )


class Rescoring(NamedTuple):
    """The rows from start to stop, whose first candidates are to be scored jointly."""

    path: Path
    scoring: Scoring
    candidates: int
    start: int
    stop: int

    def __str__(self) -> str:
        return str(self.path)


class RankedCandidates:
    """The candidates of all rows in order of the joint score, part by part."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self.parts = parts

    def pairs(self) -> np.ndarray:
        """Return the rows that are near-duplicates of each other, int64 [pairs, 2]."""
        return np.concatenate([arrays.read_npz(part, MEND, "pairs")[0] for part in self.parts])

    def of(self, rows: np.ndarray, most: int) -> np.ndarray:
        """Return the first packed candidates of some rows, ascending, [rows, most]."""
        edges = np.searchsorted(rows, np.arange(1, len(self.parts)) * PART)
        found = [
            packed_of(part)[some % PART, :most]
            for part, some in zip(self.parts, np.split(rows, edges), strict=True)
            if len(some)
        ]
        return np.concatenate(
            [np.empty((0, found[0].shape[1] if found else most), np.uint64), *found]
        )


def rerank(scoring: Scoring, candidates: int, stages: Stages) -> RankedCandidates:
    """Score the candidates of all rows of a graph."""
    rows = len(KnnGraph.open(scoring.folder.graph).packed)
    tasks = [
        Rescoring(
            stages.part("rescore", n, ".npz"), scoring, candidates, start, min(start + PART, rows)
        )
        for n, start in enumerate(range(0, rows, PART))
    ]
    stages.run("rescore", rescore, tasks, rows)
    return RankedCandidates([task.path for task in tasks])


def rescore(task: Rescoring) -> int:
    """Write the candidates of some rows in order of the joint score, and which pairs are near-duplicates."""
    if not task.path.exists():
        graph = KnnGraph.open(task.scoring.folder.graph)
        best, pairs = [], [np.empty((0, 2), np.int64)]
        for start in range(task.start, task.stop, BLOCK):
            joint, own = task.scoring.open(), np.arange(start, min(start + BLOCK, task.stop))
            packed = np.asarray(graph.packed[own[0] : own[-1] + 1, : task.candidates])
            rows, cosines = packing.rows_of(packed), packing.cosines_of(packed)
            scores = joint.scores(own, rows, cosines)
            seed, place = np.nonzero(joint.duplicates(cosines, scores) & (rows >= 0))
            pairs.append(np.column_stack([own[seed], rows[seed, place]]))
            packed = packing.pack(scores, rows)
            packed.sort(axis=1)
            best.append(packed)
        arrays.write_npz(task.path, packed=np.concatenate(best), pairs=np.concatenate(pairs))
    return task.stop - task.start


def packed_of(part: Path) -> np.ndarray:
    """Return the packed candidates [b, candidates] of one part."""
    return arrays.read_npz(part, MEND, "packed")[0]
