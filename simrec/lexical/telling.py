"""Which words tell something: those whose texts are more alike than texts are by chance."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from simrec.lexical.vocabulary import UNJUDGED_WEIGHT

Floats = NDArray[np.float32]

JUDGED_TEXTS = 3  # that have a word, from which it is judged
# A word tells something if its texts are at least so much more alike than texts by chance ...
LEAST_ALIKE = 0.05
# ... and of words of more than this share of the texts, more for each time they are ten times as
# frequent: less for words that come in bursts, of a residual idf of 1 ...
FREQUENT = 0.001
MORE_ALIKE = 0.03
# ... than for words of a residual idf of 0, which are spread evenly.
MORE_ALIKE_IF_EVEN = 0.09
FULL_WEIGHT = 0.5  # words whose texts are as alike as this count in full
COMMON_SHARE = 0.01  # of the texts have a word that is everywhere, ...
COMMON_ALIKE = 0.5  # ... and these are less alike than this times what would tell something
GROUPS = 8  # of texts by language
MIN_GROUP = 0.02  # share of the texts that a language has


def least_likeness(
    texts: NDArray[np.int64], occurrences: NDArray[np.int64], n_texts: int
) -> NDArray[np.float64]:
    """Return how alike the texts of a word have to be for it to tell something, [words].

    Residual idf (Church & Gale 1995) is how much rarer a word is than its occurrences would make
    it, were they spread evenly.
    """
    share = texts / max(1, n_texts)
    by_chance = 1 - np.exp(-occurrences / max(1, n_texts))
    residual_idf = np.log2(np.maximum(by_chance, 1e-12) / np.maximum(share, 1e-12))
    evenness = 1 - residual_idf.clip(0, 1)
    slope = MORE_ALIKE + (MORE_ALIKE_IF_EVEN - MORE_ALIKE) * evenness
    least: NDArray[np.float64] = LEAST_ALIKE + slope * np.log10(np.maximum(1, share / FREQUENT))
    return least


def telling_weights(
    alike: NDArray[np.float64], least: NDArray[np.float64], texts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how much each word says about a text, 0 to 1; 0 of function words, [words].

    alike are from `likeness`, least from `least_likeness`, texts how many have each word. Function
    words of any language are in texts of all subjects, so that these are no more alike than any
    texts. Weights are rounded to three decimals.
    """
    weights = np.minimum(alike, FULL_WEIGHT) / FULL_WEIGHT
    weights[alike < least] = 0
    weights[texts < JUDGED_TEXTS] = UNJUDGED_WEIGHT
    return weights.round(3)


def likeness(incidence: sparse.csc_matrix, vectors: Floats) -> NDArray[np.float64]:
    """Return the mean cosine of two texts that have a column, beyond chance, [columns].

    incidence is 1 where a text has a word, [texts, columns]; vectors are those of the texts [texts,
    dim], of length one. It is shrunk where few texts have a column, and 0 where one text has it.
    """
    centred = centred_by_group(vectors, language_groups(incidence)).astype(np.float64)
    squares = (centred**2).sum(axis=1)
    texts = np.diff(incidence.indptr).astype(np.float64)
    sums = incidence.T.astype(np.float64) @ centred
    between = (sums**2).sum(axis=1) - incidence.T @ squares
    pairs = np.maximum(1, texts * (texts - 1))
    mean_square = max(float(squares.mean()) if len(squares) else 0.0, 1e-12)
    shrunk: NDArray[np.float64] = between / pairs / mean_square * texts / (texts + 2)
    return shrunk


def language_groups(incidence: sparse.csc_matrix) -> NDArray[np.int64]:
    """Return a group for each text, so that languages fall into different ones, [texts].

    The most frequent word of the texts that have no group yet makes one of all that have it, which
    is a function word of the language that most of them are in. Texts of one language are more
    alike than others, which would otherwise make all its words tell something.
    """
    rows = incidence.tocsr()
    groups = np.zeros(incidence.shape[0], np.int64)
    rest = np.arange(incidence.shape[0])
    for group in range(1, GROUPS):
        counts = np.asarray(rows[rest].sum(axis=0)).ravel()
        if counts.max(initial=0) < max(2, MIN_GROUP * incidence.shape[0]):
            break
        word = int(counts.argmax())
        has_word = np.isin(
            rest, incidence.indices[incidence.indptr[word] : incidence.indptr[word + 1]]
        )
        groups[rest[has_word]] = group
        rest = rest[~has_word]
    return groups


def centred_by_group(vectors: Floats, groups: NDArray[np.int64]) -> Floats:
    """Return vectors less the mean of their group."""
    centred = vectors.astype(np.float32)
    for group in np.unique(groups):
        members = groups == group
        centred[members] -= centred[members].mean(axis=0)
    return centred
