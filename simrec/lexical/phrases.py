"""Phrases: words that stand side by side far more often than chance would have it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec.lexical.vocabulary import PHRASE_WORDS
from simrec.lexical.word_sample import (
    BREAK,
    CASES,
    LOWER,
    Numbers,
    WordSample,
    ascending,
    incidence,
    with_case,
)
from simrec.lexical.words import MARKED, without_spaces

Mask = NDArray[np.bool_]

MIN_NPMI = 0.5  # of two words that make a phrase: 1 if neither is without the other, 0 by chance
MIN_TEXTS = 5  # that have the phrase
MIN_SHARE_OF_RARER = 0.5  # of the occurrences of the rarer of two that overlap, are in a phrase
PASSES = 2  # two words, then up to four


class Phrase(NamedTuple):
    """Words by their numbers, and how they are written."""

    words: tuple[int, ...]
    cases: tuple[int, ...]


@dataclass(frozen=True)
class Pairs:
    """The pairs of tokens that stand side by side, each once: left, right, counts, NPMI, [pairs].

    positions are those of the left tokens, pair_of_position the pair of each.
    """

    left: Numbers
    right: Numbers
    counts: Numbers
    npmi: NDArray[np.float64]
    positions: Numbers
    pair_of_position: Numbers

    @classmethod
    def of(cls, tokens: Numbers, counts_of: Mask) -> "Pairs":
        """Count pairs, and their normalized pointwise mutual information (Bouma 2009).

        counts_of tells of which tokens pairs are counted, [numbers]; it ends with that of BREAK.
        """
        is_counted = counts_of[tokens]
        positions = np.flatnonzero(is_counted[:-1] & is_counted[1:])
        width = len(counts_of)
        numbers = tokens[positions] * width + tokens[positions + 1]
        distinct, pair_of_position, counts = np.unique(
            numbers, return_inverse=True, return_counts=True
        )
        left, right = np.divmod(distinct, width)
        frequencies = np.bincount(tokens[tokens != BREAK], minlength=width)
        total = max(2, frequencies.sum())
        by_chance = frequencies[left] * frequencies[right] / total
        # A pair that is all there is has a share of 1, whose logarithm is 0.
        npmi = np.log(counts / by_chance) / np.maximum(-np.log(counts / total), 1e-9)
        return cls(left, right, counts, npmi, positions, pair_of_position)


def find_phrases(sample: WordSample) -> tuple[list[Phrase], sparse.csc_matrix]:
    """Return the phrases of a sample, and which texts have them, 1 or 0, [texts, phrases].

    Pairs of words are joined, then pairs of what is there (word2phrase, Mikolov et al. 2013).
    """
    units = [Phrase((number,), (LOWER,)) for number in range(len(sample.words))]
    chance = set(pairs_by_chance(sample))
    rows = [np.empty(0, np.int64)]
    columns = [np.empty(0, np.int64)]
    may_join = np.array([_may_join(word) and word not in chance for word in sample.words], bool)
    for _ in range(PASSES):
        joined, new_units = _join(sample, units, may_join)
        is_new = joined.tokens >= len(units)
        rows.append(joined.texts[is_new])
        columns.append(joined.tokens[is_new] - len(sample.words))
        units += new_units
        may_join = np.append(may_join, np.ones(len(new_units), bool))
        sample = joined
    phrases = units[len(sample.words) :]
    shape = (sample.n_texts, len(phrases))
    return phrases, incidence(np.concatenate(rows), np.concatenate(columns), shape)


def written(phrase: Phrase, words: list[str]) -> str:
    """Return a phrase as it is written most; pairs of characters overlap by one."""
    parts = [with_case(words[word], case) for word, case in zip(*phrase, strict=True)]
    if not without_spaces(parts[0]):
        return " ".join(parts)
    return parts[0] + "".join(MARKED.findall(part)[-1] for part in parts[1:])


def pairs_by_chance(sample: WordSample) -> Iterator[str]:
    """Yield the pairs of characters, of scripts without spaces, that stand together by chance."""
    is_character = [without_spaces(word) == 1 for word in sample.words]
    pairs = Pairs.of(sample.tokens, np.array([*is_character, False]))
    for pair in np.flatnonzero(pairs.npmi < MIN_NPMI).tolist():
        yield sample.words[pairs.left[pair]] + sample.words[pairs.right[pair]]


def _may_join(word: str) -> bool:
    return without_spaces(word) != 1 and not word.isdigit()


def _join(
    sample: WordSample, units: list[Phrase], may_join: Mask
) -> tuple[WordSample, list[Phrase]]:
    """Return the sample with pairs joined that belong together, and these pairs."""
    frequencies = np.bincount(sample.tokens[sample.tokens != BREAK], minlength=len(units))
    may_join = may_join & (frequencies >= MIN_TEXTS)
    pairs = Pairs.of(sample.tokens, np.append(may_join, [False]))
    chosen = np.flatnonzero(_belong(sample, units, pairs, frequencies))
    numbers = np.full(len(pairs.left), BREAK)
    numbers[chosen] = len(units) + np.arange(len(chosen))
    number_at = np.full(len(sample.tokens), BREAK)
    number_at[pairs.positions] = numbers[pairs.pair_of_position]
    starts = _apart(np.flatnonzero(number_at != BREAK))
    tokens = sample.tokens.copy()
    tokens[starts] = number_at[starts]
    stays = np.ones(len(tokens), bool)
    stays[starts + 1] = False
    joined = replace(
        sample, tokens=tokens[stays], texts=sample.texts[stays], cases=sample.cases[stays]
    )
    return joined, list(_joined_units(sample, units, pairs, chosen))


def _belong(sample: WordSample, units: list[Phrase], pairs: Pairs, frequencies: Numbers) -> Mask:
    """Tell which pairs belong together, [pairs]."""
    lengths = np.array([len(unit.words) for unit in units], np.int64)
    belong = pairs.npmi >= MIN_NPMI
    belong &= lengths[pairs.left] + lengths[pairs.right] <= PHRASE_WORDS
    belong &= _count_texts(sample, pairs) >= MIN_TEXTS
    # Two pairs of characters overlap, so that they stand together even if only one is a word.
    is_unspaced = np.array([without_spaces(word) > 0 for word in sample.words], bool)
    overlaps = is_unspaced[[unit.words[0] for unit in units]][pairs.left]
    rarer = np.minimum(frequencies[pairs.left], frequencies[pairs.right])
    are_words: Mask = ~overlaps | (pairs.counts >= MIN_SHARE_OF_RARER * rarer)
    return belong & are_words


def _joined_units(
    sample: WordSample, units: list[Phrase], pairs: Pairs, chosen: Numbers
) -> Iterator[Phrase]:
    """Yield the chosen pairs as phrases, each word written as it is most beside the other."""
    left_cases = _usual_cases(sample, pairs, 0)
    right_cases = _usual_cases(sample, pairs, 1)
    for pair in chosen.tolist():
        left = units[pairs.left[pair]]
        right = units[pairs.right[pair]]
        cases_of_left = left.cases if len(left.words) > 1 else (int(left_cases[pair]),)
        cases_of_right = right.cases if len(right.words) > 1 else (int(right_cases[pair]),)
        yield Phrase(left.words + right.words, cases_of_left + cases_of_right)


def _usual_cases(sample: WordSample, pairs: Pairs, side: int) -> Numbers:
    """Return how the left (0) or right (1) word of each pair is written most, [pairs]."""
    cases = sample.cases[pairs.positions + side]
    shape = (len(pairs.left), len(CASES))
    counts = np.bincount(pairs.pair_of_position * len(CASES) + cases, minlength=np.prod(shape))
    usual: Numbers = counts.reshape(shape).argmax(axis=1)
    return usual


def _count_texts(sample: WordSample, pairs: Pairs) -> Numbers:
    """Return how many texts have each pair, [pairs]."""
    texts = sample.texts[pairs.positions]
    distinct = ascending(pairs.pair_of_position * max(1, sample.n_texts) + texts)
    counts: Numbers = np.bincount(distinct // max(1, sample.n_texts), minlength=len(pairs.left))
    return counts


def _apart(positions: Numbers) -> Numbers:
    """Return ascending positions without those right behind one that is returned."""
    apart = []
    last = BREAK - 1
    for position in positions.tolist():
        if position > last + 1:
            apart.append(position)
            last = position
    return np.array(apart, np.int64)
