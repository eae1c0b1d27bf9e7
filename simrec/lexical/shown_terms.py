"""Which shared terms of two texts are shown: what tells most, in one form, phrases whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from simrec.lexical.term_vectors import WEIGHT_BITS, PackedTerms, unpack
from simrec.lexical.vocabulary import PHRASE_WORDS, KnownPhrase, TermVocabulary
from simrec.lexical.words import TERM_IDS, lower, term_id, without_spaces

LOOKED_AT = 16  # shared terms, among which those that are shown are looked for
CHOICES = 5  # phrases of a word that are looked for, those of most words first
STEM = 4  # letters at least that forms of one word share, ...
ENDING = 3  # ... and by which one is longer at most; ...
SHORT_STEM = 3  # ... of a word of three letters, ...
SHORT_ENDING = 2  # ... by which its forms are longer
LEAST_WEIGHT = 0.02  # of a word that is shown in phrases alone
NONE = -1

Ids = NDArray[np.uint32]
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ShownTerms:
    """What is known of the terms of a vocabulary, in arrays by term, ascending by id.

    The first, of id 0, stands for all that are not in the vocabulary. A shown item is the id of a
    term, or TERM_IDS plus the number of a phrase. families are the same for forms of one word,
    ranks are lowest for the most frequent word; phrases are the numbers of up to CHOICES phrases of
    a term [terms, CHOICES], NONE for no more, and stands_for tells which of them it stands for.
    parts are the term ids of phrases [phrases, PHRASE_WORDS], 0 for no more.
    """

    ids: Ids
    weights: NDArray[np.float32]
    is_alone: Mask
    families: Numbers
    ranks: Numbers
    phrases: Numbers
    stands_for: Mask
    parts: Ids

    @classmethod
    def of(cls, vocabulary: TermVocabulary) -> Self:
        """Look up the terms of a vocabulary."""
        written = {0: ("", len(vocabulary))}
        for rank, form in enumerate(vocabulary.written):
            term = term_id(lower(form))
            if vocabulary.get(term) == form:
                written[term] = (form, rank)
        ids = np.array(sorted(written), np.uint32)
        forms = [written[term][0] for term in ids.tolist()]
        weights = np.array([vocabulary.weight(form) for form in forms], np.float32)
        ranks = np.array([written[term][1] for term in ids.tolist()])
        parts = _parts(vocabulary.phrases)
        least = np.where(np.isin(ids, parts), np.float32(LEAST_WEIGHT), np.float32(0))
        phrases, stands_for = _phrases_of_terms(ids, vocabulary.phrases)
        return cls(
            ids=ids,
            weights=np.maximum(weights, least),
            is_alone=weights > 0,
            families=_families(forms, ranks),
            ranks=ranks,
            phrases=phrases,
            stands_for=stands_for,
            parts=parts,
        )

    def weigh(self, packed: PackedTerms) -> PackedTerms:
        """Return packed terms whose weights are multiplied by what they tell; 0 of those muted."""
        ids, weights = unpack(packed)
        factors = self.weights[self.positions(ids)]
        parts = np.maximum(np.rint(weights * factors), 1).astype(np.uint32)
        weighed: PackedTerms = (ids << np.uint32(WEIGHT_BITS)) | parts
        return np.where((factors > 0) & (packed > 0), weighed, np.uint32(0))

    def choose(self, shared: Ids, most: int) -> Ids:
        """Return the items that are shown of shared terms [n, terms], best first: [n, most].

        0 stands for no more. A phrase is shown where all its words are shared, or one that stands
        for it; of the forms of a word, the most frequent one that is shared.
        """
        choice = _Choice(self, shared, most)
        for place in range(shared.shape[1]):
            choice.look_at(place)
        return choice.items

    def positions(self, ids: Ids) -> Numbers:
        """Return where terms are, 0 of those unknown."""
        positions = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        return np.where(self.ids[positions] == ids, positions, 0)

    def families_of(self, ids: Ids) -> Numbers:
        """Return the families of terms; those unknown are alone in theirs, 0 is that of id 0."""
        positions = self.positions(ids)
        return np.where(positions > 0, self.families[positions], -ids.astype(np.int64))


class _Choice:
    """The items that are chosen, shared term by shared term, for n pairs of texts at once."""

    def __init__(self, terms: ShownTerms, shared: Ids, most: int) -> None:
        self.items = np.zeros((len(shared), most), np.uint32)
        self._terms = terms
        self._shared = shared
        self._positions = terms.positions(shared)
        self._families = terms.families_of(shared)
        self._count = np.zeros(len(shared), np.int64)
        # Families of what is shown already: no other form of it is shown, nor a part.
        self._shown = np.zeros((len(shared), most * PHRASE_WORDS), np.int64)

    def look_at(self, place: int) -> None:
        """Show the term of a place in each pair, or its phrase, unless it is shown already."""
        is_wanted = (self._shared[:, place] > 0) & (self._count < self.items.shape[1])
        pairs = np.flatnonzero(is_wanted)
        terms = self._terms
        position = self._positions[pairs, place]
        items = self._best_form(pairs, place)
        families = np.zeros((len(items), PHRASE_WORDS), np.int64)
        families[:, 0] = self._families[pairs, place]
        for choice in reversed(range(CHOICES)):
            phrase = terms.phrases[position, choice]
            rows = np.flatnonzero(phrase != NONE)
            parts = terms.parts[phrase[rows]]
            is_whole = terms.stands_for[position[rows], choice]
            is_whole |= self._are_shared(pairs[rows], parts)
            items[rows[is_whole]] = TERM_IDS + phrase[rows[is_whole]]
            families[rows[is_whole]] = terms.families_of(parts[is_whole])
        self._show(pairs, items, families)

    def _show(self, pairs: Numbers, items: Numbers, families: Numbers) -> None:
        """Add an item to pairs, 0 for none, unless a word of its families is shown already."""
        shown = self._shown[pairs]
        is_shown = (shown[:, :, None] == families[:, None, :]) & (families != 0)[:, None, :]
        is_new = (items > 0) & ~is_shown.any(axis=(1, 2))
        rows = pairs[is_new]
        self.items[rows, self._count[rows]] = items[is_new]
        for part in range(PHRASE_WORDS):
            self._shown[rows, self._count[rows] * PHRASE_WORDS + part] = families[is_new, part]
        self._count[rows] += 1

    def _best_form(self, pairs: Numbers, place: int) -> NDArray[np.int64]:
        """Return the most frequent shared form of the term of a place, 0 if it is muted."""
        positions = self._positions[pairs]
        shared = self._shared[pairs]
        families = self._families[pairs]
        is_form = families == families[:, place, None]
        is_form &= self._terms.is_alone[positions] & (shared > 0)
        ranks = np.where(is_form, self._terms.ranks[positions], np.iinfo(np.int64).max)
        best = ranks.argmin(axis=1)
        forms = np.take_along_axis(shared, best[:, None], axis=1)[:, 0].astype(np.int64)
        return np.where(self._terms.is_alone[positions[:, place]], forms, 0)

    def _are_shared(self, rows: Numbers, parts: Ids) -> Mask:
        """Tell whether all parts of phrases [rows, PHRASE_WORDS] are shared."""
        is_there = (self._shared[rows][:, None, :] == parts[:, :, None]).any(axis=2)
        are_shared: Mask = (is_there | (parts == 0)).all(axis=1)
        return are_shared


def _parts(phrases: Sequence[KnownPhrase]) -> Ids:
    """Return the term ids of phrases [phrases, PHRASE_WORDS], 0 for no more."""
    parts = np.zeros((len(phrases), PHRASE_WORDS), np.uint32)
    for row, phrase in zip(parts, phrases, strict=True):
        row[: len(phrase.words)] = [term_id(word) for word in phrase.words]
    return parts


def _phrases_of_terms(ids: Ids, phrases: Sequence[KnownPhrase]) -> tuple[Numbers, Mask]:
    """Return the phrases of each term, those of most words and most telling first."""
    numbers = np.full((len(ids), CHOICES), NONE)
    stands_for = np.zeros((len(ids), CHOICES), bool)
    row_of = {term: row for row, term in enumerate(ids.tolist())}
    count = [0] * len(ids)

    def order(number: int) -> tuple[int, float, int]:
        return -len(phrases[number].words), -phrases[number].weight, number

    for number in sorted(range(len(phrases)), key=order):
        for word in phrases[number].words:
            row = row_of.get(term_id(word), 0)
            if row and count[row] < CHOICES:
                numbers[row, count[row]] = number
                stands_for[row, count[row]] = word in phrases[number].stand_for_it
                count[row] += 1
    return numbers, stands_for


def _families(forms: Sequence[str], ranks: Numbers) -> Numbers:
    """Return a number from 1 for each form, the same for forms of one word; the first is none.

    Words are taken by their rank: one that differs in its ending from a more frequent one, which is
    of no other family, is a form of that.
    """
    families = np.zeros(len(forms), np.int64)
    family_of_stem: dict[str, int] = {}
    for family, row in enumerate(np.argsort(ranks, kind="stable").tolist(), start=1):
        word = lower(forms[row])
        stems = stems_of(word)
        if SHORT_STEM < len(word) <= SHORT_STEM + SHORT_ENDING:
            stems.append(word[:SHORT_STEM])
        known = [family_of_stem[stem] for stem in stems if stem in family_of_stem]
        families[row] = known[0] if known else family
        if not known:
            family_of_stem.update(dict.fromkeys(stems_of(word), family))
    families[0] = 0
    return families


def stems_of(word: str) -> list[str]:
    """Return a word without up to ENDING letters of its ending, the longest first.

    A word of a script without spaces has no endings.
    """
    least = len(word) if without_spaces(word) else max(STEM, len(word) - ENDING)
    lengths = list(range(len(word), least - 1, -1)) or [len(word)]
    return [word[:length] for length in lengths]
