"""Lexical vectors: which words a text is made of, beside what the encoder makes of it."""

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from simrec import arrays
from simrec.errors import ReleaseError

NUMBERS = 1 << 24  # a word is a number below this (feature hashing, Weinberger et al. 2009),
FEATURES = 1 << 18  # and how many texts have it is counted by the end of its number
TERMS = 128  # of a text are kept, those of most weight
KEY_TERMS = 48  # of them are looked at for what two texts share
MOST_CHARS = 20_000  # of a text that are read
BLOCK = 65_536
_WEIGHT_BITS = 8
_LARGEST = (1 << _WEIGHT_BITS) - 1
WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+|[^\W_]{2,}")
WITHOUT_SPACES = (
    "\u0e00"  # and above: scripts in which words are not cut by spaces; Korean has spaces
)
FORMAT = 2
MEND = "remove it, simrec embed makes it anew"


class TfIdf:
    """TF-IDF with sublinear term frequency (Salton & Buckley 1988), its weights fixed when it was fitted.

    idf is the root of ln(texts / texts with the word), float32 [FEATURES]: in the product of two texts
    it then counts once, as in BM25. A word that all texts have weighs nothing, which serves for stop
    words of any language. `weight` is the share of the lexical cosine in a score.
    """

    def __init__(self, idf: np.ndarray, texts: int, weight: float) -> None:
        self._idf = idf
        self.texts = texts
        self.weight = weight

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        weight: float = 0.0,
        see: Callable[[set[str]], None] | None = None,
    ) -> "TfIdf":
        """Count in how many of the texts each word stands; `see` is given the words of each."""
        counts, total = np.zeros(FEATURES, np.int64), 0
        for text in texts:
            found = set(words(text))
            counts[list({term_id(word) & (FEATURES - 1) for word in found})] += 1
            total += 1
            if see:
                see(found)
        idf = np.sqrt(np.log(max(total, 2) / np.maximum(counts, 1))).astype(np.float32)
        return cls(idf, total, weight)

    @classmethod
    def open(cls, path: Path) -> "TfIdf":
        """Open a saved one; ReleaseError if it is not whole, or of another format."""
        facts, idf = arrays.read_npz(path, MEND, "facts", "idf")
        version, texts, weight = facts.tolist()
        if version != FORMAT:
            raise ReleaseError(
                f"{path}: word weights of format {version:.0f}, this simrec reads {FORMAT}; {MEND}"
            )
        return cls(idf, int(texts), weight)

    @staticmethod
    def is_current(path: Path) -> bool:
        """Tell whether there is a saved one of this format; one that is older has to be fitted anew."""
        return path.exists() and int(arrays.read_npz(path, MEND, "facts")[0][0]) == FORMAT

    def save(self, path: Path) -> None:
        """Write it as one file, whole or not at all."""
        arrays.write_npz(path, idf=self._idf, facts=np.array([FORMAT, self.texts, self.weight]))

    def with_weight(self, weight: float) -> "TfIdf":
        """Return the same with another share in a score."""
        return TfIdf(self._idf, self.texts, weight)

    @property
    def id(self) -> str:
        """Derive an id from all that decides what terms a text has."""
        return f"tfidf-{hashlib.sha256(f'{FORMAT} {TERMS}'.encode() + self._idf.tobytes()).hexdigest()[:12]}"

    def terms(self, texts: Sequence[str]) -> np.ndarray:
        """Return the terms of texts, uint32 [texts, TERMS], heaviest first; 0 where there are no more."""
        found = np.zeros((len(texts), TERMS), np.uint32)
        for row, text in enumerate(texts):
            counts = Counter(map(term_id, words(text)))
            numbers = np.fromiter(counts, np.int64, len(counts))
            weights = 1 + np.log(np.fromiter(counts.values(), np.float64, len(counts)))
            weights *= self._idf[numbers & (FEATURES - 1)]
            best = np.lexsort((numbers, -weights))[:TERMS]
            best = best[weights[best] > 0]
            found[row, : len(best)] = pack(numbers[best], weights[best])
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
def term_id(word: str) -> int:
    """Return the number of a word."""
    return zlib.crc32(word.encode()) & (NUMBERS - 1)


class TermVectors:
    """The terms of many texts, to be compared with those of one.

    stored are uint32 [texts, TERMS], in memory or mapped; known are their sizes, if somebody has them.
    """

    def __init__(self, stored: np.ndarray, known: np.ndarray | None = None) -> None:
        self._stored = stored
        self._sizes = np.concatenate([*sizes(stored)]) if known is None else known
        self._weights = np.zeros(NUMBERS, np.float32)

    def cosines(self, owns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the cosines, float32 [texts, n] from 0 to 1, of texts' terms [texts, TERMS] to rows [texts, n]."""
        sums, found = np.zeros(rows.shape, np.float32), self._sizes[rows]
        lengths, used = found[..., 0], found[..., 1].astype(np.int64)
        for text, (_, shares) in enumerate(self._shares(owns, rows, used.max(axis=1, initial=1))):
            shares.sum(axis=1, out=sums[text])
        sums /= lengths
        return sums

    def joint(
        self, cosines: np.ndarray, owns: np.ndarray, rows: np.ndarray, weight: float
    ) -> np.ndarray:
        """Return the joint scores, float32 [texts, n], of texts and rows with the encoder's cosines [texts, n].

        A text is the vector (sqrt(1 - weight) encoder, sqrt(weight) words); its cosine to another is the
        weighted mean of both cosines. One without words is asked about by meaning alone.
        """
        scores: np.ndarray = (1 - weight) * cosines + weight * self.cosines(owns, rows)
        wordless = np.flatnonzero(owns[:, 0] == 0)
        scores[wordless] = cosines[wordless]
        return scores

    def shared(self, owns: np.ndarray, rows: np.ndarray, most: int) -> np.ndarray:
        """Return the words that add most to those cosines, heaviest first, as numbers uint32 [texts, n, most].

        They are 0 where no more are shared, and are looked for among the KEY_TERMS heaviest of rows.
        """
        width = min(KEY_TERMS, self._stored.shape[1])
        found = (
            np.zeros((*rows.shape, width), np.uint32),
            np.zeros((*rows.shape, width), np.float32),
        )
        for text, both in enumerate(self._shares(owns, rows, np.full(len(rows), width))):
            found[0][text], found[1][text] = both
        numbers, shares = (one.reshape(-1, width) for one in found)
        heaviest, pairs = np.zeros((len(numbers), most), np.uint32), np.arange(len(numbers))
        for place in range(most):
            best = shares.argmax(axis=1)
            heaviest[:, place] = np.where(shares[pairs, best] > 0, numbers[pairs, best], 0)
            shares[pairs, best] = 0
        return heaviest.reshape(*rows.shape, most)

    def _shares(
        self, owns: np.ndarray, rows: np.ndarray, widths: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield, for each text, the words of its rows [n, width] and what each adds to their cosines' numerators."""
        own_numbers, own_weights = unpack(owns)
        own_weights /= np.maximum(_lengths(own_weights), 1)[:, None]
        table = self._weights
        for text, width in enumerate(widths.tolist()):
            table[own_numbers[text]] = own_weights[text]
            numbers, weights = unpack(self._stored[rows[text], :width])
            weights *= table.take(numbers)
            table[own_numbers[text]] = 0
            yield numbers, weights


def sizes(stored: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the length of each text's terms, at least 1, and how many it has, float32 [b, 2], block by block."""
    yield np.empty((0, 2), np.float32)
    for start in range(0, len(stored), BLOCK):
        _, weights = unpack(stored[start : start + BLOCK])
        yield np.stack(
            [np.maximum(_lengths(weights), 1), (weights > 0).sum(axis=1)], axis=1
        ).astype(np.float32)


def pack(numbers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return terms, uint32: words' numbers above, below them their weights as parts of the largest, none of them 0."""
    parts = np.maximum(1, np.rint(weights * (_LARGEST / weights.max(initial=1e-9)))).astype(
        np.uint32
    )
    packed: np.ndarray = (numbers.astype(np.uint32) << np.uint32(_WEIGHT_BITS)) | parts
    return packed


def unpack(terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of words, uint32, and their weights, float32, of vectors that are not of length one."""
    return terms >> np.uint32(_WEIGHT_BITS), (terms & np.uint32(_LARGEST)).astype(np.float32)


def _lengths(weights: np.ndarray) -> np.ndarray:
    lengths: np.ndarray = np.sqrt(np.einsum("...t,...t->...", weights, weights))
    return lengths
