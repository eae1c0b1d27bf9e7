"""Boilerplate: what an account repeats word for word in many of its texts tells none of them."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simrec.articles.cleaning import clean_text
from simrec.lexical.characters import WITHOUT_SPACES

VERSION = 1
RUN_WORDS = 10  # that follow one another: eight are still "President Donald Trump said on Tuesday"
RUN_CHARACTERS = 20  # instead, in scripts without spaces
MIN_TEXTS = 5  # that repeat a run
MANY_TEXTS = 10  # are enough in a small account, and half of its texts in a smaller one
MAX_TEXTS = 4_000  # of an account are counted, a sample
MAX_CHARS = 20_000  # of a text that are read
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # of polynomial hashes modulo 2^64: odd, its bits well mixed
INVERSE_FACTOR = np.uint64(pow(int(FACTOR), -1, 1 << 64))
LINE = np.uint64(0xD1B54A32D192ED03)  # a line is another block than the same words in a text
HASH = np.dtype("<u8")
SPACE, LINE_BREAK = map(ord, " \n")  # cleaned text has no others
FIRST_UNSPACED = 0x0E00
CODES = 0x110000

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]
Span = tuple[int, int]  # first character, and the one after the last


class _Tokens(NamedTuple):
    """Words, or characters of scripts without spaces: hashes, places in the text, lines."""

    hashes: Hashes
    firsts: Places
    lasts: Places
    lines: Places


class _Blocks(NamedTuple):
    """What may be repeated of a text: hashes, and the tokens that each covers, [first, last)."""

    hashes: Hashes
    firsts: Places
    lasts: Places


class Boilerplate:
    """The blocks that an account repeats, as hashes in order.

    A block is a run of RUN_WORDS words, wherever it stands: boxes of links stand inside sentences.
    A shorter line is a block by itself.
    """

    def __init__(self, hashes: Hashes) -> None:
        self.hashes = hashes

    @classmethod
    def find(cls, texts: Iterable[str], share: float) -> "Boilerplate":
        """Find the blocks that enough of an account's distinct texts have.

        That is this share of them, at least MIN_TEXTS, and at least MANY_TEXTS or half of them.
        """
        distinct = [np.unique(_blocks(_tokens(text)).hashes) for text in texts]
        n_texts = len(distinct)
        least = max(share * n_texts, min(MANY_TEXTS, n_texts / 2), MIN_TEXTS)
        if n_texts < least:
            return cls(np.empty(0, np.uint64))
        hashes, counts = np.unique(np.concatenate(distinct), return_counts=True)
        return cls(hashes[counts >= least])

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Boilerplate":
        """Return what was stored as the bytes of the hashes."""
        return cls(np.frombuffer(stored, HASH))

    def to_bytes(self) -> bytes:
        """Return the bytes of the hashes."""
        return self.hashes.astype(HASH).tobytes()

    def __bool__(self) -> bool:
        return bool(len(self.hashes))

    def spans(self, text: str) -> list[Span]:
        """Return where a text holds boilerplate, in order.

        Nothing if less than two runs would be left of it: then it is no frame around a text.
        """
        tokens = _tokens(text)
        covered = self._covered(tokens)
        if not covered.any() or len(covered) - covered.sum() < 2 * RUN_WORDS:
            return []
        edges = np.flatnonzero(np.diff(covered, prepend=False, append=False))
        firsts = tokens.firsts[edges[::2]].tolist()
        lasts = tokens.lasts[edges[1::2] - 1].tolist()
        return list(zip(firsts, lasts, strict=True))

    def without(self, text: str) -> str:
        """Return a text without its boilerplate, as it is if it has none."""
        spans = self.spans(text)
        if not spans:
            return text
        kept = []
        start = 0
        for first, last in spans:
            kept.append(text[start:first])
            start = last
        kept.append(text[start:])
        return clean_text(" ".join(kept))

    def _covered(self, tokens: _Tokens) -> NDArray[np.bool_]:
        """Return which tokens stand in a block that is boilerplate."""
        blocks = _blocks(tokens)
        repeated = np.isin(blocks.hashes, self.hashes)
        n_bounds = len(tokens.hashes) + 1
        begun = np.bincount(blocks.firsts[repeated], minlength=n_bounds)
        ended = np.bincount(blocks.lasts[repeated], minlength=n_bounds)
        return np.cumsum(begun - ended)[:-1] > 0


def _tokens(text: str) -> _Tokens:
    """Cut a text into words and, in scripts without spaces, into characters."""
    codes = np.frombuffer(text[:MAX_CHARS].encode("utf-32-le"), np.uint32)
    is_break = codes == LINE_BREAK
    is_word = ~(is_break | (codes == SPACE))
    ends_after = np.ones(len(codes) + 1, bool)  # whether a token ends before each character
    ends_after[1:-1] = ~(is_word[1:] & is_word[:-1])
    if len(codes) and codes.max() >= FIRST_UNSPACED:
        is_alone = _unspaced()[codes]
        ends_after[1:] |= is_alone
        ends_after[:-1] |= is_alone
    firsts = np.flatnonzero(is_word & ends_after[:-1])
    lasts = np.flatnonzero(is_word & ends_after[1:]) + 1
    hashes = _range_hashes(codes.astype(np.uint64), firsts, lasts)
    return _Tokens(hashes, firsts, lasts, np.cumsum(is_break)[firsts])


def _blocks(tokens: _Tokens) -> _Blocks:
    """Return the blocks that may be boilerplate: all runs of tokens, and shorter lines."""
    n_tokens = len(tokens.hashes)
    n_characters = int((tokens.lasts - tokens.firsts).sum())
    length = RUN_CHARACTERS if n_characters < 2 * n_tokens else RUN_WORDS
    runs = np.arange(max(n_tokens - length + 1, 0))
    bounds = np.flatnonzero(np.diff(tokens.lines, prepend=-1, append=-1))
    is_short = np.diff(bounds) < length
    firsts = np.concatenate([runs, bounds[:-1][is_short]])
    lasts = np.concatenate([runs + length, bounds[1:][is_short]])
    hashes = _range_hashes(tokens.hashes, firsts, lasts)
    hashes[len(runs) :] ^= LINE
    return _Blocks(hashes, firsts, lasts)


def _range_hashes(values: Hashes, firsts: Places, lasts: Places) -> Hashes:
    """Return a hash of the values of each range [first, last), at most MAX_CHARS values in all.

    It is the polynomial of the values in FACTOR (Karp & Rabin 1987), as a difference of sums from
    the beginning, mixed as by Murmur so that hashes of hashes are no longer polynomials.
    """
    powers, inverses = _powers()
    sums = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values * powers[: len(values)], out=sums[1:])
    hashes = (sums[lasts] - sums[firsts]) * inverses[firsts]
    hashes ^= hashes >> np.uint64(33)
    hashes *= FACTOR
    hashes ^= hashes >> np.uint64(29)
    return hashes


@lru_cache(maxsize=1)
def _powers() -> tuple[Hashes, Hashes]:
    """Return FACTOR to the power of 1, 2, ... and the inverse of each modulo 2^64."""
    powers = np.cumprod(np.full(MAX_CHARS, FACTOR), dtype=np.uint64)
    inverses = np.cumprod(np.full(MAX_CHARS, INVERSE_FACTOR), dtype=np.uint64)
    return powers, inverses


@lru_cache(maxsize=1)
def _unspaced() -> NDArray[np.bool_]:
    """Return which code points are characters of scripts without spaces."""
    table = np.zeros(CODES, bool)
    pattern = re.compile(f"[{WITHOUT_SPACES}]+")
    everything = "".join(chr(code) if not 0xD800 <= code < 0xE000 else " " for code in range(CODES))
    for run in pattern.finditer(everything):
        table[run.start() : run.end()] = True
    return table
