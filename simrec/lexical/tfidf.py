"""TF-IDF: what each term weighs, fitted on a corpus, and texts as term vectors."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simrec import arrays
from simrec.errors import ReleaseError
from simrec.lexical.term_vectors import pack
from simrec.lexical.words import term_id, words

TERMS_PER_TEXT = 128  # those of most weight
OUTGROWN = 2  # times the texts that weights were fitted on: they are then fitted anew
IDF_BUCKETS = 1 << 18  # texts are counted by the end of a term's id
FORMAT = 3  # in 2 combining marks cut words; what has been released with it can still be read
READABLE = (2, FORMAT)
HINT = "remove it, simrec embed makes it anew"


class TfIdf:
    """TF-IDF with sublinear term frequency (Salton & Buckley 1988), fixed once it is fitted.

    idf is sqrt(ln(texts / texts with the term)), float32 [IDF_BUCKETS]: in the product of two texts
    it counts once, as in BM25. A term that all texts have weighs nothing, so that stop words of any
    language need no list. `weight` is the share of the lexical cosine in a score.
    """

    def __init__(
        self,
        idf: NDArray[np.float32],
        n_texts: int,
        weight: float,
        version: int = FORMAT,
    ) -> None:
        self._idf = idf
        self._version = version
        self.n_texts = n_texts
        self.weight = weight

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        weight: float = 0.0,
        on_text: Callable[[str], None] | None = None,
    ) -> "TfIdf":
        """Count the texts that have each term; call `on_text` with each text."""
        text_counts = np.zeros(IDF_BUCKETS, np.int64)
        n_texts = 0
        for text in texts:
            distinct_words = set(words(text))
            buckets = {term_id(word) % IDF_BUCKETS for word in distinct_words}
            text_counts[list(buckets)] += 1
            n_texts += 1
            if on_text:
                on_text(text)
        rarity = max(n_texts, 2) / np.maximum(text_counts, 1)
        idf = np.sqrt(np.log(rarity))
        return cls(idf.astype(np.float32), n_texts, weight)

    @classmethod
    def open(cls, path: Path) -> "TfIdf":
        """Open a saved one; ReleaseError if it is damaged or of a format that cannot be read."""
        facts, idf = arrays.read_npz(path, HINT, "facts", "idf")
        version, n_texts, weight = facts.tolist()
        if version not in READABLE:
            raise ReleaseError(
                f"{path}: word weights of format {version:.0f}, this simrec reads {FORMAT}; {HINT}"
            )
        return cls(idf, int(n_texts), weight, int(version))

    @staticmethod
    def is_current(path: Path) -> bool:
        """Return whether a file of this format exists; an older one has to be fitted anew."""
        if not path.exists():
            return False
        (facts,) = arrays.read_npz(path, HINT, "facts")
        return int(facts[0]) == FORMAT

    def save(self, path: Path) -> None:
        """Write one file, whole or not at all."""
        facts = np.array([self._version, self.n_texts, self.weight])
        arrays.write_npz(path, idf=self._idf, facts=facts)

    def with_weight(self, weight: float) -> "TfIdf":
        """Return the same TF-IDF with another share in a score."""
        return TfIdf(self._idf, self.n_texts, weight, self._version)

    @property
    def id(self) -> str:
        """Return an id derived from all that decides the term vector of a text."""
        settings = f"{self._version} {TERMS_PER_TEXT}".encode()
        digest = hashlib.sha256(settings + self._idf.tobytes())
        return f"tfidf-{digest.hexdigest()[:12]}"

    def is_rare(self, max_texts: int) -> NDArray[np.bool_]:
        """Tell which terms at most so many of the fitted texts had, by the end of their ids.

        A mask [IDF_BUCKETS], in which `term_id % IDF_BUCKETS` looks up a term.
        """
        least = np.sqrt(np.log(max(1.0, self.n_texts / max_texts)))
        is_rare: NDArray[np.bool_] = self._idf >= np.float32(least)
        return is_rare

    def encode(self, texts: Sequence[str]) -> NDArray[np.uint32]:
        """Return packed term vectors [texts, TERMS_PER_TEXT], heaviest first, padded with 0."""
        packed = np.zeros((len(texts), TERMS_PER_TEXT), np.uint32)
        for row, text in zip(packed, texts, strict=True):
            terms = self._terms(text)
            row[: len(terms)] = terms
        return packed

    def _terms(self, text: str) -> NDArray[np.uint32]:
        counts = Counter(map(term_id, words(text)))
        ids = np.fromiter(counts, np.int64, len(counts))
        frequencies = np.fromiter(counts.values(), np.float64, len(counts))
        weights = (1 + np.log(frequencies)) * self._idf[ids % IDF_BUCKETS]
        heaviest = np.lexsort((ids, -weights))[:TERMS_PER_TEXT]
        heaviest = heaviest[weights[heaviest] > 0]
        return pack(ids[heaviest], weights[heaviest])
