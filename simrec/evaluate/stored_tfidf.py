"""The file of the TF-IDF baseline, which is read without scikit-learn to verify it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simrec import arrays

FORMAT = 2  # in 1, whose file does not say so, combining marks cut words
ARRAYS = ("facts", "idf", "words")
HINT = "remove it, simrec evaluate makes it anew"


@dataclass(frozen=True)
class StoredTfIdf:
    """What was fitted: words, their idf [words], and the size of the corpus then.

    One that is not `is_current` was fitted on other words than texts are cut into now.
    """

    words: list[str]
    idf: NDArray[np.float64]
    without_spaces: bool
    articles: int
    is_current: bool = True

    @classmethod
    def read(cls, path: Path) -> "StoredTfIdf":
        """Read a file; ReleaseError if it is damaged."""
        facts, idf, encoded_words = arrays.read_npz(path, HINT, *ARRAYS)
        without_spaces, articles, *version = facts.tolist()
        words = json.loads(encoded_words.tobytes())
        return cls(words, idf, bool(without_spaces), articles, version == [FORMAT])

    def write(self, path: Path) -> None:
        """Write it as one file, whole or not at all."""
        encoded_words = np.frombuffer(json.dumps(self.words).encode(), np.uint8)
        facts = np.array([self.without_spaces, self.articles, FORMAT])
        arrays.write_npz(path, facts=facts, idf=self.idf, words=encoded_words)
