"""Reasons: the words that two articles share and few others have."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simrec.arrays import open_npy, write_npy
from simrec.index.knn_search import PART
from simrec.lexical.vocabulary import TermVocabulary
from simrec.recommend.hybrid import Scoring
from simrec.tasks.stages import Stages

WORDS = 3  # of a pair are shown
BLOCK = 512


class Sharing(NamedTuple):
    """The lists of the rows from start to stop, in a file of all lists, whose shared words are looked for."""

    path: Path
    listed: Path
    scoring: Scoring
    start: int
    stop: int

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class SharedWords:
    """The words of every place of the lists of `places` each, heaviest first.

    known are the numbers of all words that are shared, ascending, named the place of each in `words`, from 1,
    0 of one that nobody knows; parts are files of numbers [PART, places * WORDS], none where words have no share.
    """

    words: list[str]
    known: np.ndarray
    named: np.ndarray
    places: int
    parts: list[Path]

    def of(self, start: int, stop: int) -> np.ndarray:
        """Return places of `words`, int32 [stop - start, places, WORDS] from 1, for some rows; 0 where no more are."""
        found = np.zeros((stop - start, self.places, WORDS), np.int32)
        if self.parts:
            numbers = _numbers(self.parts, start, stop).reshape(found.shape)
            found[numbers > 0] = self.named[np.searchsorted(self.known, numbers[numbers > 0])]
        return found


def find_shared_words(
    scoring: Scoring, listed: np.ndarray, vocabulary: TermVocabulary, texts: Callable[[list[int]], Iterator[str]],
    stages: Stages,
) -> SharedWords:  # fmt: skip
    """Return the shared words of all pairs (row, one of its list), listed being int32 [rows, most], -1 for nobody.

    A word that the vocabulary does not know yet is learned from the texts of rows that share it.
    """
    if not scoring.weight:
        return SharedWords([], np.empty(0, np.uint32), np.empty(0, np.int32), listed.shape[1], [])
    noted = stages.folder / "listed.npy"
    write_npy(noted, [listed], listed.shape, "<i4")
    tasks = [
        Sharing(stages.part("reasons", n), noted, scoring, start, min(start + PART, len(listed)))
        for n, start in enumerate(range(0, len(listed), PART))
    ]
    stages.run("reasons", share, tasks, len(listed))
    parts = [task.path for task in tasks]
    known = np.unique(np.concatenate([np.unique(open_npy(part)) for part in parts]))
    known = known[known > 0]
    _learn(vocabulary, parts, {one for one in known.tolist() if one not in vocabulary}, texts)
    names = [vocabulary.get(one) for one in known.tolist()]
    is_named = np.array([name != "" for name in names], bool)
    named = np.where(is_named, is_named.cumsum(), 0).astype(np.int32)
    return SharedWords([name for name in names if name], known, named, listed.shape[1], parts)


def share(task: Sharing) -> int:
    """Write the numbers of the words that are shared, uint32 [rows, places * WORDS], heaviest first, 0 for none."""
    if not task.path.exists():
        listed = open_npy(task.listed)[task.start : task.stop]
        numbers = np.zeros((*listed.shape, WORDS), np.uint32)
        for start in range(0, len(listed), BLOCK):
            joint, rows = task.scoring.open(), listed[start : start + BLOCK]
            if joint.terms is not None and joint.stored is not None:
                own = joint.stored[task.start + start : task.start + start + len(rows)]
                numbers[start : start + BLOCK] = joint.terms.top_shared_terms(
                    own, np.maximum(rows, 0), WORDS
                )
        numbers[listed < 0] = 0
        flat = numbers.reshape(len(listed), -1)
        write_npy(task.path, [flat], flat.shape, "<u4")
    return task.stop - task.start


def _numbers(parts: list[Path], start: int, stop: int) -> np.ndarray:
    """Return the numbers of some rows, which may lie in several parts."""
    found = []
    for part in range(start // PART, (stop - 1) // PART + 1):
        first = part * PART
        found.append(open_npy(parts[part])[max(0, start - first) : stop - first])
    return np.concatenate(found)


def _learn(
    vocabulary: TermVocabulary,
    parts: list[Path],
    unknown: set[int],
    texts: Callable[[list[int]], Iterator[str]],
) -> None:
    """Read texts that have unknown words until all are known."""
    for number, part in enumerate(parts):
        if not unknown:
            return
        wanted = np.isin(open_npy(part), np.array(sorted(unknown), np.uint32)).any(axis=1)
        for text in texts((np.flatnonzero(wanted) + number * PART).tolist()):
            vocabulary.learn(text, unknown)
            if not unknown:
                return
