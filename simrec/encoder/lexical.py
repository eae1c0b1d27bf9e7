"""Lexical vectors: which words a text is made of, beside what the encoder makes of it."""

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from simrec.encoder import arrays
from simrec.errors import ReleaseError

FEATURES = 1 << 18  # a word is a number below this (feature hashing, Weinberger et al. 2009)
TERMS = 128  # of a text are kept, those of most weight
MOST_CHARS = 20_000  # of a text that are read
_WEIGHT_BITS = 14
_LARGEST = (1 << _WEIGHT_BITS) - 1
WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+|[^\W_]{2,}")
WITHOUT_SPACES = "\u0e00"  # and above: scripts in which words are not cut by spaces; Korean has spaces
FORMAT = 1
MEND = "remove it, simrec embed makes it anew"


class Lexical:
    """TF-IDF with sublinear term frequency (Salton & Buckley 1988), its weights fixed when it was fitted.

    idf is ln(texts / texts with the word), float32 [FEATURES]: a word that all texts have weighs
    nothing, which serves for stop words of any language. `weight` is the share of the lexical cosine
    in a score.
    """

    def __init__(self, idf: np.ndarray, texts: int, weight: float) -> None:
        self._idf = idf
        self.texts = texts
        self.weight = weight

    @classmethod
    def fit(cls, texts: Iterable[str], weight: float = 0.0) -> "Lexical":
        """Count in how many of the texts each word stands."""
        counts, total = np.zeros(FEATURES, np.int64), 0
        for text in texts:
            counts[list({_feature(word) for word in words(text)})] += 1
            total += 1
        idf = np.log(max(total, 2) / np.maximum(counts, 1)).astype(np.float32)
        return cls(idf, total, weight)

    @classmethod
    def open(cls, path: Path) -> "Lexical":
        """Open a saved one; ReleaseError if it is not whole."""
        facts, idf = arrays.read(path, MEND, "facts", "idf")
        version, texts, weight = facts.tolist()
        if version != FORMAT:
            raise ReleaseError(f"{path}: word weights of format {version:.0f}, this simrec reads {FORMAT}; {MEND}")
        return cls(idf, int(texts), weight)

    def save(self, path: Path) -> None:
        """Write it as one file, whole or not at all."""
        arrays.write(path, idf=self._idf, facts=np.array([FORMAT, self.texts, self.weight]))

    def weighing(self, weight: float) -> "Lexical":
        """Return the same with another share in a score."""
        return Lexical(self._idf, self.texts, weight)

    @property
    def id(self) -> str:
        """Derive an id from all that decides what terms a text has."""
        return f"tfidf-{hashlib.sha256(f'{FORMAT} {TERMS}'.encode() + self._idf.tobytes()).hexdigest()[:12]}"

    def terms(self, texts: Sequence[str]) -> np.ndarray:
        """Return the terms of texts, uint32 [texts, TERMS]: word above, weight below; 0 where there are no more.

        The weights of a text are those of a unit vector, to four places.
        """
        found = np.zeros((len(texts), TERMS), np.uint32)
        for row, text in enumerate(texts):
            counts = Counter(_feature(word) for word in words(text))
            features = np.fromiter(counts, np.int64, len(counts))
            weights = (1 + np.log(np.fromiter(counts.values(), np.float64, len(counts)))) * self._idf[features]
            best = np.lexsort((features, -weights))[:TERMS]
            best = best[weights[best] > 0]
            weights = weights[best] / (np.linalg.norm(weights[best]) or 1)
            found[row, : len(best)] = pack(features[best], weights)
        return found


def words(text: str) -> Iterator[str]:
    """Yield the words of a text in lower case; of scripts without spaces, characters and pairs of them."""
    for run in WORD.findall(text[:MOST_CHARS].lower()):
        if run[0] >= WITHOUT_SPACES and not "\uac00" <= run[0] <= "\ud7ff":
            yield from run
            yield from map("".join, zip(run, run[1:], strict=False))
        else:
            yield run


@lru_cache(maxsize=1 << 18)
def _feature(word: str) -> int:
    return zlib.crc32(word.encode()) & (FEATURES - 1)


class Terms:
    """Compares the terms of one text with those of others."""

    def __init__(self) -> None:
        self._weights = np.zeros(FEATURES, np.float32)

    def cosines(self, own: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the cosines, float32 [others] from 0 to 1, of terms [TERMS] to those of others [others, TERMS]."""
        features, weights = unpack(own)
        self._weights[features] = weights
        features_of, weights_of = unpack(others)
        cosines: np.ndarray = np.einsum("ot,ot->o", self._weights[features_of], weights_of)
        self._weights[features] = 0
        return cosines

    def joint(self, cosines: np.ndarray, own: np.ndarray, others: np.ndarray, weight: float) -> np.ndarray:
        """Return the joint scores, float32 [others], of pairs with the encoder's cosines [others].

        A text is the vector (sqrt(1 - weight) encoder, sqrt(weight) words); its cosine to another is the
        weighted mean of both cosines. One without words is asked about by meaning alone.
        """
        if not own.any():
            return cosines
        scores: np.ndarray = (1 - weight) * cosines + weight * self.cosines(own, others)
        return scores


def pack(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return terms, uint32, of features and the weights of a unit vector; a weight is never rounded to nothing."""
    rounded = np.maximum(1, np.rint(weights * _LARGEST)).astype(np.uint32)
    packed: np.ndarray = (features.astype(np.uint32) << np.uint32(_WEIGHT_BITS)) | rounded
    return packed


def unpack(terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return features and weights [..., TERMS], these again of length one: four places have moved them off it."""
    weights = (terms & np.uint32(_LARGEST)).astype(np.float32)
    lengths = np.sqrt(np.einsum("...t,...t->...", weights, weights))[..., None]
    return terms >> np.uint32(_WEIGHT_BITS), weights / np.maximum(lengths, 1)
